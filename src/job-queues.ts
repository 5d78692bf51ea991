/**
 * The queues: their names, a closed list, how each is set up in pg-boss, and the indexes that our own
 * questions to its table need.
 */
import type { PgBoss } from 'pg-boss'
import type { Database } from './database.ts'
import { type Channel, channels } from './domain/channels/inbound-event.ts'
import type { Sql } from './domain/sql.ts'

export const SCORING_QUEUE = 'LEAD_SCORING_POST_PROCESS'
export type PostProcessQueue = `${Uppercase<Channel>}_INBOUND_POST_PROCESS`
export type QueueName = PostProcessQueue | typeof SCORING_QUEUE

export const postProcessQueueOf = (channel: Channel): PostProcessQueue =>
  `${channel.toUpperCase() as Uppercase<Channel>}_INBOUND_POST_PROCESS`
export const postProcessQueues = channels.map(postProcessQueueOf)
export const queueNames: readonly QueueName[] = [...postProcessQueues, SCORING_QUEUE]

/** Jobs that used up their attempts; kept for `POST /api/v1/jobs/redrive`. */
export const DEAD_LETTER_QUEUE = 'LEADPULSE_DEAD_LETTER'

/** Attempts after the first, before a job is dead-lettered: four to nine minutes of backoff. */
export const RETRY_LIMIT = 8
/**
 * pg-boss's own takeover, which spends an attempt and adds a backoff, is the last resort only: it
 * must not come before `reclaimOrphans` has had many passes.
 */
const HEARTBEAT_SECONDS = 120
export async function createQueues(boss: PgBoss, database: Database): Promise<void> {
  await boss.createQueue(DEAD_LETTER_QUEUE, { retentionSeconds: 14 * 86_400 })
  for (const name of queueNames) {
    const scoring = name === SCORING_QUEUE
    await boss.createQueue(name, {
      policy: scoring ? 'stately' : 'standard',
      retryLimit: RETRY_LIMIT,
      retryDelay: 2,
      retryBackoff: true,
      retryDelayMax: 300,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      // Upper bound of one attempt. Scoring jobs are held through quiet window and gate queue.
      expireInSeconds: scoring ? 6 * 3600 : 600,
      deleteAfterSeconds: 3600,
      deadLetter: DEAD_LETTER_QUEUE,
    })
    // Fills pg-boss's queue cache: a look-up inside a PGlite transaction would wait for ever.
    await boss.touch(name, [NIL_UUID], { db: handleOf(database) })
  }
  await indexJobs(database)
}

/**
 * `created_on`, written so that only our index can order by it. By the plain column PostgreSQL also
 * takes pg-boss's index of (name, created_on), and reads every row that is kept to find none.
 */
export const JOB_AGE_ORDER = `created_on - timestamptz 'epoch'`

/** For the lists that people read and for erasing a person, among 500,000 rows that are kept. */
const indexes: Record<string, string> = {
  leadpulse_job_list: `((data ->> 'workspaceId'), name, state, (${JOB_AGE_ORDER}), id)`,
  leadpulse_job_of_lead: `((data ->> 'leadId'))`,
  // Figures of what ended, read from the index alone; ingest does not pay for it.
  leadpulse_job_completed: `(group_id, name, completed_on, created_on) where state = 'completed'`,
}

/**
 * Looks first: `create index if not exists` waits for every writer before it finds that there is
 * nothing to do, and every later writer waits for it. A start on a busy database held it up, or
 * failed by its own lock time limit.
 */
async function indexJobs(database: Database): Promise<void> {
  if ((await missingIndexes(database)).length === 0) return
  await database.transaction(async (tx) => {
    // Processes that start together would build the same index twice, and one of them fail.
    await tx.query(`select pg_advisory_xact_lock(hashtext('leadpulse job indexes'))`)
    // Millions of kept jobs take longer than any other statement may.
    await tx.query('set local statement_timeout = 0')
    for (const name of await missingIndexes(tx)) {
      await tx.query(`create index ${name} on pgboss.job ${indexes[name]}`)
    }
  })
}

async function missingIndexes(sql: Sql): Promise<string[]> {
  const rows = await sql.query<{ name: string }>(
    `select name from unnest($1::text[]) as name where to_regclass('pgboss.' || name) is null`,
    [Object.keys(indexes)],
  )
  return rows.map(({ name }) => name)
}

const NIL_UUID = '00000000-0000-0000-0000-000000000000'

/** Our own connection or transaction, as pg-boss takes it. */
export function handleOf(sql: Sql) {
  return {
    executeSql: async (text: string, values?: unknown[]) => ({
      rows: (await sql.query(text, values)) as object[],
    }),
  }
}
