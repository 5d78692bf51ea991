/**
 * How many rows may wait. Beyond them an offer is refused at once: later it would be answered after
 * its sender gave up, and everybody behind it, too.
 *
 * The bound is found as TCP finds its window, by how long those who were taken waited: while offers
 * are refused it grows by what comes through in time, and it shrinks by what does not. What a row
 * costs does not tell it, because a commit of a hundred takes hardly longer than one of ten: a bound
 * reckoned from small commits keeps them small, and refuses at half of what could be stored. Where
 * nothing is refused, a moment's burst or a database that pauses is not yet too much: there is room
 * for what can be stored soon after, and for this the costs are good enough.
 *
 * The channels share their commits, hence one backlog, too. When all together are too many, a channel
 * with less than its share still takes.
 */
import type { CommitCost } from './commit-cost.ts'
import { GROUP_ROWS_MAX } from './shared-commits.ts'

/** One channel's part of it. */
export interface Backlog {
  isFull(): boolean
  joined(offer: object, rows: number): void
  /** A group in the order it joined, before it leaves: tells how long it waited. */
  stored(group: readonly object[]): void
  left(offer: object): void
}

/** Accepted requests are to be answered within 250 ms; reading, parsing and answering take the rest. */
export const WAIT_MAX_MS = 80
/**
 * On a slow disk up to three commits take longer than that, however few wait: the one of one's
 * channel, the one whose turn it is, and one's own. The bound must not shrink for what no bound can
 * shorten: where a commit takes 60 ms it would, to 250 rows a second instead of 650.
 */
const COMMITS_WAITED = 3
/** Beside these there is to be time for rows. */
const ROWS_WAIT_MS = 10
/** Beyond it nobody would be answered within 250 ms any more. */
const SLOW_WAIT_MAX_MS = 200
/** A database that has stored nothing for so long stands still: that is no busy moment any more. */
const STANDSTILL_MS = 500
/** A burst out of rest may wait so long, for once; over and over it would keep its senders waiting. */
const BURST_WAIT_MS = 160
/** Whatever the waits tell, what is kept of them in memory has an end. */
export const ROWS_MAX = 10_000
/** So many are taken however long the last ones waited, or the bound would never be mended. */
export const ROWS_MIN = 32
/** Of the bound, for as many rows stored: more follows the noise, less is late by seconds. */
const GAIN = 0.25
/** One pause of the database, however long, takes no more than a quarter of the bound. */
const CHANGE_MIN = -1
/** After so long without a refusal or too long a wait, what was learnt is of another time. */
const REST_MS = 1000

interface Joined {
  rows: number
  at: number
}

export interface IngestBacklog {
  channel(): Backlog
}

export function ingestBacklog(
  clock: () => number,
  cost: Pick<CommitCost, 'fixedMs' | 'rowMs'>,
): IngestBacklog {
  /** In the order they came. */
  const open = new Map<object, Joined>()
  const shares = new Set<{ rows: number }>()
  let rows = 0
  let bound = ROWS_MIN
  let storedAt = Number.NEGATIVE_INFINITY
  /** When somebody was refused or had waited for too long. */
  let pressedAt = Number.NEGATIVE_INFINITY

  const within = (rowsFound: number) => Math.min(Math.max(rowsFound, ROWS_MIN), ROWS_MAX)

  /** As many as `BURST_WAIT_MS` are enough for: the commit under way, then one for each full group. */
  function roomAtRest(): number {
    const fixedMs = cost.fixedMs()
    // A process that has just begun takes its first commits for dear: some room there always is.
    const forRowsMs = Math.max(BURST_WAIT_MS - fixedMs, WAIT_MAX_MS)
    return within(forRowsMs / (cost.rowMs() + fixedMs / GROUP_ROWS_MAX))
  }

  function rowsMax(): number {
    const now = clock()
    const [oldest] = open.values()
    // What stands still stores nothing that the waits could tell of.
    if (oldest && now - Math.max(oldest.at, storedAt) > STANDSTILL_MS) return ROWS_MIN
    return now - pressedAt > REST_MS ? roomAtRest() : bound
  }

  function press(): void {
    const now = clock()
    if (now - pressedAt > REST_MS) bound = roomAtRest()
    pressedAt = now
  }

  function learn(group: readonly object[]): void {
    const [first] = group
    if (!first) return
    const now = clock()
    storedAt = now
    const joined = open.get(first)
    if (!joined) return
    const waited = now - joined.at
    const most = Math.max(
      WAIT_MAX_MS,
      Math.min(COMMITS_WAITED * cost.fixedMs() + ROWS_WAIT_MS, SLOW_WAIT_MAX_MS),
    )
    if (waited > most) press()
    const own = group.reduce<number>((sum, offer) => sum + (open.get(offer)?.rows ?? 0), 0)
    // Squared, so that the bound is even where the mean and the spread together are the promised wait.
    const change = Math.max(CHANGE_MIN, 1 - (waited / most) ** 2)
    const next = bound + GAIN * Math.min(own, bound) * change
    if (pressedAt >= joined.at) bound = within(next)
    // Nobody was refused meanwhile, so more might have been too many: no further than out of rest.
    else bound = Math.max(bound, Math.min(next, roomAtRest()))
  }

  return {
    channel() {
      const own = { rows: 0 }
      shares.add(own)
      return {
        isFull() {
          // Without a backlog, which is nearly always, nothing has to be reckoned.
          if (rows <= ROWS_MIN) return false
          const max = rowsMax()
          if (rows <= max) return false
          const busy = [...shares].filter((each) => each === own || each.rows > 0)
          if (own.rows <= max / busy.length) return false
          press()
          return true
        },
        joined(offer, count) {
          rows += count
          own.rows += count
          open.set(offer, { rows: count, at: clock() })
        },
        stored: learn,
        left(offer) {
          const joined = open.get(offer)
          if (!joined) return
          open.delete(offer)
          rows -= joined.rows
          own.rows -= joined.rows
        },
      }
    },
  }
}
