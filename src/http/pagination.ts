/** Cursor paging: opaque cursors, made from the key of a page's last row and checked when they return. */
import { z } from 'zod'
import { isExactTime, type Page, type PageRequest, type TimeKey } from '../domain/page.ts'
import { storableText } from '../domain/text/storable-text.ts'
import { fieldProblem } from './problem.ts'

export const PAGE_LIMIT_DEFAULT = 50
export const PAGE_LIMIT_MAX = 200
const CURSOR_CHARACTERS_MAX = 2000

const limitTakes = `takes a whole number from 1 to ${PAGE_LIMIT_MAX}`

/** Query fields of every list; spread them into a strictObject. */
export const pageFields = {
  limit: z.coerce
    .number(limitTakes)
    .int(limitTakes)
    .min(1, limitTakes)
    .max(PAGE_LIMIT_MAX, limitTakes)
    .default(PAGE_LIMIT_DEFAULT),
  cursor: z
    .string('takes one text')
    .max(CURSOR_CHARACTERS_MAX, 'takes a nextCursor of this list')
    .optional()
    .meta({ description: '`nextCursor` of the page before' }),
}

export const pageQuery = z.strictObject(pageFields)

/** Answer of every list. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    nextCursor: z.string().nullable().meta({ description: 'null: this was the last page' }),
  })
}

/** The key of lists ordered by time and id. */
export const timeKeySchema: z.ZodType<TimeKey> = z.strictObject({
  at: z.string().refine(isExactTime),
  id: z.guid(),
})

/** The domain's page request; a cursor that this list did not make is the client's mistake. */
export function pageRequest<Key>(
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  keySchema: z.ZodType<Key>,
): PageRequest<Key> {
  return { limit, after: cursor === undefined ? null : readCursor(cursor, keySchema) }
}

export function pageAnswer<Row>({ rows, next }: Page<Row, unknown>): {
  items: Row[]
  nextCursor: string | null
} {
  return { items: rows, nextCursor: next === null ? null : writeCursor(next) }
}

function writeCursor(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** A key's text goes into a query as it comes. */
function storable(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? storableText(value) : value
}

function readCursor<Key>(cursor: string, keySchema: z.ZodType<Key>): Key {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'), storable)
  } catch {
    // Falls through as undefined, which no key schema takes.
  }
  const parsed = keySchema.safeParse(value)
  if (!parsed.success) throw fieldProblem('cursor', 'takes a nextCursor of this list')
  return parsed.data
}
