/** Reply drafts of one lead that wait for a person: to read, copy and send by hand, or dismiss. */
import { useEffect } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { channelName } from './format.ts'
import { useAction, useLoaded } from './loading.ts'

interface Draft {
  id: string
  leadId: string
  channel: string
  body: string
  model: string
}

interface DraftsProps {
  client: Api
  leadId: string
  /** Changes when the lead has changed: a new message may have brought or outdated a draft. */
  version: number
}

export function Drafts({ client, leadId, version }: DraftsProps) {
  const drafts = useLoaded(
    () => client.get<Page<Draft>>('/api/v1/drafts?status=pending&limit=200'),
    [client],
  )
  useEffect(() => drafts.reload(), [version])
  const action = useAction()
  const mine = drafts.value?.items.filter((draft) => draft.leadId === leadId) ?? []
  const decide = (id: string, verb: 'approve' | 'dismiss') =>
    action.run(async () => {
      await client.send('POST', `/api/v1/drafts/${id}/${verb}`)
      drafts.reload()
    })
  return (
    <>
      {action.error && (
        <p class="problem" role="alert">
          {action.error}
        </p>
      )}
      {mine.map(({ id, channel, body, model }) => (
        <section key={id} class="draft" aria-label="Reply draft">
          <p class="meta">
            <strong>Reply draft</strong> {channelName(channel)} <span>by {model}, not sent</span>
          </p>
          <p class="body">{body}</p>
          <p class="row">
            <button
              type="button"
              class="primary"
              disabled={action.busy}
              onClick={() => {
                void navigator.clipboard?.writeText(body)
                decide(id, 'approve')
              }}
            >
              Approve and copy
            </button>
            <button type="button" disabled={action.busy} onClick={() => decide(id, 'dismiss')}>
              Dismiss
            </button>
          </p>
        </section>
      ))}
    </>
  )
}
