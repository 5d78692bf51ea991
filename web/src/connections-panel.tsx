/** Connections: make one, copy its webhook URL while it is shown, send it a test, rotate, delete. */
import { useState } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { channelName, channelNames, exactly } from './format.ts'
import { useAction, useLoaded } from './loading.ts'

interface Connection {
  id: string
  channel: string
  provider: string
  name: string
  signed: boolean
  createdAt: string
  previousTokenExpiresAt: string | null
}

/** A URL that is shown this once: after making or rotating. */
interface Shown {
  id: string
  provider: string
  webhookUrl: string
}

/** DESIGN section 1; `generic` is ours and works on every channel. */
const providers: Record<string, string[]> = {
  email: ['emailbison', 'postmark', 'generic'],
  sms: ['gohighlevel', 'twilio', 'generic'],
  linkedin: ['unipile', 'generic'],
  smartlead: ['smartlead', 'generic'],
  instantly: ['instantly', 'generic'],
}

export function ConnectionsPanel({ client }: { client: Api }) {
  const list = useLoaded(
    () => client.get<Page<Connection>>('/api/v1/connections?limit=200'),
    [client],
  )
  const [shown, setShown] = useState<Shown | null>(null)
  const action = useAction()
  const change = (work: () => Promise<Shown | null>) =>
    action.run(async () => {
      setShown(await work())
      list.reload()
    })
  const rotate = ({ id, provider }: Connection) =>
    change(async () => {
      const { webhookUrl } = await client.send<{ webhookUrl: string }>(
        'POST',
        `/api/v1/connections/${id}/rotate`,
      )
      return { id, provider, webhookUrl }
    })
  const remove = ({ id, name }: Connection) => {
    if (!confirm(`Delete "${name}"? Its webhook URL ends at once; its messages stay.`)) return
    change(async () => {
      await client.send('DELETE', `/api/v1/connections/${id}`)
      return null
    })
  }
  return (
    <section aria-labelledby="connections">
      <h3 id="connections">Connections</h3>
      <p class="muted">
        One for each provider account. Its webhook URL is a secret, shown when it is made or
        rotated.
      </p>
      {(list.error ?? action.error) && (
        <p class="problem" role="alert">
          {list.error ?? action.error}
        </p>
      )}
      {shown && <Secret shown={shown} />}
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Channel</th>
            <th scope="col">Provider</th>
            <th scope="col">Signed</th>
            <th scope="col">Made</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.value?.items.map((connection) => (
            <tr key={connection.id}>
              <th scope="row">{connection.name}</th>
              <td>{channelName(connection.channel)}</td>
              <td>{connection.provider}</td>
              <td>{connection.signed ? 'yes' : 'no'}</td>
              <td>
                {exactly(connection.createdAt)}
                {connection.previousTokenExpiresAt && (
                  <span class="sub">
                    old URL works until {exactly(connection.previousTokenExpiresAt)}
                  </span>
                )}
              </td>
              <td class="row">
                <button
                  type="button"
                  aria-label={`New URL for ${connection.name}`}
                  disabled={action.busy}
                  onClick={() => rotate(connection)}
                >
                  New URL
                </button>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Delete ${connection.name}`}
                  disabled={action.busy}
                  onClick={() => remove(connection)}
                >
                  Delete
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <NewConnection
        busy={action.busy}
        onMake={(wanted) => change(() => client.send<Shown>('POST', '/api/v1/connections', wanted))}
      />
    </section>
  )
}

interface Wanted {
  channel: string
  provider: string
  name: string
}

function NewConnection({ busy, onMake }: { busy: boolean; onMake(wanted: Wanted): void }) {
  const [wanted, setWanted] = useState<Wanted>({
    channel: 'email',
    provider: 'emailbison',
    name: '',
  })
  return (
    <form
      class="row inline"
      onSubmit={(event) => {
        event.preventDefault()
        onMake({ ...wanted, name: wanted.name.trim() || `${wanted.provider} ${wanted.channel}` })
      }}
    >
      <select
        aria-label="Channel of the new connection"
        value={wanted.channel}
        onChange={({ currentTarget: { value: channel } }) =>
          setWanted({ ...wanted, channel, provider: providers[channel]?.[0] ?? 'generic' })
        }
      >
        {Object.entries(channelNames).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <select
        aria-label="Provider of the new connection"
        value={wanted.provider}
        onChange={(event) => setWanted({ ...wanted, provider: event.currentTarget.value })}
      >
        {providers[wanted.channel]?.map((provider) => (
          <option key={provider}>{provider}</option>
        ))}
      </select>
      <input
        type="text"
        aria-label="Name of the new connection"
        placeholder="Name"
        maxLength={200}
        value={wanted.name}
        onInput={(event) => setWanted({ ...wanted, name: event.currentTarget.value })}
      />
      <button type="submit" disabled={busy}>
        Connect
      </button>
    </form>
  )
}

function Secret({ shown }: { shown: Shown }) {
  const [copied, setCopied] = useState(false)
  const [result, setResult] = useState<string | null>(null)
  const action = useAction()
  return (
    <div class="notice" role="status">
      <p>Paste this URL at {shown.provider}; it is not shown again.</p>
      <code class="block">{shown.webhookUrl}</code>
      <p class="row">
        <button
          type="button"
          onClick={() =>
            void navigator.clipboard.writeText(shown.webhookUrl).then(() => setCopied(true))
          }
        >
          {copied ? 'Copied' : 'Copy'}
        </button>
        {shown.provider === 'generic' && (
          <button
            type="button"
            disabled={action.busy}
            onClick={() => action.run(async () => setResult(await sendTest(shown.webhookUrl)))}
          >
            Send test webhook
          </button>
        )}
        {(action.error ?? result) && <span>{action.error ?? result}</span>}
      </p>
    </div>
  )
}

/** Through the real front door, as a sender would. */
async function sendTest(webhookUrl: string): Promise<string> {
  const { pathname } = new URL(webhookUrl)
  const response = await fetch(pathname, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      externalId: crypto.randomUUID(),
      body: 'This is a test. Could you send me your price list?',
      lead: { email: 'test@leadpulse.example', firstName: 'Test', lastName: 'Lead' },
    }),
  })
  const { status, reason } = (await response.json()) as { status?: string; reason?: string }
  return `Answered ${response.status}: ${status ?? ''}${reason ? ` (${reason})` : ''}`
}
