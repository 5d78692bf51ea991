/**
 * Job health for people: the jobs of one workspace, what failed and why, and bringing it back. Reads
 * pg-boss's table; a job belongs to the workspace its data names, and no statement here crosses that.
 */
import type { Channel } from './domain/channels/inbound-event.ts'
import { channels } from './domain/channels/inbound-event.ts'
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from './domain/page.ts'
import { type Sql, type Store, type Tx, toDate, toDateOrNull } from './domain/sql.ts'
import {
  DEAD_LETTER_QUEUE,
  JOB_AGE_ORDER,
  type Jobs,
  type PostProcessData,
  postProcessQueueOf,
  type QueueName,
  queueNames,
  SCORING_QUEUE,
} from './jobs.ts'

/** `failed`: its attempts are used up, kept for 14 days. Completed jobs are kept for an hour. */
export const jobStates = ['waiting', 'retrying', 'active', 'completed', 'failed'] as const
export type JobState = (typeof jobStates)[number]

export interface JobRow {
  id: string
  type: QueueName
  state: JobState
  leadId: string
  /** Null for scoring, which covers whatever is unscored. */
  messageId: string | null
  /** Attempts that have begun, 1 in the first. */
  attempts: number
  /** Why the last attempt failed. */
  error: string | null
  createdAt: Date
  /** Not before this. */
  dueAt: Date
  startedAt: Date | null
  /** Completed or failed for good. */
  endedAt: Date | null
}

export interface JobQuery {
  workspaceId: string
  type: QueueName | null
  state: JobState | null
  leadId: string | null
  /** Part of the error, in any case. */
  error: string | null
}

export interface JobStats {
  counts: { type: QueueName; state: JobState; count: number; oldestAt: Date }[]
  /** Completed jobs per type and `bucketMinutes`, oldest first; empty buckets are left out. */
  throughput: { type: QueueName; from: Date; completed: number }[]
  /** Of jobs that failed for good, most frequent first. */
  failures: { type: QueueName; error: string; count: number; newestAt: Date }[]
}

export type Retried = 'due' | 'active' | 'completed'

export interface JobBoard {
  /** Newest first. */
  list(query: JobQuery, page: PageRequest<TimeKey>): Promise<Page<JobRow, TimeKey>>
  stats(workspaceId: string, bucketMinutes: number): Promise<JobStats>
  /** Makes a job due now, with all its attempts; null: the workspace has no such job. */
  retry(tx: Tx, job: { workspaceId: string; jobId: string }): Promise<Retried | null>
  /** Brings failed jobs and parked leads back, at most `REDRIVE_MAX` of each; answers how many. */
  redrive(
    tx: Tx,
    what: { workspaceId: string; type: QueueName | null },
  ): Promise<{ jobs: number; leads: number }>
}

/** One transaction's worth; a longer list takes several calls. */
export const REDRIVE_MAX = 1000
/** Distinct errors worth showing. */
const FAILURES_MAX = 50

/** pg-boss's states; what it calls failed has its copy among the dead letters, which is what counts. */
const stateOf = { created: 'waiting', retry: 'retrying', active: 'active', completed: 'completed' }
const bossStates: Record<JobState, string> = {
  waiting: 'created',
  retrying: 'retry',
  active: 'active',
  completed: 'completed',
  failed: 'created',
}

/** pg-boss's own words, e.g. for a job that outlived its limit, are in other fields. */
const errorOf = (column: string) =>
  `coalesce(${column} ->> 'reason', ${column} ->> 'message', ${column} -> 'value' ->> 'message')`

export function jobBoard(store: Store, jobs: Jobs): JobBoard {
  return {
    list: (query, page) => list(store, query, page),
    stats: (workspaceId, bucketMinutes) => stats(store, workspaceId, bucketMinutes),
    retry: (tx, job) => retry(tx, jobs, job),
    redrive: (tx, what) => redrive(tx, jobs, what),
  }
}

