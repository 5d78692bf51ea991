/**
 * How old the oldest unfinished job was over the last hour, bucket by bucket. Worked out from what the
 * figures read anyway: no further look at the jobs that are kept.
 */
import { toDate } from './domain/sql.ts'
import type { QueueName } from './job-queues.ts'

/** Jobs of one type that were completed in one bucket. */
export interface CompletedJobs {
  type: QueueName
  from: Date
  count: number
  /** When the oldest of them was made. */
  oldestAt: Date
  /** The longest time that one of them took from being made. */
  longestMs: number
}

export interface JobAge {
  type: QueueName
  from: Date
  oldestMs: number
}

const HOUR_MS = 3_600_000

/** `open`: per type and state, when the oldest job that is not done yet was made. */
export function jobAges(of: {
  completed: CompletedJobs[]
  open: { type: QueueName; oldestAt: Date }[]
  bucketMinutes: number
  nowMs: number
}): JobAge[] {
  const { bucketMinutes, nowMs } = of
  const width = bucketMinutes * 60_000
  const newest = Math.floor(nowMs / width) * width
  const buckets = Math.ceil(HOUR_MS / width)
  const done = of.completed.map((each) => ({ ...each, at: toDate(each.from).getTime() }))
  const types = [...new Set([...done, ...of.open].map(({ type }) => type))].sort()
  const ages: JobAge[] = []
  for (let back = buckets - 1; back >= 0; back--) {
    const at = newest - back * width
    const end = Math.min(at + width, nowMs)
    for (const type of types) {
      // Done later, or not yet: at the end of this bucket it was as old as this.
      const unfinished = [
        ...done.filter((each) => each.type === type && each.at > at),
        ...of.open.filter((each) => each.type === type),
      ].map(({ oldestAt }) => end - toDate(oldestAt).getTime())
      const finished = done.find((each) => each.type === type && each.at === at)?.longestMs ?? 0
      const oldestMs = Math.max(0, Number(finished), ...unfinished)
      if (oldestMs > 0) ages.push({ type, from: new Date(at), oldestMs })
    }
  }
  return ages
}
