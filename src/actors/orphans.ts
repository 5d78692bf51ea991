/** Takes over what dead processes held, and gives up on jobs that their process died of each time. */
import type { Store } from '../domain/sql.ts'
import type { Jobs } from '../jobs.ts'
import { giveUp } from './crashed-job.ts'

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
  for (const job of exhausted) await giveUp({ store, jobs }, job, REASON)
  return due
}
