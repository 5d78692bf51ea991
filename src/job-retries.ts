/** Whether a scoring job that fails needs a retry of its own. */
import type { Sql } from './domain/sql.ts'
import { SCORING_QUEUE } from './job-queues.ts'
import type { ClaimedJob } from './jobs.ts'

/**
 * At most one scoring job per lead is in `retry`. Where there is one already, pg-boss would
 * dead-letter the next that fails, although the retry covers the lead.
 */
export async function coveredByRetry(sql: Sql, job: ClaimedJob): Promise<boolean> {
  if (job.queue !== SCORING_QUEUE) return false
  const rows = await sql.query(coveredSql, [job.queue, job.id, job.attempt])
  return rows.length === 1
}

const coveredSql = `
  update pgboss.job as failing set state = 'completed', completed_on = now()
  where failing.name = $1 and failing.id = $2::uuid and failing.state = 'active'
    and failing.retry_count = $3
    and exists (
      select 1 from pgboss.job as other
      where other.name = failing.name and other.singleton_key = failing.singleton_key
        and other.state = 'retry'
    )
  returning failing.id
`
