/**
 * Durable jobs: pg-boss in the same database, behind one port. Every call names its queue from a
 * closed list and says whether it joins a transaction: on PGlite a pg-boss call inside an ORM
 * transaction without its handle waits for ever.
 */
import { type JobInsert, PgBoss } from 'pg-boss'
import type { Database } from './database.ts'
import type { Embedded } from './database-embedded.ts'
import type { Channel } from './domain/channels/inbound-event.ts'
import { codeOf, type Sql, type Tx } from './domain/sql.ts'
import {
  createQueues,
  handleOf,
  postProcessQueueOf,
  postProcessQueues,
  type QueueName,
  queueNames,
  RETRY_LIMIT,
  SCORING_QUEUE,
} from './job-queues.ts'
import { coveredByRetry } from './job-retries.ts'
import type { Log } from './log.ts'
import { markBegun, type Reclaimed, reclaimOrphans, withoutClaim } from './orphaned-jobs.ts'
import { raiseWaiting, scoringPriority, urgentBehind } from './scoring-priority.ts'

export interface PostProcessData {
  workspaceId: string
  leadId: string
  messageId: string
}
export interface ScoringData {
  workspaceId: string
  leadId: string
}

/** A job this process holds. `attempt` fences it: a zombie's late complete affects nothing. */
export interface ClaimedJob<Data extends ScoringData = ScoringData> {
  queue: QueueName
  id: string
  attempt: number
  /** The attempt that is its last; moves on with deaths of its process that cost no attempt. */
  attemptsMax: number
  /** Of `scoringPriority`; higher goes first, in the queue and at the gate. */
  priority: number
  data: Data
}

/** The claim is gone: another worker took the job over, or somebody cancelled it. */
export class StaleClaimError extends Error {
  override name = 'StaleClaimError'
}

export interface Jobs {
  /** No other process can use this database (it is embedded), so nobody takes our claims over. */
  readonly exclusive: boolean
  start(): Promise<void>
  stop(): Promise<void>
  /** One job per message; its id is the message's, so a second insert changes nothing. */
  insertPostProcess(sql: Sql, jobs: (PostProcessData & { channel: Channel })[]): Promise<void>
  /** At most one job per lead waits; a further send while one waits changes nothing. */
  sendScoring(sql: Sql, jobs: ScoringData[], priority?: number): Promise<void>
  /** None of the workspaces `except`, however long their jobs have waited. */
  fetch<Data extends ScoringData>(
    queue: QueueName,
    batchSize: number,
    except?: string[],
  ): Promise<ClaimedJob<Data>[]>
  /**
   * To be called before a held job's own work: a process that dies from here on may have died of it.
   * Costs a write only where one died before. Throws StaleClaimError.
   */
  begin(job: ClaimedJob): Promise<void>
  /** Throws StaleClaimError (roll back!) unless this claim still holds the job. */
  complete(sql: Sql, job: ClaimedJob): Promise<void>
  /**
   * Spends an attempt: retried with backoff, or dead-lettered after the last one. A scoring job ends
   * where another one of its lead waits for its retry already.
   */
  fail(job: ClaimedJob, reason: string, options?: { terminal?: boolean }): Promise<void>
  /** Gives the job back as it was: no attempt is spent. */
  release(job: ClaimedJob, delayMs: number): Promise<void>
  /** Heartbeat; answers the claims that are no longer ours. */
  touch(jobs: ClaimedJob[]): Promise<ClaimedJob[]>
  /** Of held scoring jobs' leads: who has something more urgent waiting behind, and how urgent. */
  urgentBehind(leadIds: string[]): Promise<{ leadId: string; priority: number }[]>
  /** What a dead process held is due again at once, and spends no attempt. */
  reclaimOrphans(leaseMs: number): Promise<Reclaimed>
  /** Removes every job that names the lead, whatever its state. */
  forgetLead(tx: Tx, lead: { leadId: string }): Promise<void>
  counts(): Promise<{ queue: string; state: string; count: number; oldestSeconds: number }[]>
}

/** A heartbeat that got no answer by then goes on a new connection; claims are long lost by then. */
const QUERY_LIMIT_MS = 30_000

