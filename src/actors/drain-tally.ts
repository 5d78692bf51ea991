/**
 * What a drain has done: counts the jobs that ended through it and measures how long one takes from
 * the beginning of its work, whatever it had waited for before.
 */
import type { QueueName } from '../job-queues.ts'
import type { ClaimedJob, Jobs } from '../jobs.ts'

export interface DrainCounts {
  /** Jobs that were ended: done, or nothing was left to do. */
  processed: number
  /** Attempts that failed; the job comes again later, or is among the failed ones. */
  failed: number
}

export interface JobTimes {
  note(queue: QueueName, ms: number): void
  /** What the next one should be given; null: none was seen yet. */
  expected(queue: QueueName): number | null
}

/**
 * Nine of ten of the latest were as quick, and half as much again: jobs that began together end
 * together late. Not the slowest: one that hung would keep all others from beginning.
 */
const SHARE = 0.9
const SEEN_MAX = 50
const MARGIN = 1.5
const MARGIN_MS = 100

export function jobTimes(): JobTimes {
  const seen = new Map<QueueName, number[]>()
  return {
    note(queue, ms) {
      const times = seen.get(queue) ?? []
      times.push(ms)
      if (times.length > SEEN_MAX) times.shift()
      seen.set(queue, times)
    },
    expected(queue) {
      const times = seen.get(queue)?.toSorted((a, b) => a - b)
      const usual = times?.[Math.ceil(times.length * SHARE) - 1]
      return usual === undefined ? null : usual * MARGIN + MARGIN_MS
    },
  }
}

type Outcome = keyof DrainCounts

export interface DrainTally {
  /** To be used by the drain's worker. */
  jobs: Jobs
  /** What has come of them. */
  counts(): DrainCounts
  hasBegun(queue: QueueName): boolean
}

export function drainTally(jobs: Jobs, times: JobTimes): DrainTally {
  const begun = new Set<QueueName>()
  const begunAt = new WeakMap<ClaimedJob, number>()
  const outcomes = new Map<ClaimedJob, Outcome>()
  return {
    counts() {
      const counts: DrainCounts = { processed: 0, failed: 0 }
      for (const outcome of outcomes.values()) counts[outcome] += 1
      return counts
    },
    hasBegun: (queue) => begun.has(queue),
    jobs: {
      ...jobs,
      async begin(job) {
        begun.add(job.queue)
        begunAt.set(job, performance.now())
        await jobs.begin(job)
      },
      async complete(sql, job) {
        await jobs.complete(sql, job)
        // Should the transaction be rolled back, `fail` is heard of it next.
        outcomes.set(job, 'processed')
        const since = begunAt.get(job)
        if (since !== undefined) times.note(job.queue, performance.now() - since)
      },
      async fail(job, reason, options) {
        outcomes.set(job, 'failed')
        await jobs.fail(job, reason, options)
      },
      async release(job, delayMs) {
        // Given back for later: the model or the database was away. At once: it was not begun.
        if (delayMs > 0) outcomes.set(job, 'failed')
        await jobs.release(job, delayMs)
      },
    },
  }
}
