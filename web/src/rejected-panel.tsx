/** Deliveries that were authentic but not understood: kept, and to be replayed after an update. */
import { useState } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { channelName, exactly, plural } from './format.ts'
import { useAction, useLoaded } from './loading.ts'
import { ActionsHead, ScrollTable } from './scroll-table.tsx'

interface Rejected {
  id: string
  channel: string
  provider: string
  reason: string
  field: string | null
  bodyBytes: number
  deliveries: number
  receivedAt: string
}

export function RejectedPanel({ client }: { client: Api }) {
  const list = useLoaded(
    () => client.get<Page<Rejected>>('/api/v1/rejected?state=open&limit=50'),
    [client],
  )
  const action = useAction()
  const [result, setResult] = useState<string | null>(null)
  const replay = (id: string) =>
    action.run(async () => {
      const answer = await client.send<{ status: string; reason?: string }>(
        'POST',
        `/api/v1/rejected/${id}/replay`,
      )
      setResult(`Replayed: ${answer.status}${answer.reason ? ` (${answer.reason})` : ''}`)
      list.reload()
    })
  const items = list.value?.items ?? []
  return (
    <section aria-labelledby="rejected">
      <h3 id="rejected">Rejected deliveries</h3>
      <p class="muted" role="status">
        {result ?? 'What a provider sent and Leadpulse did not understand. Nothing of it is lost.'}
      </p>
      {(list.error ?? action.error) && (
        <p class="problem" role="alert">
          {list.error ?? action.error}
        </p>
      )}
      {list.value && items.length === 0 && <p>None. Everything that came was understood.</p>}
      {items.length > 0 && (
        <ScrollTable label="Rejected deliveries">
          <thead>
            <tr>
              <th scope="col">Received</th>
              <th scope="col">From</th>
              <th scope="col">Why</th>
              <ActionsHead />
            </tr>
          </thead>
          <tbody>
            {items.map(({ id, receivedAt, channel, provider, reason, deliveries }) => (
              <tr key={id}>
                <th scope="row">{exactly(receivedAt)}</th>
                <td>
                  {provider} on {channelName(channel)}
                </td>
                <td>
                  {reason}
                  {deliveries > 1 && <span class="sub">sent {plural(deliveries, 'time')}</span>}
                </td>
                <td>
                  <button type="button" disabled={action.busy} onClick={() => replay(id)}>
                    Replay
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </ScrollTable>
      )}
    </section>
  )
}
