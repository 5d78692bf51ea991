/**
 * What follows when the handling of a job throws: it is tried again a few times, and one that always
 * throws parks its lead with a reason that people see. Nobody else's lead waits for it.
 */
import { parkLead, recordFailure } from '../domain/scoring/record-score.ts'
import { codeOf, isDatabaseAway, type Store } from '../domain/sql.ts'
import { SCORING_QUEUE } from '../job-queues.ts'
import { attemptsSpent, type ClaimedJob, type Jobs } from '../jobs.ts'

interface Options {
  store: Store
  jobs: Pick<Jobs, 'fail' | 'release'>
}

/**
 * Attempts of one job that may throw. With the queue's backoff the fifth comes 15 to 30 s after the
 * first: within the ten minutes of the design. More would only repeat a bug; fewer, and a database
 * that stumbles twice parks leads that are not to blame.
 */
export const CRASHES_MAX = 5

/** A database that is away is nobody's crash: the job comes back after this, no attempt spent. */
const AWAY_DELAY_MS = 2000

/** A statement that timed out is the job's own doing. */
const isAway = (error: unknown) => isDatabaseAway(error) && codeOf(error) !== '57014'

/** Whether `failCrashed` gives the job up for this error. */
export const crashParks = (job: ClaimedJob, error: unknown): boolean =>
  !isAway(error) && attemptsSpent(job) >= CRASHES_MAX

/** `what` was thrown at, e.g. `scoring`. Rejects when the database cannot be told. */
export async function failCrashed(
  { store, jobs }: Options,
  job: ClaimedJob,
  what: string,
  error: unknown,
): Promise<void> {
  if (isAway(error)) return jobs.release(job, AWAY_DELAY_MS)
  const name = error instanceof Error ? error.name : 'unknown error'
  // Only the name: a message may quote what the person wrote.
  const reason = `${what} crashed: ${[name, codeOf(error)].filter(Boolean).join(' ')}`
  if (crashParks(job, error)) return giveUp({ store, jobs }, job, `${reason}, ${CRASHES_MAX} times`)
  await recordFailure(store, job.data.leadId, { reason, parked: false })
  await jobs.fail(job, reason)
}

/** Parked first: a death in between leaves the job to the next attempt. */
export async function giveUp({ store, jobs }: Options, job: ClaimedJob, reason: string) {
  // Other messages of the lead may have been scored meanwhile; the one given up is not forgotten.
  if (job.queue === SCORING_QUEUE) {
    await recordFailure(store, job.data.leadId, { reason, parked: true })
  } else {
    await parkLead(store, job.data.leadId, reason)
  }
  await jobs.fail(job, reason, { terminal: true })
}
