/**
 * The lead list: filters, search and orders. Among a million leads no single way to a page
 * (`lead-ways.ts`) is quick for every question, and the database's planner does not know which: it
 * takes words, filter and order for independent, and a wrong guess costs seconds. So some leads are read
 * as a sample, and what part of them matches tells what each way would cost (`lead-costs.ts`).
 */
import { type Page, type PageRequest, pageOf } from '../page.ts'
import type { Sql } from '../sql.ts'
import { cheapest, corrected, partsToLookUp, type Way } from './lead-costs.ts'
import { type LeadQuery, leadFilter } from './lead-filter.ts'
import { type LeadKey, leadOrders } from './lead-order.ts'
import { belongingsOf, type LeadRow, leadRow } from './lead-row.ts'
import { anyLeads, firstLeads, type Samples } from './lead-sample.ts'
import { type Found, leadWays } from './lead-ways.ts'

/** How many leads a sample reads: 3 ms, and one match among them means 1,000 in a million. */
const SAMPLE = 1000
/** Of a workspace with fewer among the sample too little is told by it. */
const SAMPLE_LEAST = 0.1

/** `sql`: no transaction; two statements are asked at once. */
export async function listLeads(
  sql: Sql,
  query: LeadQuery,
  request: PageRequest<LeadKey>,
  sample = SAMPLE,
): Promise<Page<LeadRow, LeadKey>> {
  const { limit } = request
  const fetched = await fetchPage(sql, query, { ...request, limit: limit + 1 }, sample)
  const page = pageOf(fetched, limit, ({ keys, id }) => ({ keys, id }))
  const ids = page.rows.map(({ id }) => id)
  const belongings = await belongingsOf(sql, query.workspaceId, ids)
  return { ...page, rows: page.rows.map((row) => leadRow(row, belongings(row.id))) }
}

/** A way that would cost so many times its estimate is given up, and taken to be that again as dear. */
const WRONG_BY = 2
/** So many wrong estimates, and it is read whatever it costs. */
const TRIES = 6
/**
 * Rows that cost next to nothing: 5 ms. Of a tighter bound the planner hopes that so few are met at once
 * by comparing all: 65 ms on the embedded database, whose statistics are coarse.
 */
const BOUND_LEAST = 2000

async function fetchPage(
  sql: Sql,
  query: LeadQuery,
  page: PageRequest<LeadKey>,
  sampled: number,
): Promise<Found[]> {
  const filter = leadFilter(query)
  const order = leadOrders[query.sort]
  const ways = leadWays(query, page)
  if (!filter.search && order.isByActivity) return ways.first(sql)
  if (!filter.search && !filter.isNarrow) return (await ways.walk(sql, null)).leads
  let samples = await samplesFor(sql, query, page, sampled)
  const parts = partsToLookUp(filter, samples.all)
  const upTo = samples.all.early?.name ?? ''
  const asked = { filter, order, limit: page.limit }
  const least = new Map<Way, number>()
  for (let tries = 0; tries < TRIES; tries++) {
    const { way, all, each } = cheapest(samples, asked, least)
    const read = Math.max(BOUND_LEAST, Math.ceil((all * WRONG_BY) / each))
    const { leads, isCertain } = await ways[way](sql, read, parts, upTo)
    if (isCertain) return leads
    // What comes early does not become more by a wider bound.
    least.set(way, way === 'early' ? Number.POSITIVE_INFINITY : read * each * WRONG_BY)
    samples = corrected(samples, asked, { way, read, matched: leads.length })
  }
  return (await ways[filter.search ? 'find' : 'walk'](sql, null, parts)).leads
}

/** What the list begins with, and what there is; read side by side. */
async function samplesFor(
  sql: Sql,
  query: LeadQuery,
  page: PageRequest<LeadKey>,
  rows: number,
): Promise<Samples> {
  const readFirst = () => firstLeads(sql, query, page.after, Math.ceil(rows / 2))
  const { isByTime } = leadOrders[query.sort]
  const [any, first] = await Promise.all([
    anyLeads(sql, query, page, rows),
    isByTime ? readFirst() : null,
  ])
  const isEnough = any.read >= rows * SAMPLE_LEAST
  const latest = first ?? (isEnough ? any : await readFirst())
  // None are read of a table that was never analyzed, nor behind the end of the list.
  const begun = latest.read > 0 ? latest : any
  return { first: begun, all: isEnough ? any : begun }
}
