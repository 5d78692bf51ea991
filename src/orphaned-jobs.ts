/**
 * Jobs whose process died: their claim is a lease that a living process renews. What nobody renewed
 * is due again at once, without backoff. Its attempt moves on, which keeps a zombie's late commit out,
 * and its limit moves with it: a death is not the job's failure, unless it happens again and again
 * while the job is at work. What was only held (in a quiet window, at the gate, behind another message
 * of its lead) is never to blame.
 *
 * Which job was at work is written with it (`claim` in its data) before it begins, but only from its
 * second life on: nearly every job has one, and pays nothing.
 */
import type { Sql } from './domain/sql.ts'
import type { QueueName } from './job-queues.ts'
import type { ClaimedJob, ScoringData } from './jobs.ts'

/**
 * Deaths at work that cost a job nothing; each further one spends an attempt. Fewer, and a deployment gone
 * wrong (a process that is killed at every start) parks leads that are not to blame; more, and a job
 * that kills its process does so for longer.
 */
export const DEATHS_MAX = 10

export interface Reclaimed {
  /** Jobs that are due again. */
  due: number
  /** They died with their process as often as a job may. Still active: fail them for good. */
  exhausted: ClaimedJob[]
}

/** Claims taken over in one statement; the next pass takes the rest. */
const BATCH = 1000

/** `leaseMs` 0 takes every claim: only for a database that no other process can use. */
export async function reclaimOrphans(
  sql: Sql,
  queues: readonly QueueName[],
  options: { leaseMs: number },
): Promise<Reclaimed> {
  const [row] = await sql.query<{ due: number; exhausted: ClaimedJob<ScoringData>[] | null }>(
    reclaimSql,
    [queues, options.leaseMs, BATCH, DEATHS_MAX],
  )
  const exhausted = (row?.exhausted ?? []).map((job) => ({ ...job, data: withoutClaim(job.data) }))
  return { due: row?.due ?? 0, exhausted }
}

/** What is kept of a job's lives, in its data. */
interface ClaimMarks {
  claim?: { begun?: number; deaths?: number }
}

/** The data as it was sent. */
export function withoutClaim<Data extends object>({ claim: _, ...data }: Data & ClaimMarks) {
  return data as Data
}

/** False: the claim is somebody else's. */
export async function markBegun(sql: Sql, job: ClaimedJob): Promise<boolean> {
  const rows = await sql.query(markBegunSql, [job.queue, job.id, job.attempt])
  return rows.length === 1
}

const markBegunSql = `
  update pgboss.job
  set data = data || jsonb_build_object('claim',
    coalesce(data -> 'claim', '{}') || jsonb_build_object('begun', retry_count))
  where name = $1 and id = $2::uuid and state = 'active' and retry_count = $3
  returning id
`

/**
 * At most one scoring job per lead is in `retry`; where there is one, it covers the orphan, which
 * then has nothing left to do. `started_on` stays, so that the next fetch counts the attempt.
 */
const reclaimSql = `
  with held as materialized (
    select name, id, singleton_key, retry_count, retry_limit, priority, data,
      coalesce((data #>> '{claim,begun}')::int = retry_count, false) as at_work
    from pgboss.job
    where name = any($1::text[]) and state = 'active'
      and heartbeat_on <= now() - $2::float8 * interval '1 millisecond'
    limit $3
    for update skip locked
  ), orphan as materialized (
    select held.*,
      coalesce((data #>> '{claim,deaths}')::int, 0) + at_work::int as deaths,
      at_work and coalesce((data #>> '{claim,deaths}')::int, 0) >= $4::int as to_blame,
      exists (
        select 1 from pgboss.job as other
        where other.name = held.name and other.singleton_key = held.singleton_key
          and other.state = 'retry'
      ) as covered
    from held
  ), covered as (
    update pgboss.job set state = 'completed', completed_on = now()
    from orphan
    where job.name = orphan.name and job.id = orphan.id and orphan.covered
    returning job.id
  ), due as (
    update pgboss.job
    set state = 'retry', heartbeat_on = null, start_after = now(),
      retry_limit = job.retry_limit + (not to_blame)::int,
      data = job.data || jsonb_build_object('claim', jsonb_build_object('deaths', deaths))
    from orphan
    where job.name = orphan.name and job.id = orphan.id and not orphan.covered
      and not (to_blame and orphan.retry_count >= orphan.retry_limit)
    returning job.id
  )
  select (select count(*) from due)::int as due,
    (select json_agg(json_build_object(
       'queue', name, 'id', id, 'attempt', retry_count, 'attemptsMax', retry_limit,
       'priority', priority, 'data', data))
     from orphan
     where to_blame and retry_count >= retry_limit and not covered) as exhausted
`
