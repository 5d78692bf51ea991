/**
 * How long a new offer of a channel would wait, from what waits already and from what commits take.
 * Beyond the wait that senders are promised it is refused at once: later it would be answered after
 * they gave up, and everybody behind it, too.
 */

export interface Backlog {
  isFull(): boolean
  joined(offer: object, rows: number): void
  left(offer: object): void
  committed(rows: number, tookMs: number): void
}

/** Accepted requests are to be answered within 250 ms; reading, parsing and answering take the rest. */
export const WAIT_MAX_MS = 120
/** Smaller groups tell what a commit costs, not what a row does. */
const TELLING_ROWS = 32
/** Until a large group was seen, and again after a time of rest. */
const ROW_MS_AT_FIRST = 0.4
/** Of a group's figure in the average; a few groups make it follow a database that got slower. */
const NEWEST_SHARE = 0.3
/** So many are taken however slow the last groups were, or the figure would never be mended. */
export const ROWS_MIN = 2 * TELLING_ROWS

export function openBacklog(clock: () => number): Backlog {
  /** In the order they came. */
  const offers = new Map<object, { rows: number; at: number }>()
  let rows = 0
  let rowMs = ROW_MS_AT_FIRST

  return {
    isFull() {
      const [oldest] = offers.values()
      // A database that stands still commits nothing that the average could learn from.
      if (oldest && clock() - oldest.at > WAIT_MAX_MS && rows > ROWS_MIN) return true
      return rows > ROWS_MIN && rows * rowMs > WAIT_MAX_MS
    },
    joined(offer, count) {
      offers.set(offer, { rows: count, at: clock() })
      rows += count
    },
    left(offer) {
      rows -= offers.get(offer)?.rows ?? 0
      offers.delete(offer)
      if (rows === 0) rowMs = ROW_MS_AT_FIRST
    },
    committed(count, tookMs) {
      if (count < TELLING_ROWS) return
      rowMs += (tookMs / count - rowMs) * NEWEST_SHARE
    },
  }
}
