/**
 * Jobs whose process died: their claim is a lease that a living process renews. What nobody renewed
 * is due again at once, without backoff. Its attempt moves on, which keeps a zombie's late commit out,
 * and its limit moves with it: a death is not the job's failure, unless it happens again and again.
 */
import type { Sql } from './domain/sql.ts'
import type { ClaimedJob, QueueName, ScoringData } from './jobs.ts'

/**
 * Deaths that cost a job nothing; each further one spends an attempt. Fewer, and a deployment gone
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
  options: { leaseMs: number; retryLimit: number },
): Promise<Reclaimed> {
  const limit = options.retryLimit + DEATHS_MAX
  const [row] = await sql.query<{ due: number; exhausted: ClaimedJob<ScoringData>[] | null }>(
    reclaimSql,
    [queues, options.leaseMs, BATCH, limit],
  )
  return { due: row?.due ?? 0, exhausted: row?.exhausted ?? [] }
}

/**
 * At most one scoring job per lead is in `retry`; where there is one, it covers the orphan, which
 * then has nothing left to do. `started_on` stays, so that the next fetch counts the attempt.
 */
const reclaimSql = `
  with orphan as materialized (
    select name, id, retry_count, retry_limit, data,
      retry_limit >= $4::int and retry_count >= retry_limit as exhausted,
      exists (
        select 1 from pgboss.job as other
        where other.name = job.name and other.singleton_key = job.singleton_key
          and other.state = 'retry'
      ) as covered
    from pgboss.job
    where name = any($1::text[]) and state = 'active'
      and heartbeat_on <= now() - $2::float8 * interval '1 millisecond'
    limit $3
    for update skip locked
  ), covered as (
    update pgboss.job set state = 'completed', completed_on = now()
    from orphan
    where job.name = orphan.name and job.id = orphan.id and orphan.covered
    returning job.id
  ), due as (
    update pgboss.job
    set state = 'retry', heartbeat_on = null, start_after = now(),
      retry_limit = least(job.retry_limit + 1, $4::int)
    from orphan
    where job.name = orphan.name and job.id = orphan.id
      and not orphan.covered and not orphan.exhausted
    returning job.id
  )
  select (select count(*) from due)::int as due,
    (select json_agg(json_build_object(
       'queue', name, 'id', id, 'attempt', retry_count, 'attemptsMax', retry_limit, 'data', data))
     from orphan where exhausted and not covered) as exhausted
`
