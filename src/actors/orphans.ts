/** Takes over what dead processes held, and gives up on jobs that their process died of each time. */
import { recordFailure } from '../domain/scoring/record-score.ts'
import type { Store } from '../domain/sql.ts'
import { type ClaimedJob, type Jobs, SCORING_QUEUE } from '../jobs.ts'

interface Options {
  store: Store
  jobs: Jobs
}

/**
 * A claim that was not renewed for so long is taken over. Less, and a process that pauses for a
 * moment (garbage collection, a slow disk) loses its work; more, and a killed one's leads wait.
 */
export const LEASE_MS = 6000

const REASON = 'given up: the process that worked on it died each time'

/** Answers how many jobs are due again. `leaseMs` 0: whatever is claimed, nobody else can live. */
export async function takeOverOrphans({ store, jobs }: Options, leaseMs: number): Promise<number> {
  const { due, exhausted } = await jobs.reclaimOrphans(leaseMs)
  for (const job of exhausted) await giveUp(store, jobs, job)
  return due
}

/** Parked first: a death in between leaves the job to the next pass. */
async function giveUp(store: Store, jobs: Jobs, job: ClaimedJob): Promise<void> {
  if (job.queue === SCORING_QUEUE) {
    await recordFailure(store, job.data.leadId, { reason: REASON, parked: true })
  }
  await jobs.fail(job, REASON, { terminal: true })
}
