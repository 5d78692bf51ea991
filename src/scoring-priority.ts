/**
 * Which scoring job goes first, in the queue and at the gate. A lead has one waiting and one held job
 * at most, so a message that finds one there already lifts it instead of adding another.
 */
import type { Sql } from './domain/sql.ts'
import { SCORING_QUEUE } from './job-queues.ts'

/** Higher runs first. Backfill and recovery never delay a live message. */
export const scoringPriority = { live: 0, recovery: -10, backfill: -20 } as const

/** The waiting jobs of these leads go at least as soon as this. */
export async function raiseWaiting(sql: Sql, leadIds: string[], priority: number): Promise<void> {
  await sql.query(raiseSql, [SCORING_QUEUE, leadIds, priority])
}

/**
 * Of leads whose jobs are held, those for which something more urgent has come to wait. It cannot be
 * claimed before the held job ends, so that one has to hurry.
 */
export async function urgentBehind(
  sql: Sql,
  leadIds: string[],
): Promise<{ leadId: string; priority: number }[]> {
  return sql.query(urgentSql, [SCORING_QUEUE, leadIds, scoringPriority.backfill])
}

/** By the queue's index on waiting keys: policy and the coalesce make it fit. */
const waiting = `
  name = $1 and state = 'created' and policy = 'stately'
  and coalesce(singleton_key, '') = any($2::text[])
`

const raiseSql = `
  update pgboss.job set priority = $3::int where ${waiting} and priority < $3::int
`

const urgentSql = `
  select singleton_key as "leadId", priority from pgboss.job
  where ${waiting} and priority > $3::int
`
