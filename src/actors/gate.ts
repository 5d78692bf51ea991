/**
 * The gate in front of the LLM: at most `limit` calls at once in this process, oldest unscored lead
 * first. A plain synchronous object; who waits is told by callback, so it holds no promises that a
 * stopped actor would leave behind.
 */
export interface Gate {
  /** Queues for a permit. `since` orders: milliseconds of the clock when the lead became unscored. */
  acquire(since: number, granted: () => void): Permit
  meters(): { limit: number; held: number; waiting: number }
}

export interface Permit {
  /** Gives the permit back, or leaves the queue when it was not granted yet. May be called twice. */
  release(): void
}

interface Waiter {
  since: number
  order: number
  granted: () => void
}

export function gate(limit: number): Gate {
  /** Sorted, longest waiting last, so that the next one is a pop. */
  const waiting: Waiter[] = []
  let held = 0
  let orders = 0

  function grant(): void {
    while (held < limit) {
      const next = waiting.pop()
      if (!next) return
      held += 1
      next.granted()
    }
  }

  return {
    acquire(since, granted) {
      let state: 'waiting' | 'held' | 'released' = 'waiting'
      const waiter: Waiter = {
        since,
        order: ++orders,
        granted() {
          state = 'held'
          granted()
        },
      }
      waiting.splice(positionFor(waiting, waiter), 0, waiter)
      const permit = {
        release() {
          if (state === 'waiting') waiting.splice(waiting.indexOf(waiter), 1)
          if (state === 'held') held -= 1
          const freed = state === 'held'
          state = 'released'
          if (freed) grant()
        },
      }
      grant()
      return permit
    },
    meters: () => ({ limit, held, waiting: waiting.length }),
  }
}

/** Binary search in an array sorted newest first; equal ones keep their order of arrival. */
function positionFor(waiting: Waiter[], { since, order }: Waiter): number {
  let low = 0
  let high = waiting.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = waiting[middle] as Waiter
    const otherIsNewer = other.since > since || (other.since === since && other.order > order)
    if (otherIsNewer) low = middle + 1
    else high = middle
  }
  return low
}
