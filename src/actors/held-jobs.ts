/** What a process holds of the queues: the claims to keep alive, and the slots that are left. */
import { type ClaimedJob, type QueueName, SCORING_QUEUE } from '../jobs.ts'
import type { LeadScorer } from './lead-scorer.ts'

/** Post-process jobs per channel. More only wait for the database's connections. */
const POST_PROCESS_SLOTS = 16

export type HeldJobs = ReturnType<typeof heldJobs>

export function heldJobs(scoringHeldMax: number) {
  const postProcess = new Map<string, ClaimedJob>()
  const scorers = new Map<string, LeadScorer>()
  /** Fetches under way: their jobs are claimed already, whether we still want them or not. */
  const fetching = new Set<QueueName>()
  let onChange: (() => void)[] = []
  const changed = () => {
    const waiting = onChange
    onChange = []
    for (const resume of waiting) resume()
  }
  const inQueue = (queue: QueueName) =>
    [...postProcess.values()].filter((job) => job.queue === queue).length
  const drop = (job: ClaimedJob) => {
    // By identity: the same job may be held again already, in a later attempt.
    if (postProcess.get(job.id) === job) postProcess.delete(job.id)
    if (scorers.get(job.data.leadId)?.job === job) scorers.delete(job.data.leadId)
    changed()
  }
  return {
    scorers,
    fetching,
    changed,
    free: (queue: QueueName) =>
      queue === SCORING_QUEUE ? scoringHeldMax - scorers.size : POST_PROCESS_SLOTS - inQueue(queue),
    takePostProcess: (job: ClaimedJob) => void postProcess.set(job.id, job),
    drop,
    /** Another worker has the job, or nobody wants it any more: what runs here must not be written. */
    lose(job: ClaimedJob) {
      const scorer = scorers.get(job.data.leadId)
      if (scorer?.job !== job) return
      scorer.stop()
      drop(job)
    },
    claims: (): ClaimedJob[] => [
      ...postProcess.values(),
      ...[...scorers.values()].map(({ job }) => job),
    ],
    /** Resolves at the next job that ends. */
    change: () => new Promise<void>((resolve) => void onChange.push(resolve)),
    postProcessing: () => postProcess.size,
    phases() {
      const counts: Record<string, number> = {}
      for (const scorer of scorers.values()) {
        counts[scorer.phase()] = (counts[scorer.phase()] ?? 0) + 1
      }
      return counts
    },
  }
}
