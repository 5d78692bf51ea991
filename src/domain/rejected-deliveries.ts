/** Rejected deliveries: authentic, not understood, kept for a person to look at and send again. */
import type { Channel, ProviderName } from './channels/inbound-event.ts'
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from './page.ts'
import { type Sql, toDate, toDateOrNull } from './sql.ts'

export interface RejectedDelivery {
  id: string
  /** Null: the connection was deleted since. */
  connectionId: string | null
  channel: Channel
  provider: ProviderName
  reason: string
  field: string | null
  contentType: string | null
  bodyBytes: number
  /** How often the provider sent it. */
  deliveries: number
  receivedAt: Date
  replayedAt: Date | null
  replayResult: string | null
}

export const rejectedStates = ['all', 'open', 'replayed'] as const
export type RejectedState = (typeof rejectedStates)[number]

/** A replay that was rejected again leaves the delivery open. */
const stateConditions: Record<RejectedState, string> = {
  all: 'true',
  open: `(replayed_at is null or replay_result like 'rejected%')`,
  replayed: `(replayed_at is not null and replay_result not like 'rejected%')`,
}

/** Newest first, without the bodies. */
export async function listRejected(
  sql: Sql,
  { workspaceId, state }: { workspaceId: string; state: RejectedState },
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<RejectedDelivery, TimeKey>> {
  const rows = await sql.query<RejectedDelivery & { at: string }>(
    `select id, connection_id as "connectionId", channel, provider, reason, field,
       content_type as "contentType", octet_length(body) as "bodyBytes", deliveries,
       received_at as "receivedAt", replayed_at as "replayedAt", replay_result as "replayResult",
       ${exactTime('received_at')} as at
     from rejected_delivery
     where workspace_id = $1::uuid and ${stateConditions[state]}
       and ($2::timestamptz is null or (received_at, id) < ($2::timestamptz, $3::uuid))
     order by received_at desc, id desc
     limit $4::int`,
    [workspaceId, after?.at ?? null, after?.id ?? null, limit + 1],
  )
  const page = pageOf(rows, limit, ({ at, id }) => ({ at, id }))
  return {
    ...page,
    rows: page.rows.map(({ at: _, ...row }) => ({
      ...row,
      bodyBytes: Number(row.bodyBytes),
      deliveries: Number(row.deliveries),
      receivedAt: toDate(row.receivedAt),
      replayedAt: toDateOrNull(row.replayedAt),
    })),
  }
}

/** Notes what became of a replay; false: unknown delivery. */
export async function noteReplay(
  sql: Sql,
  what: { workspaceId: string; rejectedId: string; result: string },
): Promise<boolean> {
  const rows = await sql.query(
    `update rejected_delivery set replayed_at = now(), replay_result = $3
     where id = $1::uuid and workspace_id = $2::uuid
     returning id`,
    [what.rejectedId, what.workspaceId, what.result],
  )
  return rows.length === 1
}
