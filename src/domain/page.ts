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

/** True for what `exactTime` writes, and nothing that PostgreSQL would refuse as a time. */
export function isExactTime(text: string): boolean {
  return /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text) && sameDay(text)
}

/** 30 February becomes 2 March when it is read as a date. */
function sameDay(text: string): boolean {
  const time = new Date(text)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text.slice(0, 19))
}
