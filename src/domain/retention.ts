/**
 * What is thrown away with age: score events, rejected deliveries and the payloads of messages (the
 * messages themselves stay). In batches, each a statement that commits by itself and skips what
 * others hold, so that no lock is held long and several processes may prune at once.
 *
 * Jobs are not here: the queue deletes ended ones after an hour and dead letters after 14 days.
 */
import type { Sql } from './sql.ts'

export interface RetentionDays {
  scoreEvents: number
  rejected: number
  payloads: number
}

export interface Pruned {
  scoreEvents: number
  rejected: number
  payloads: number
}

/** Of each workspace, for those tables that are read by workspace; a few milliseconds of locks. */
export const PRUNE_BATCH = 1000
const DAY_MS = 86_400_000
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

export interface Pruner {
  /** One batch of each kind; `more`: there is at least another one. */
  prune(now: number): Promise<{ pruned: Pruned; more: boolean }>
}

export function pruner(sql: Sql, days: RetentionDays): Pruner {
  /** Messages up to here have lost their payload. Begins anew with the process: that costs a walk. */
  let after = FIRST_ID
  const before = (now: number, age: number) => new Date(now - age * DAY_MS)

  async function prunePayloads(until: Date): Promise<{ pruned: number; more: boolean }> {
    const [row] = await sql.query<{ last: string | null; seen: unknown; pruned: unknown }>(
      payloadsSql,
      [after, idAt(until), PRUNE_BATCH],
    )
    if (row?.last) after = row.last
    return { pruned: Number(row?.pruned ?? 0), more: Number(row?.seen ?? 0) === PRUNE_BATCH }
  }

  return {
    async prune(now) {
      const scoreEvents = await sql.query(scoreEventsSql, [
        before(now, days.scoreEvents).toISOString(),
        PRUNE_BATCH,
      ])
      const rejected = await sql.query(rejectedSql, [
        before(now, days.rejected).toISOString(),
        PRUNE_BATCH,
      ])
      const payloads = await prunePayloads(before(now, days.payloads))
      return {
        pruned: {
          scoreEvents: scoreEvents.length,
          rejected: rejected.length,
          payloads: payloads.pruned,
        },
        more: scoreEvents.length >= PRUNE_BATCH || rejected.length >= PRUNE_BATCH || payloads.more,
      }
    },
  }
}

/** Oldest first by number, which is the primary key; the newest stays, for resuming clients. */
const scoreEventsSql = `
  delete from score_event as event
  using workspace, lateral (
    select seq from score_event as old
    where old.workspace_id = workspace.id and old.seq < workspace.feed_seq
      and old.scored_at < $1::timestamptz
    order by old.seq
    limit $2::int
    for update skip locked
  ) as pruned
  where event.workspace_id = workspace.id and event.seq = pruned.seq
  returning 1
`

const rejectedSql = `
  delete from rejected_delivery as delivery
  using workspace, lateral (
    select id from rejected_delivery as old
    where old.workspace_id = workspace.id and old.received_at < $1::timestamptz
    order by old.received_at, old.id
    limit $2::int
    for update skip locked
  ) as pruned
  where delivery.id = pruned.id
  returning 1
`

/** Ids are in the order of receipt (UUID version 7), so the primary key finds the old ones. */
const payloadsSql = `
  with walked as materialized (
    select id from message where id > $1::uuid and id < $2::uuid order by id limit $3::int
  ), pruned as (
    update message set payload = null
    from walked where message.id = walked.id and message.payload is not null
    returning 1
  )
  select (select id from walked order by id desc limit 1) as last,
    (select count(*) from walked) as seen, (select count(*) from pruned) as pruned
`

/** The smallest id that a message received then could have. */
function idAt(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