const byLead = (a: ScoringData, b: ScoringData): number => (a.leadId < b.leadId ? -1 : 1)

/** In one statement: a thousand hold the embedded database for 40 to 80 ms, and every webhook waits. */
const TOUCHED_MAX = 100

/** When this attempt fails, too, the job is dead-lettered. */
export const isLastAttempt = (job: ClaimedJob): boolean => job.attempt >= job.attemptsMax

/** Deaths of its processes that cost it nothing. */
const deathsOf = (job: ClaimedJob): number => job.attemptsMax - RETRY_LIMIT

/** This attempt's number from 1; deaths of its process that cost nothing are not counted. */
export const attemptsSpent = (job: ClaimedJob): number => job.attempt - deathsOf(job) + 1

const stale = (job: ClaimedJob) => new StaleClaimError(`${job.queue} ${job.id} is held by another`)

export function openJobs(database: Database, log: Log): Jobs {
  const boss = openBoss(database, log)
  const sql = database.background

  return {
    exclusive: database.kind === 'pglite',
    async start() {
      await boss.start()
      await createQueues(boss, database)
    },
    stop: () => boss.stop({ graceful: false, close: true }),
    async insertPostProcess(tx, jobs) {
      const byQueue = Map.groupBy(jobs, ({ channel }) => postProcessQueueOf(channel))
      // One queue or all of them: the statements become part of one that is planned once per text,
      // and every set of queues would be a text of its own.
      for (const queue of byQueue.size === 1 ? byQueue.keys() : postProcessQueues) {
        const group = byQueue.get(queue) ?? []
        const rows: JobInsert[] = group.map(({ channel: _, ...data }) => ({
          id: data.messageId,
          data,
          group: { id: data.workspaceId },
        }))
        await boss.insert(queue, rows, { db: handleOf(tx) })
      }
    },
    async sendScoring(tx, jobs, priority = scoringPriority.live) {
      if (jobs.length === 0) return
      // In one order, so that two batches with the same leads do not deadlock on their keys.
      const rows = jobs.toSorted(byLead).map((data) => ({
        data,
        singletonKey: data.leadId,
        priority,
        group: { id: data.workspaceId },
      }))
      const options = { db: handleOf(tx), returnId: true as const }
      const sent = await boss.insert(SCORING_QUEUE, rows, options)
      if (sent && sent.length === rows.length) return
      // One that waits covers this one, but must not wait behind a backfill for it.
      const leadIds = jobs.map(({ leadId }) => leadId)
      await raiseWaiting(tx, leadIds, priority)
    },
    fetch: (queue, batchSize, except = []) => fetchJobs(sql, boss, queue, { batchSize, except }),
    async begin(job) {
      if (deathsOf(job) === 0 || (await markBegun(sql, job))) return
      throw stale(job)
    },
    async complete(tx, job) {
      const { affected } = settled(
        await boss.complete(job.queue, [attemptOf(job)], null, { db: handleOf(tx) }),
      )
      if (affected !== 1) throw stale(job)
    },
    async fail(job, reason, { terminal = false } = {}) {
      if (terminal) await sql.query(lastAttemptSql, [job.queue, job.id])
      else if (await coveredByRetry(sql, job)) return
      await boss.fail(job.queue, [attemptOf(job)], { reason }, { db: handleOf(sql) })
      const deaths = deathsOf(job)
      if (deaths > 0) await sql.query(shortenBackoffSql, [job.queue, job.id, deaths])
    },
    async release(job, delayMs) {
      await giveBack(sql, boss, job, delayMs)
    },
    async touch(jobs) {
      const lost: ClaimedJob[] = []
      for (const [queue, held] of Map.groupBy(jobs, (job) => job.queue)) {
        for (let from = 0; from < held.length; from += TOUCHED_MAX) {
          const group = held.slice(from, from + TOUCHED_MAX)
          // By pg-boss's own connections: heartbeats must not wait behind a full pool.
          const result = settled(await boss.touch(queue, group.map(attemptOf)))
          const kept = new Set(result.settled)
          lost.push(...group.filter((job) => !kept.has(job.id)))
        }
      }
      return lost
    },
    urgentBehind: (leadIds) => urgentBehind(sql, leadIds),
    reclaimOrphans: (leaseMs) => reclaimOrphans(sql, queueNames, { leaseMs }),
    async forgetLead(tx, { leadId }) {
      await tx.query(`delete from pgboss.job where data ->> 'leadId' = $1`, [leadId])
    },
    counts: () => sql.query(countsSql),
  }
}

