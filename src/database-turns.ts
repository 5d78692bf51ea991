/**
 * Who is next on the one session of the embedded database. Each lane is served in order of arrival
 * and the lanes by turns, so that a webhook or a page waits for one transaction of each other lane,
 * however many jobs wait in theirs, and none is starved.
 */

export const lanes = ['ingest', 'foreground', 'background'] as const
/** Webhooks; people and clients who wait for an answer; jobs and upkeep. */
export type Lane = (typeof lanes)[number]

export interface Turns {
  /** Resolves when the session is the caller's; it must be given back. */
  take(lane: Lane): Promise<void>
  giveBack(): void
  waiting(): number
  isTaken(): boolean
}

export function turns(): Turns {
  const waiting = new Map<Lane, (() => void)[]>(lanes.map((lane) => [lane, []]))
  let isTaken = false
  let last = 0

  function next(): (() => void) | undefined {
    for (let n = 1; n <= lanes.length; n++) {
      const index = (last + n) % lanes.length
      const resume = waiting.get(lanes[index] as Lane)?.shift()
      if (!resume) continue
      last = index
      return resume
    }
    return undefined
  }

  return {
    take(lane) {
      if (isTaken) return new Promise((resolve) => void waiting.get(lane)?.push(resolve))
      isTaken = true
      last = lanes.indexOf(lane)
      return Promise.resolve()
    },
    giveBack() {
      const resume = next()
      if (resume) resume()
      else isTaken = false
    },
    waiting: () => [...waiting.values()].reduce((sum, each) => sum + each.length, 0),
    isTaken: () => isTaken,
  }
}
