/**
 * Keyset pages: a list asks for one row more than it shows, and the next page starts after the last
 * row shown. Nothing is skipped or told twice when rows arrive in between, as with offsets.
 */

export interface PageRequest<Key> {
  limit: number
  /** Key of the last row of the page before; null: from the start. */
  after: Key | null
}

export interface Page<Row, Key> {
  rows: Row[]
  /** Where the next page starts; null: this was the last one. */
  next: Key | null
}

/** Key of lists that are ordered by a time and, where it ties, by id. */
export interface TimeKey {
  /** As `exactTime` writes it. */
  at: string
  id: string
}

/** `fetched` is what a query with `limit + 1` answered. */
export function pageOf<Row, Key>(
  fetched: Row[],
  limit: number,
  keyOf: (row: Row) => Key,
): Page<Row, Key> {
  const rows = fetched.slice(0, limit)
  const last = rows.at(-1)
  return { rows, next: last && fetched.length > limit ? keyOf(last) : null }
}

/** A timestamp to the microsecond: a JavaScript Date would round it, and rows would be lost. */
export function exactTime(column: string): string {
  return `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}
