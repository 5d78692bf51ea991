/**
 * What is thrown away with age: score events, rejected deliveries, the payloads of messages with the
 * steps of their post-processing (the messages themselves stay), audit events, the accounting of AI calls and, where that is asked for,
 * people of whom nothing was heard for long. In batches, each a statement that commits by itself and skips what
 * others hold, so that no lock is held long and several processes may prune at once.
 *
 * Jobs are not here: the queue deletes ended ones after an hour and dead letters after 14 days.
 */
import { eraseLead, type ForgetJobs } from './leads/erase-lead.ts'
import type { Store } from './sql.ts'

export interface RetentionDays {
  scoreEvents: number
  rejected: number
  payloads: number
  audit: number
  aiCalls: number
  /** Null: people stay until they are erased. */
  leads: number | null
}

export type Pruned = Record<keyof RetentionDays, number>

/** Of each workspace, for those tables that are read by workspace; a few milliseconds of locks. */
export const PRUNE_BATCH = 1000
/** People are erased one by one, each with a search of the rejected deliveries. */
const LEADS_BATCH = 50
const DAY_MS = 86_400_000
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

export interface Pruner {
  /** One batch of each kind; `more`: there is at least another one. */
  prune(now: number): Promise<{ pruned: Pruned; more: boolean }>
}

export function pruner(sql: Store, days: RetentionDays, forgetJobs: ForgetJobs): Pruner {
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

  async function pruneOld(statement: string, until: Date): Promise<number> {
    return (await sql.query(statement, [until.toISOString(), PRUNE_BATCH])).length
  }

  return {
    async prune(now) {
      const payloads = await prunePayloads(before(now, days.payloads))
      const pruned: Pruned = {
        scoreEvents: await pruneOld(scoreEventsSql, before(now, days.scoreEvents)),
        rejected: await pruneOld(rejectedSql, before(now, days.rejected)),
        audit: await pruneOld(byTime('audit_event', 'at'), before(now, days.audit)),
        aiCalls: await pruneOld(byTime('ai_interaction', 'created_at'), before(now, days.aiCalls)),
        payloads: payloads.pruned,
        leads:
          days.leads === null ? 0 : await eraseSilent(sql, before(now, days.leads), forgetJobs),
      }
      const { leads, payloads: _, ...byStatement } = pruned
      const more = Object.values(byStatement).some((rows) => rows >= PRUNE_BATCH)
      return { pruned, more: more || payloads.more || leads >= LEADS_BATCH }
    },
  }
}

/** Each in a transaction of its own; one that was heard of meanwhile stays. */
async function eraseSilent(store: Store, until: Date, forgetJobs: ForgetJobs): Promise<number> {
  const silent = await store.query<{ id: string; workspaceId: string }>(silentSql, [
    until.toISOString(),
    LEADS_BATCH,
  ])
  for (const { id, workspaceId } of silent) {
    await store.transaction(async (tx) => {
      const still = await tx.query(
        'select 1 from lead where id = $1::uuid and last_activity_at < $2::timestamptz for update',
        [id, until.toISOString()],
      )
      if (still.length === 1) await eraseLead(tx, { workspaceId, leadId: id }, forgetJobs)
    })
  }
  return silent.length
}

const silentSql = `
  select silent.id, workspace.id as "workspaceId"
  from workspace, lateral (
    select id from lead
    where lead.workspace_id = workspace.id and lead.last_activity_at < $1::timestamptz
    order by last_activity_at, id
    limit $2::int
  ) as silent
  limit $2::int
`

/** By the index of workspace and time that both tables have. */
const byTime = (table: 'audit_event' | 'ai_interaction', column: string) => `
  delete from ${table} as gone
  using workspace, lateral (
    select id from ${table} as old
    where old.workspace_id = workspace.id and old.${column} < $1::timestamptz
    order by old.${column}
    limit $2::int
    for update skip locked
  ) as pruned
  where gone.id = pruned.id
  returning 1
`

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

/**
 * Ids are in the order of receipt (UUID version 7), so the primary key finds the old ones. Steps only
 * spare an unfinished job what it has done; one that is brought back later than this does it again.
 */
const payloadsSql = `
  with walked as materialized (
    select id from message where id > $1::uuid and id < $2::uuid order by id limit $3::int
  ), pruned as (
    update message set payload = null
    from walked where message.id = walked.id and message.payload is not null
    returning 1
  ), steps as (
    delete from message_step using walked where message_step.message_id = walked.id
  )
  select (select id from walked order by id desc limit 1) as last,
    (select count(*) from walked) as seen, (select count(*) from pruned) as pruned
`

/** The smallest id that a message received then could have. */
function idAt(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