/** One branch per queue and state, each read from its end of the index: no filter scans the rest. */
async function list(
  sql: Sql,
  query: JobQuery,
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<JobRow, TimeKey>> {
  const branches = branchesOf(query)
  const params: unknown[] = [
    query.workspaceId,
    branches.map(({ name }) => name),
    branches.map(({ state }) => state),
    limit + 1,
  ]
  const conditions: string[] = []
  const add = (condition: (n: string) => string, value: unknown) => {
    conditions.push(` and ${condition(`$${params.push(value)}`)}`)
  }
  if (query.type) add((n) => `coalesce(source_name, name) = ${n}::text`, query.type)
  if (query.leadId) add((n) => `data ->> 'leadId' = ${n}::text`, query.leadId)
  if (query.error) add((n) => `strpos(lower(${jobError}), lower(${n}::text)) > 0`, query.error)
  if (after) {
    const [at, id] = [params.push(after.at), params.push(after.id)]
    conditions.push(
      ` and (${JOB_AGE_ORDER}, id) < ($${at}::timestamptz - timestamptz 'epoch', $${id}::uuid)`,
    )
  }
  const rows = await sql.query<JobRecord>(
    `select page.* from unnest($2::text[], $3::text[]) as branch (queue, boss_state)
     cross join lateral (
       select id, coalesce(source_name, name) as type, name, state::text as state,
         data ->> 'leadId' as "leadId", data ->> 'messageId' as "messageId",
         coalesce(source_retry_count + 1, retry_count + (started_on is not null)::int) as attempts,
         ${jobError} as error, coalesce(source_created_on, created_on) as "createdAt",
         start_after as "dueAt", started_on as "startedAt",
         case when source_name is null then completed_on else created_on end as "endedAt",
         created_on, ${exactTime('created_on')} as at
       from pgboss.job
       where name = branch.queue and state = branch.boss_state::pgboss.job_state
         and data ->> 'workspaceId' = $1::text${conditions.join('')}
       order by ${JOB_AGE_ORDER} desc, id desc
       limit $4::int
     ) as page
     order by page.created_on desc, page.id desc
     limit $4::int`,
    params,
  )
  const page = pageOf(rows, limit, ({ at, id }) => ({ at, id }))
  return { ...page, rows: page.rows.map(rowOf) }
}

interface JobRecord extends Omit<JobRow, 'state'> {
  name: string
  state: string
  at: string
}

const jobError = `coalesce(${errorOf('source_output')}, ${errorOf('output')})`

function branchesOf({ type, state, error }: JobQuery): { name: string; state: string }[] {
  // Others have none.
  const withError: readonly JobState[] = ['retrying', 'active', 'failed']
  const states = state ? [state] : error ? withError : jobStates
  return states.flatMap((each) => {
    const names = each === 'failed' ? [DEAD_LETTER_QUEUE] : type ? [type] : queueNames
    return names.map((name) => ({ name, state: bossStates[each] }))
  })
}

function rowOf({ name, state, at: _, ...record }: JobRecord): JobRow {
  return {
    id: record.id,
    type: record.type,
    state: name === DEAD_LETTER_QUEUE ? 'failed' : stateName(state),
    leadId: record.leadId,
    messageId: record.messageId,
    attempts: Number(record.attempts),
    error: record.error,
    createdAt: toDate(record.createdAt),
    dueAt: toDate(record.dueAt),
    startedAt: toDateOrNull(record.startedAt),
    endedAt: toDateOrNull(record.endedAt),
  }
}

const stateName = (state: string) => stateOf[state as keyof typeof stateOf] as JobState

async function stats(sql: Sql, workspaceId: string, bucketMinutes: number): Promise<JobStats> {
  const counts = await sql.query<JobStats['counts'][number]>(
    `select name as type, state::text as state, count(*)::int as count,
       min(created_on) as "oldestAt"
     from pgboss.job
     where data ->> 'workspaceId' = $1::text and name = any($2::text[])
       and state in ('created', 'retry', 'active', 'completed')
     group by name, state
     order by name, state`,
    [workspaceId, queueNames],
  )
  const throughput = await sql.query<JobStats['throughput'][number]>(
    `select name as type, count(*)::int as completed,
       date_bin($3::int * interval '1 minute', completed_on, timestamptz 'epoch') as from
     from pgboss.job
     where data ->> 'workspaceId' = $1::text and name = any($2::text[]) and state = 'completed'
     group by 1, 3
     order by 3, 1`,
    [workspaceId, queueNames, bucketMinutes],
  )
  const failures = await sql.query<JobStats['failures'][number] & { oldestAt: Date }>(
    `select source_name as type, coalesce(${jobError}, 'unknown') as error, count(*)::int as count,
       min(created_on) as "oldestAt", max(created_on) as "newestAt"
     from pgboss.job
     where data ->> 'workspaceId' = $1::text and name = $2 and state = 'created'
     group by 1, 2
     order by 3 desc, 1, 2`,
    [workspaceId, DEAD_LETTER_QUEUE],
  )
  return {
    counts: [
      ...counts.map((row) => ({ ...row, state: stateName(row.state) })),
      ...failedCounts(failures),
    ].map((row) => ({ ...row, oldestAt: toDate(row.oldestAt) })),
    throughput: throughput.map((row) => ({ ...row, from: toDate(row.from) })),
    failures: failures
      .slice(0, FAILURES_MAX)
      .map(({ oldestAt: _, ...row }) => ({ ...row, newestAt: toDate(row.newestAt) })),
  }
}

function failedCounts(failures: { type: QueueName; count: number; oldestAt: Date }[]) {
  return [...Map.groupBy(failures, ({ type }) => type)].map(([type, group]) => ({
    type,
    state: 'failed' as const,
    count: group.reduce((sum, { count }) => sum + count, 0),
    oldestAt: new Date(Math.min(...group.map(({ oldestAt }) => toDate(oldestAt).getTime()))),
  }))
}

interface DeadLetter {
  id: string
  type: QueueName
  originalId: string
  data: PostProcessData
}

async function retry(
  tx: Tx,
  jobs: Jobs,
  { workspaceId, jobId }: { workspaceId: string; jobId: string },
): Promise<Retried | null> {
  const [job] = await tx.query<{ name: string; state: string; leadId: string }>(
    `select name, state::text as state, data ->> 'leadId' as "leadId"
     from pgboss.job
     where name = any($1::text[]) and id = $2::uuid and data ->> 'workspaceId' = $3::text
       and state <> 'failed'
     for update`,
    [[DEAD_LETTER_QUEUE, ...queueNames], jobId, workspaceId],
  )
  if (!job) return null
  if (job.name === DEAD_LETTER_QUEUE) {
    await bringBack(tx, jobs, await takeDeadLetters(tx, { workspaceId, type: null, jobId }))
    return 'due'
  }
  if (job.state !== 'created' && job.state !== 'retry') return job.state as Retried
  await tx.query(`update pgboss.job set start_after = now() where name = $1 and id = $2::uuid`, [
    job.name,
    jobId,
  ])
  return 'due'
}

async function redrive(
  tx: Tx,
  jobs: Jobs,
  what: { workspaceId: string; type: QueueName | null },
): Promise<{ jobs: number; leads: number }> {
  const dead = await takeDeadLetters(tx, { ...what, jobId: null })
  const unparked = await bringBack(tx, jobs, dead)
  if (what.type !== null && what.type !== SCORING_QUEUE) {
    return { jobs: dead.length, leads: unparked }
  }
  // Parked without a dead letter: it is no longer kept, or the model refused.
  const leads = await tx.query<{ leadId: string }>(
    `update lead set parked_at = null, updated_at = now()
     where id in (
       select id from lead where workspace_id = $1::uuid and parked_at is not null
       order by parked_at, id limit $2
     )
     returning id as "leadId"`,
    [what.workspaceId, REDRIVE_MAX],
  )
  await jobs.sendScoring(
    tx,
    leads.map(({ leadId }) => ({ workspaceId: what.workspaceId, leadId })),
  )
  return { jobs: dead.length, leads: unparked + leads.length }
}

/** The failed original goes, too: a post-process job's id is its message's, and stands once. */
async function takeDeadLetters(
  tx: Tx,
  what: { workspaceId: string; type: QueueName | null; jobId: string | null },
): Promise<DeadLetter[]> {
  const dead = await tx.query<DeadLetter>(
    `delete from pgboss.job where name = $1 and id in (
       select id from pgboss.job
       where name = $1 and state = 'created' and data ->> 'workspaceId' = $2::text
         and ($3::text is null or source_name = $3) and ($4::uuid is null or id = $4)
       order by created_on, id
       limit $5
       for update skip locked
     )
     returning id, source_name as type, source_id as "originalId", data`,
    [DEAD_LETTER_QUEUE, what.workspaceId, what.type, what.jobId, REDRIVE_MAX],
  )
  await tx.query(
    `delete from pgboss.job using unnest($1::text[], $2::uuid[]) as original (name, id)
     where job.name = original.name and job.id = original.id and job.state = 'failed'`,
    [dead.map(({ type }) => type), dead.map(({ originalId }) => originalId)],
  )
  return dead
}

/** Answers how many leads were parked no more. */
async function bringBack(tx: Tx, jobs: Jobs, dead: DeadLetter[]): Promise<number> {
  const messages = dead.flatMap(({ type, data }) => {
    const channel = channelOf(type)
    return channel ? [{ ...data, channel }] : []
  })
  await jobs.insertPostProcess(tx, messages)
  await jobs.sendScoring(
    tx,
    dead.filter(({ type }) => type === SCORING_QUEUE).map(({ data }) => data),
  )
  const leads = await tx.query(
    `update lead set parked_at = null, scoring_error = null, updated_at = now()
     where id = any($1::uuid[]) and parked_at is not null
     returning id`,
    [dead.map(({ data }) => data.leadId)],
  )
  return leads.length
}

const channelOf = (type: QueueName): Channel | undefined =>
  channels.find((channel) => postProcessQueueOf(channel) === type)
