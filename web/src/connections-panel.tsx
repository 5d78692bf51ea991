/** Connections: make one, copy its webhook URL while it is shown, send it a test, rotate, delete. */
import { useState } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { channelName, channelNames, exactly, onDay } from './format.ts'
import { useAction, useLoaded } from './loading.ts'
import { ActionsHead, ScrollTable } from './scroll-table.tsx'
import { addressOf, everything, type View } from './session.ts'

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

interface TestAnswer {
  status: 'accepted' | 'duplicate' | 'ignored' | 'rejected'
  reason?: string
  leadId?: string
}

interface Tested {
  name: string
  answer: TestAnswer
}

interface ConnectionsPanelProps {
  client: Api
  onView(view: View): void
}

export function ConnectionsPanel({ client, onView }: ConnectionsPanelProps) {
  const list = useLoaded(
    () => client.get<Page<Connection>>('/api/v1/connections?limit=200'),
    [client],
  )
  const [shown, setShown] = useState<Shown | null>(null)
  const [tested, setTested] = useState<Tested | null>(null)
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
  const test = ({ id, name }: Connection) =>
    action.run(async () => {
      setTested(null)
      const answer = await client.send<TestAnswer>('POST', `/api/v1/connections/${id}/test`)
      setTested({ name, answer })
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
        rotated. A test webhook makes a demo lead, in the provider’s format.
      </p>
      {(list.error ?? action.error) && (
        <p class="problem" role="alert">
          {list.error ?? action.error}
        </p>
      )}
      {shown && <Secret shown={shown} />}
      <div role="status">{tested && <TestResult {...tested} onView={onView} />}</div>
      <ScrollTable label="Connections">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Channel</th>
            <th scope="col">Provider</th>
            <th scope="col">Signed</th>
            <th scope="col">Made</th>
            <ActionsHead />
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
                <time dateTime={connection.createdAt} title={exactly(connection.createdAt)}>
                  {onDay(connection.createdAt)}
                </time>
                {connection.previousTokenExpiresAt && (
                  <span class="sub">
                    old URL works until {exactly(connection.previousTokenExpiresAt)}
                  </span>
                )}
              </td>
              <td>
                <div class="row">
                  <button
                    type="button"
                    aria-label={`Send test webhook to ${connection.name}`}
                    disabled={action.busy}
                    onClick={() => test(connection)}
                  >
                    Send test webhook
                  </button>
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
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </ScrollTable>
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
        setWanted({ ...wanted, name: '' })
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

function TestResult({ name, answer, onView }: Tested & { onView(view: View): void }) {
  const { status, reason, leadId } = answer
  const view = { ...everything, lead: leadId ?? null }
  return (
    <p class={status === 'accepted' ? 'notice' : 'problem'}>
      Test webhook to {name}: {status}
      {reason && ` (${reason})`}.{' '}
      {leadId && (
        <a
          href={addressOf(view)}
          onClick={(event) => {
            event.preventDefault()
            onView(view)
          }}
        >
          See its lead
        </a>
      )}
    </p>
  )
}

function Secret({ shown }: { shown: Shown }) {
  const [copied, setCopied] = useState(false)
  const action = useAction()
  return (
    <div class="notice" role="status">
      <p>Paste this URL at {shown.provider}; it is not shown again.</p>
      <code class="block">{shown.webhookUrl}</code>
      <p class="row">
        <button
          type="button"
          onClick={() =>
            action.run(async () => {
              await copy(shown.webhookUrl)
              setCopied(true)
            })
          }
        >
          {copied ? 'Copied' : 'Copy'}
        </button>
        {action.error && <span>{action.error}</span>}
      </p>
    </div>
  )
}

/** Browsers give the clipboard to https and localhost only. */
async function copy(text: string): Promise<void> {
  if (!navigator.clipboard) throw new Error('This browser lets no page copy here: mark the URL.')
  await navigator.clipboard.writeText(text)
}
