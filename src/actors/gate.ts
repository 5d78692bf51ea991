/**
 * The gate in front of the LLM: at most `limit` calls at once in this process, one turn for each
 * workspace in each round, the longest unscored lead first within a workspace. It slows down when
 * the provider says so (`call-pace.ts`). A plain synchronous object; who waits is told by callback,
 * so it holds no promises that a stopped actor would leave behind.
 */
import { type CallOutcome, callPace } from './call-pace.ts'
import { fairQueue, type WaitingCall } from './fair-queue.ts'

export interface Gate {
  /** Queues for a permit. `granted` may run before this returns. */
  acquire(call: WaitingCall, granted: () => void): Permit
  meters(): GateMeters
}

export interface Permit {
  /**
   * Gives the permit back, with what the call showed, or leaves the queue when it was not granted
   * yet. Only the first time counts.
   */
  release(outcome?: CallOutcome): void
  /** While it waits: it has become more urgent. */
  raise(priority: number): void
}

export interface GateMeters {
  /** Calls that may run at once just now, and at best. */
  limit: number
  limitMax: number
  held: number
  waiting: number
  /** Milliseconds until calls may start again; 0: now. */
  pausedMs: number
  /** The model's circuit is open: one call at a time finds out whether it is back. */
  probing: boolean
}

export interface Clock {
  /** Milliseconds. */
  now(): number
  /** Answers the function that cancels. */
  after(ms: number, run: () => void): () => void
}

export interface GateOptions {
  limit: number
  clock?: Clock
}

const systemClock: Clock = {
  // Not the time of day: set back by a minute, it would make a pause under way last that much longer.
  now: () => performance.now(),
  after(ms, run) {
    // Whoever waits is kept alive by its own claim; the pause alone must not keep the process.
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  },
}

export function gate({ limit: limitMax, clock = systemClock }: GateOptions): Gate {
  const pace = callPace(limitMax)
  const queue = fairQueue()
  let held = 0
  let calls = 0
  let granting = false
  let cancelResume: (() => void) | undefined

  const pausedMs = () => Math.max(0, pace.pausedUntil() - clock.now())

  function grant(): void {
    // A callback that releases at once comes back here; the loop below goes on with what it freed.
    if (granting) return
    granting = true
    try {
      while (held < pace.limit() && pausedMs() === 0) {
        const next = pace.probing() ? queue.nextProbe() : queue.next()
        if (!next) break
        held += 1
        next.granted()
      }
    } finally {
      granting = false
      resumeLater()
    }
  }

  function resumeLater(): void {
    cancelResume?.()
    cancelResume = undefined
    const ms = pausedMs()
    if (ms > 0 && queue.size() > 0) cancelResume = clock.after(ms, grant)
  }

  return {
    acquire(call, granted) {
      let state: 'waiting' | 'held' | 'released' = 'waiting'
      let nth = 0
      const waiter = queue.add(call, () => {
        state = 'held'
        nth = ++calls
        granted()
      })
      grant()
      return {
        raise: (priority) => queue.raise(waiter, priority),
        release(outcome = {}) {
          const was = state
          state = 'released'
          if (was === 'released') return
          if (was === 'waiting') queue.remove(waiter)
          else {
            held -= 1
            pace.settle(outcome, { call: nth, newest: calls, now: clock.now() })
          }
          grant()
        },
      }
    },
    meters: () => ({
      limit: pace.limit(),
      limitMax,
      held,
      waiting: queue.size(),
      pausedMs: pausedMs(),
      probing: pace.probing(),
    }),
  }
}
