/**
 * How long a new offer would wait, from what waits already and from how fast that has been stored.
 * Beyond the wait that senders are promised it is refused at once: later it would be answered after
 * they gave up, and everybody behind it, too.
 *
 * The channels share their commits, hence one backlog, too: a row costs the time that the first of a
 * group was open, divided by the rows stored meanwhile, whichever channels they were of. When all
 * together are too many, a channel with less than its share still takes.
 */

/** One channel's part of it. */
export interface Backlog {
  isFull(): boolean
  joined(offer: object, rows: number): void
  /** A group in the order it joined, before it leaves: tells how fast storing is. */
  stored(group: readonly object[]): void
  left(offer: object): void
}

/** Accepted requests are to be answered within 250 ms; reading, parsing and answering take the rest. */
export const WAIT_MAX_MS = 80
/** What waits longer no longer moves: half a second is no chance of a busy moment any more. */
const STANDSTILL_MS = 500
/** Fewer tell what a commit costs, not what a row does. */
const TELLING_ROWS = 16
/**
 * Of what may wait; fewer tell only by waiting for too long. While less comes than could be stored, a
 * group is what came during the last commit, and its time by the row is that between two that came:
 * at a third of the capacity one in a hundred was sent away by it.
 */
const TELLING_SHARE = 0.5
/** Until enough has been stored to tell, and again after a time of rest. */
const ROW_MS_AT_FIRST = 0.4
/** Of one row in the averages: some fifty make them follow a database that got slower. */
const NEWEST_SHARE = 0.02
/** One group is not to be all that is known. */
const NEWEST_SHARE_MAX = 0.3
/** Two mean deviations above the mean is what nearly no wait exceeds, as in TCP's time-outs (RFC 6298). */
const DEVIATIONS = 2
/** So many are taken however slow the last ones were, or the figure would never be mended. */
export const ROWS_MIN = 2 * TELLING_ROWS

interface Joined {
  rows: number
  at: number
  /** Rows that were stored before it came. */
  storedBefore: number
}

export interface IngestBacklog {
  channel(): Backlog
}

export function ingestBacklog(clock: () => number): IngestBacklog {
  /** In the order they came. */
  const open = new Map<object, Joined>()
  const shares = new Set<{ rows: number }>()
  let rows = 0
  /** Since the start. What failed is not among them: a database that is away fails quickly. */
  let storedRows = 0
  let rowMs = ROW_MS_AT_FIRST
  let deviationMs = 0

  function rowsMax(): number {
    const [oldest] = open.values()
    // A database that stands still stores nothing that the average could learn from.
    if (oldest && clock() - oldest.at > STANDSTILL_MS) return ROWS_MIN
    return Math.max(ROWS_MIN, WAIT_MAX_MS / (rowMs + DEVIATIONS * deviationMs))
  }

  function learn(group: readonly object[]): void {
    const own = group.reduce<number>((sum, offer) => sum + (open.get(offer)?.rows ?? 0), 0)
    storedRows += own
    const [first] = group
    const joined = first && open.get(first)
    if (!joined) return
    const stored = storedRows - joined.storedBefore
    const waited = clock() - joined.at
    if (stored < TELLING_ROWS) return
    if (waited <= WAIT_MAX_MS && stored < rowsMax() * TELLING_SHARE) return
    const share = Math.min(own * NEWEST_SHARE, NEWEST_SHARE_MAX)
    const error = waited / stored - rowMs
    deviationMs += (Math.abs(error) - deviationMs) * share
    rowMs += error * share
  }

  function forget(): void {
    rowMs = ROW_MS_AT_FIRST
    deviationMs = 0
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
          return own.rows > max / busy.length
        },
        joined(offer, count) {
          rows += count
          own.rows += count
          open.set(offer, { rows: count, at: clock(), storedBefore: storedRows })
        },
        stored: learn,
        left(offer) {
          const joined = open.get(offer)
          if (!joined) return
          open.delete(offer)
          rows -= joined.rows
          own.rows -= joined.rows
          if (rows === 0) forget()
        },
      }
    },
  }
}
