/**
 * How many rows may wait. Beyond them an offer is refused at once: later it would be answered after
 * its sender gave up, and everybody behind it, too.
 *
 * The bound is found as TCP finds its window, by how long those who were taken waited: while offers
 * are refused it grows by what comes through in time, and shrinks by what does not. Waits alone tell
 * it; what a row was seen to cost does not, because a commit of a hundred takes hardly longer than
 * one of ten: a bound reckoned from small commits keeps them small, and refuses at half of what could
 * be stored. Where nothing was refused and nobody waited too long, a moment's burst or a database that
 * paused is not yet too much: there is room for what can be stored soon after.
 *
 * The channels share their commits, hence one backlog, too. When all together are too many, a channel
 * with less than its share still takes.
 */
import type { CommitCost } from './commit-cost.ts'

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
 * shorten: where a commit takes 60 ms it would, to 230 rows a second instead of 490.
 */
const COMMITS_WAITED = 3
/** Beside these there is to be time for rows. */
const ROWS_WAIT_MS = 10
/** Who waits so long is answered too late by the commits alone. */
const SLOW_WAIT_MAX_MS = 250
/** What waits longer no longer moves: half a second is no chance of a busy moment any more. */
const STANDSTILL_MS = 500
/** A burst out of rest may wait so long, for once; over and over it would keep its senders waiting. */
const BURST_WAIT_MS = 160
/** Whatever the waits tell, what is kept of them in memory has an end. */
export const ROWS_MAX = 10_000
/** So many are taken however long the last ones waited, or the bound would never be mended. */
export const ROWS_MIN = 32
/** Of the bound, for as many rows stored: more follows the noise, less is late by seconds. */
const GAIN = 0.25
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
  /** When somebody was refused or had waited for too long. */
  let pressedAt = Number.NEGATIVE_INFINITY

  const within = (rowsFound: number) => Math.min(Math.max(rowsFound, ROWS_MIN), ROWS_MAX)

  function roomAtRest(): number {
    // A process that has just begun takes its first commits for dear: some room there always is.
    return within(Math.max(BURST_WAIT_MS - cost.fixedMs(), WAIT_MAX_MS) / cost.rowMs())
  }

  function rowsMax(): number {
    const now = clock()
    const [oldest] = open.values()
    // A database that stands still stores nothing that the waits could tell of.
    if (oldest && now - oldest.at > STANDSTILL_MS) return ROWS_MIN
    return now - pressedAt > REST_MS ? roomAtRest() : bound
  }

  function press(): void {
    const now = clock()
    if (now - pressedAt > REST_MS) bound = roomAtRest()
    pressedAt = now
  }

  function learn(group: readonly object[]): void {
    const [first] = group
    const joined = first && open.get(first)
    if (!joined) return
    const waited = clock() - joined.at
    const most = Math.max(
      WAIT_MAX_MS,
      Math.min(COMMITS_WAITED * cost.fixedMs() + ROWS_WAIT_MS, SLOW_WAIT_MAX_MS),
    )
    if (waited > most) press()
    // Nobody was refused meanwhile: it could have been more, which tells nothing of the bound.
    else if (pressedAt < joined.at) return
    const own = group.reduce<number>((sum, offer) => sum + (open.get(offer)?.rows ?? 0), 0)
    // Squared, so that the bound is even where the mean and the spread together are the promised wait.
    const change = Math.max(-1, 1 - (waited / most) ** 2)
    bound = within(bound * (1 + GAIN * Math.min(1, own / bound) * change))
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
