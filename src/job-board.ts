/**
 * Job health for people: the jobs of one workspace, what failed and why; bringing it back is in
 * `job-returns.ts`. Reads pg-boss's table; a job belongs to the workspace its data names, and no
 * statement here crosses that.
 */
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from './domain/page.ts'
import { type Sql, type Store, toDate, toDateOrNull } from './domain/sql.ts'
import { type CompletedJobs, jobAges } from './job-ages.ts'
import { DEAD_LETTER_QUEUE, JOB_AGE_ORDER, type QueueName, queueNames } from './job-queues.ts'
import { groupOfError, type JobReturns, jobError, jobReturns } from './job-returns.ts'
import type { Jobs } from './jobs.ts'

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
  /** Of each type and bucket of the last hour: the age that its oldest unfinished job had reached. */
  ages: { type: QueueName; from: Date; oldestMs: number }[]
  /** Of jobs that failed for good, most frequent first. */
  failures: { type: QueueName; error: string; count: number; newestAt: Date }[]
}

export interface JobBoard extends JobReturns {
  /** Newest first. */
  list(query: JobQuery, page: PageRequest<TimeKey>): Promise<Page<JobRow, TimeKey>>
  stats(workspaceId: string, bucketMinutes: number): Promise<JobStats>
}

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

export function jobBoard(store: Store, jobs: Jobs): JobBoard {
  return {
    list: (query, page) => list(store, query, page),
    stats: (workspaceId, bucketMinutes) => stats(store, workspaceId, bucketMinutes),
    ...jobReturns(jobs),
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
  const open = await sql.query<JobStats['counts'][number]>(
    `select name as type, state::text as state, count(*)::int as count,
       min(created_on) as "oldestAt"
     from pgboss.job
     where data ->> 'workspaceId' = $1::text and name = any($2::text[])
       and state in ('created', 'retry', 'active')
     group by name, state
     order by name, state`,
    [workspaceId, queueNames],
  )
  const completed = await sql.query<CompletedJobs>(completedSql, [
    workspaceId,
    queueNames,
    bucketMinutes,
  ])
  const failures = await sql.query<JobStats['failures'][number] & { oldestAt: Date }>(
    `select source_name as type, ${groupOfError} as error, count(*)::int as count,
       min(created_on) as "oldestAt", max(created_on) as "newestAt"
     from pgboss.job
     where data ->> 'workspaceId' = $1::text and name = $2 and state = 'created'
     group by 1, 2
     order by 3 desc, 1, 2`,
    [workspaceId, DEAD_LETTER_QUEUE],
  )
  return {
    counts: [
      ...[
        ...open.map((row) => ({ ...row, state: stateName(row.state) })),
        ...sums(completed, 'completed'),
      ].sort((a, b) => a.type.localeCompare(b.type)),
      ...sums(failures, 'failed'),
    ].map((row) => ({ ...row, oldestAt: toDate(row.oldestAt) })),
    ages: jobAges({ completed, open, bucketMinutes, nowMs: Date.now() }),
    throughput: completed.map(({ type, from, count }) => ({
      type,
      from: toDate(from),
      completed: count,
    })),
    failures: failures
      .slice(0, FAILURES_MAX)
      .map(({ oldestAt: _, ...row }) => ({ ...row, newestAt: toDate(row.newestAt) })),
  }
}

/**
 * Of the columns of `leadpulse_job_completed` and no others, so that no row is read, and a range of it
 * per bucket: grouped by bucket all of them would be sorted.
 */
const completedSql = `
  select queue as type, bucket as from, done.count, done."oldestAt", done."longestMs"
  from unnest($2::text[]) as queue
  cross join lateral (
    select min(completed_on) as first from pgboss.job
    where group_id = $1::text and name = queue and state = 'completed'
  ) as kept
  cross join lateral (select $3::int * interval '1 minute' as width) as each
  cross join lateral generate_series(
    date_bin(each.width, kept.first, timestamptz 'epoch'), now(), each.width
  ) as bucket
  cross join lateral (
    select count(*)::int as count, min(created_on) as "oldestAt",
      (extract(epoch from max(completed_on - created_on)) * 1000)::float8 as "longestMs"
    from pgboss.job
    where group_id = $1::text and name = queue and state = 'completed'
      and completed_on >= bucket and completed_on < bucket + each.width
  ) as done
  where done.count > 0
  order by bucket, queue`

function sums<State extends JobState>(
  parts: { type: QueueName; count: number; oldestAt: Date }[],
  state: State,
) {
  return [...Map.groupBy(parts, ({ type }) => type)].map(([type, group]) => ({
    type,
    state,
    count: group.reduce((sum, { count }) => sum + count, 0),
    oldestAt: new Date(Math.min(...group.map(({ oldestAt }) => toDate(oldestAt).getTime()))),
  }))
}
