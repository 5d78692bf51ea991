/**
 * A drain: works through due jobs for as long as a caller with little time allows, e.g. a cron job of
 * a machine where no worker runs. It is a worker like every other (`worker.ts`), with an end: it takes
 * what a job costs from what was measured, begins none that would not end in time, gives back what
 * it has not begun, and answers before the time is up. The queue keeps it and other workers apart.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { countDue } from '../due-jobs.ts'
import { type QueueName, SCORING_QUEUE } from '../job-queues.ts'
import type { Dispatcher } from './dispatcher.ts'
import { type DrainCounts, drainTally, type JobTimes, jobTimes } from './drain-tally.ts'
import { type ActorSystem, type ActorSystemOptions, actorSystem, stopWithin } from './supervisor.ts'
import {
  type CaretakerOptions,
  startCaretakers,
  startWorker,
  type WorkerOptions,
} from './worker.ts'

export interface Drained extends DrainCounts {
  /** Jobs that are due when it ends, in all workspaces. */
  remaining: number
}

export interface Drains {
  /** Null: one is under way in this process. */
  drain(budgetMs: number): Promise<Drained | null>
  /** Ends the one under way in order, within `graceMs`, and lets none begin. */
  stop(graceMs: number): Promise<void>
}

export interface DrainOptions
  extends Omit<WorkerOptions, 'hasTimeFor'>,
    Pick<CaretakerOptions, 'budget' | 'pruner'> {
  /** Of a call to the model, what a job may take when none was measured yet; absent: none scores. */
  callTimeoutMs?: number
  llmConcurrency: number
  /** Nobody in this process sends what is due by itself, so a drain does. */
  cares: boolean
  onCrash: ActorSystemOptions['onCrash']
}

type Shared = Parameters<typeof startWorker>[2]

/** Of the budget, for the answer: jobs go back and what is left is counted. At most so long. */
const ANSWER_SHARE = 0.2
const ANSWER_MS_MAX = 5000
/** For the writing of a result, on top of the call's own limit. */
const COMMIT_MS = 1000
/** Of the budget: by then there is an answer, whatever hangs. */
const LATEST_SHARE = 0.95
/**
 * Claims of a drain for each call that may run at once. One workspace alone gets half of them: enough
 * to be busy, few to be given back.
 */
const HELD_PER_CALL = 2
const TICK_MS = 50
/** Nothing held and nothing due for so long: what sends jobs by itself has had its turn. */
const QUIET_MS = 500

export function drains(options: DrainOptions, shared: Shared): Drains {
  const times = jobTimes()
  let running: Promise<unknown> | null = null
  /** On the clock of this file; infinite unless the process stops. */
  let stopAt = Number.POSITIVE_INFINITY
  const isStopping = () => stopAt < Number.POSITIVE_INFINITY
  return {
    async drain(budgetMs) {
      if (running || isStopping()) return null
      const endsAt = performance.now() + workMsOf(budgetMs)
      const leftMs = () => Math.min(endsAt, stopAt) - performance.now()
      const { jobs, counts, hasBegun } = drainTally(options.jobs, times)
      const about = { shared, times, budgetMs, leftMs, hasBegun, isStopping }
      const work = workThrough({ ...options, jobs }, about)
      running = work.over
        .catch(() => {})
        .finally(() => {
          running = null
        })
      // A database that hangs must not keep the caller: what was at work ends without him.
      const remaining = await within(budgetMs * LATEST_SHARE, work.over, work.seen)
      return { ...counts(), remaining }
    },
    async stop(graceMs) {
      stopAt = performance.now() + graceMs
      await running
    },
  }
}

interface Circumstances {
  shared: Shared
  times: JobTimes
  budgetMs: number
  /** For work. */
  leftMs(): number
  hasBegun(queue: QueueName): boolean
  isStopping(): boolean
}

interface Work {
  /** Everything has ended and gone back; answers what is due. */
  over: Promise<number>
  /** What was due when it was last looked. */
  seen(): number
}

const answerMsOf = (budgetMs: number) => Math.min(budgetMs * ANSWER_SHARE, ANSWER_MS_MAX)
const workMsOf = (budgetMs: number) => budgetMs - answerMsOf(budgetMs)

function workThrough(options: DrainOptions, about: Circumstances): Work {
  const { shared, times, budgetMs, leftMs, hasBegun, isStopping } = about
  const { callTimeoutMs = 0 } = options
  let seen = 0
  const countAgain = async () => {
    seen = await countDue(options.store)
    return seen
  }
  const hasTimeFor = (queue: QueueName) => {
    const measured = times.expected(queue)
    const about = { measured, workMs: workMsOf(budgetMs), callTimeoutMs, begun: hasBegun(queue) }
    return !isStopping() && leftMs() > expectedMs(about)
  }
  const work = async () => {
    const system = actorSystem(options)
    try {
      const own = { ...options, hasTimeFor, scoringHeldMax: heldMax(options) }
      const dispatch = startWorker(system, own, shared)
      if (options.cares) takeCare(system, options, dispatch)
      await untilOver(dispatch, countAgain, hasTimeFor)
      await dispatch.shutdown(Math.max(0, Math.round(leftMs())))
    } finally {
      // Aborts what is still at it after all; that goes back, too.
      await stopWithin(system, answerMsOf(budgetMs) / 2)
    }
    return countAgain()
  }
  return { over: work(), seen: () => seen }
}

/** What `work` answers, or what is known by then. */
async function within<T>(ms: number, work: Promise<T>, known: () => T): Promise<T> {
  const limit = new AbortController()
  const late = delay(ms, undefined, { signal: limit.signal }).then(known)
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    limit.abort()
  }
}

function takeCare(system: ActorSystem, options: DrainOptions, dispatch: Dispatcher): void {
  const { store, jobs, log, now, budget, pruner } = options
  startCaretakers(
    system,
    // Not the model's list: a drain each minute would ask for it each minute.
    {
      store,
      jobs,
      log,
      now,
      budget,
      ...(pruner && { pruner }),
      retryParked: false,
      pruneAfterMs: 0,
    },
    () => dispatch.wake(SCORING_QUEUE),
  )
}

/** Until nothing is left, or a scoring job, which is what everything ends with, has no time left. */
async function untilOver(
  dispatch: Dispatcher,
  countAgain: () => Promise<number>,
  hasTimeFor: (queue: QueueName) => boolean,
): Promise<void> {
  let quietSince: number | null = null
  await countAgain()
  while (hasTimeFor(SCORING_QUEUE)) {
    const isOver = dispatch.isIdle() && (await countAgain()) === 0 && dispatch.isIdle()
    if (isOver) quietSince ??= performance.now()
    else quietSince = null
    if (quietSince !== null && performance.now() - quietSince >= QUIET_MS) return
    await delay(TICK_MS)
  }
  // For a caller who cannot wait for what goes back now.
  await countAgain()
}

/**
 * What a job must be given, from what was measured, else from the limit of a call. Never so much that
 * none would ever begin: until the first has, half of the time will do.
 */
export function expectedMs(of: {
  measured: number | null
  workMs: number
  callTimeoutMs: number
  /** A job of this drain has begun. */
  begun: boolean
}): number {
  const expected = of.measured ?? of.callTimeoutMs + COMMIT_MS
  return Math.min(expected, of.begun ? of.workMs : of.workMs / 2)
}

const heldMax = ({ scoringHeldMax, llmConcurrency }: DrainOptions): number =>
  Math.min(scoringHeldMax, llmConcurrency * HELD_PER_CALL)