function openBoss(database: Database, log: Log): PgBoss {
  const boss = new PgBoss({
    ...('embedded' in database.jobsBackend
      ? { db: inTurns(database.jobsBackend.embedded), backend: 'pglite' as const }
      : serverConnections(database.jobsBackend.connectionString)),
    schema: 'pgboss',
    schedule: false,
    application_name: 'leadpulse-jobs',
    maintenanceIntervalSeconds: 300,
  })
  // Without a listener the first lost connection would end the process.
  boss.on('error', (error) => log.warn({ component: 'jobs', code: codeOf(error) }, error.message))
  boss.on('warning', ({ message, data }) => log.warn({ component: 'jobs', data }, message))
  return boss
}

async function fetchJobs<Data extends ScoringData>(
  sql: Sql,
  boss: PgBoss,
  queue: QueueName,
  { batchSize, except }: { batchSize: number; except: string[] },
): Promise<ClaimedJob<Data>[]> {
  const jobs = await boss.fetch<Data>(queue, {
    batchSize,
    includeMetadata: true,
    ignoreGroups: except,
    db: handleOf(sql),
  })
  return jobs.map(({ id, retryCount, retryLimit, priority, data }) => ({
    queue,
    id,
    attempt: retryCount,
    attemptsMax: retryLimit,
    priority,
    data: withoutClaim(data),
  }))
}

/** The embedded database as pg-boss takes it. */
function inTurns(embedded: Pick<Embedded, 'execute'>) {
  return {
    executeSql: (text: string, values?: unknown[]) => embedded.execute('background', text, values),
  }
}

function serverConnections(connectionString: string) {
  const limits = { connectionTimeoutMillis: 2000, query_timeout: QUERY_LIMIT_MS }
  return { connectionString, max: 4, ...limits }
}

const lastAttemptSql = `
  update pgboss.job set retry_limit = retry_count where name = $1 and id = $2::uuid
`

/** Each death doubled the backoff that pg-boss works out from the attempt. */
const shortenBackoffSql = `
  update pgboss.job
  set start_after = now() + (start_after - now()) / (2 ^ least($3::int, 16))
  where name = $1 and id = $2::uuid and state = 'retry' and start_after > now()
`

const countsSql = `
  select name as queue, state::text as state, count(*)::int as count,
    coalesce(max(extract(epoch from now() - created_on)), 0)::float8 as "oldestSeconds"
  from pgboss.job
  where state in ('created', 'retry', 'active', 'failed')
  group by name, state
`

/** `started_on` null makes the next fetch keep the attempt count. */
const giveBackSql = `
  update pgboss.job as held
  set state = 'created', started_on = null, heartbeat_on = null,
    start_after = now() + $4::float8 * interval '1 millisecond'
  where held.name = $1 and held.id = $2::uuid and held.state = 'active' and held.retry_count = $3
    and not exists (
      select 1 from pgboss.job as waiting
      where waiting.name = held.name and waiting.singleton_key = held.singleton_key
        and waiting.state = 'created'
    )
  returning held.id
`

async function giveBack(sql: Sql, boss: PgBoss, job: ClaimedJob, delayMs: number) {
  try {
    const rows = await sql.query(giveBackSql, [job.queue, job.id, job.attempt, delayMs])
    if (rows.length === 1) return
  } catch (error) {
    // 23505: a job of this lead began to wait between look and update.
    if (codeOf(error) !== '23505') throw error
  }
  // One that waits covers this one: nothing is lost by ending it.
  await boss.complete(job.queue, [attemptOf(job)], null, { db: handleOf(sql) })
}

const attemptOf = (job: ClaimedJob) => ({ id: job.id, retryCount: job.attempt })

/** pg-boss answers these fields but leaves them out of its published type. */
function settled(response: object): { affected: number; settled: string[] } {
  const { affected = 0, settled: ids = [] } = response as { affected?: number; settled?: string[] }
  return { affected, settled: ids }
}
