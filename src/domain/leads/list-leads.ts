/**
 * The lead list: filters, search and orders. Among a million leads no single way to a page
 * (`lead-ways.ts`) is quick for every question, and the database's planner does not know which: it
 * takes words, filter and order for independent, and a wrong guess costs seconds. So the first leads of
 * the list are read as a sample, and what part of them matches tells what each way would cost.
 */
import { type Page, type PageRequest, pageOf } from '../page.ts'
import type { Sql } from '../sql.ts'
import { type LeadFilter, type LeadQuery, leadFilter } from './lead-filter.ts'
import { type LeadKey, type LeadOrder, leadOrders } from './lead-order.ts'
import { belongingsOf, type LeadRow, leadRow } from './lead-row.ts'
import { type Sample, sampleLeads } from './lead-sample.ts'
import { type Found, leadWays } from './lead-ways.ts'

/** How many leads the sample reads: 7 ms, and one match among them means 2,000 in a million. */
const SAMPLE = 500

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

/** A wrong estimate shows by the bound; then every way that seems to cost less than the next is tried. */
const BUDGETS = [2, 10, 50]

async function fetchPage(
  sql: Sql,
  query: LeadQuery,
  page: PageRequest<LeadKey>,
  sampled: number,
): Promise<Found[]> {
  const filter = leadFilter(query)
  const order = leadOrders[query.sort]
  const ways = leadWays(query, page)
  if (!filter.search && order.isByActivity) return (await ways.follow(sql, null)) ?? []
  if (!filter.search && !filter.isNarrow) return (await ways.walk(sql, null)) ?? []
  const sample = await sampleLeads(sql, query, sampled)
  const estimates = estimate(sample, { filter, order, limit: page.limit })
  const least = Math.min(...estimates.map(({ cost }) => cost))
  const tried = new Set<Way>()
  for (const budget of BUDGETS) {
    const within = estimates.filter(({ cost }) => cost <= least * budget)
    // What has already cost more than it seemed to comes last.
    for (const { way, each } of within.sort((a, b) => +tried.has(a.way) - +tried.has(b.way))) {
      const found = await ways[way](sql, Math.ceil((least * budget) / each))
      if (found) return found
      tried.add(way)
    }
  }
  return (await ways[filter.search ? 'words' : 'walk'](sql, null)) ?? []
}

/**
 * Costs count in rows read along an index (4 µs on the machine of `bench/README.md`). Measured there
 * among a million leads: the other table's row of a lead costs as much as three; a row that the index of
 * words finds two with its lead and less than one without.
 */
const LOOKUP = 3
const FOUND = 2
const FOUND_ALONE = 0.7
/** Without the index every row's words are looked at, one after the other. */
const SCANNED = 0.1
/** To plan a merge of fourteen ends. */
const MERGE = 1500
/** By name, leads that match are neighbours, and the first of them may come late. */
const BEFORE_FIRST = 10_000

type Way = 'walk' | 'follow' | 'few' | 'words'

interface Estimate {
  way: Way
  /** Of one row within the bound. */
  each: number
  cost: number
}

/** The cheapest first. */
function estimate(
  { read, left, found, leads }: Sample,
  { filter, order, limit }: { filter: LeadFilter; order: LeadOrder; limit: number },
): Estimate[] {
  const { search, isNarrow, isUnscored, scores, ends } = filter
  // None among 500 may be one among a thousand.
  const share = (count: number) => (count + 0.5) / (read + 0.5)
  const shareLeft = isNarrow ? share(left) : 1
  const shareFound = search ? share(found) : 1
  const lookup = search ? LOOKUP : 0
  const all = Math.max(leads, read)
  const isInSearch = order.keptIn === 'search'
  const estimates: Estimate[] = []
  const add = (way: Way, rows: number, each: number, once = 0) =>
    void estimates.push({ way, each, cost: once + rows * each })

  // Along the scores, a filter by score leaves nothing for long, and then everything.
  if (!(order.isByScore && scores.length < 5)) {
    const shareWalked = isUnscored && order.unscoredEnd ? 1 : shareLeft
    const first = isInSearch && search ? BEFORE_FIRST : 0
    const each = 1 + (isInSearch ? (isNarrow ? LOOKUP * shareFound : 0) : lookup * shareWalked)
    add('walk', first + limit / (shareWalked * shareFound), each)
  }
  if (order.isByActivity) {
    add('follow', limit / shareFound, scores.length + lookup, ends.length > 1 ? MERGE : 0)
  }
  if (isNarrow) add('few', all * shareLeft, 1 + (isInSearch ? LOOKUP : lookup))
  if (search) {
    const scanned = search.hasTrigram ? 0 : all * SCANNED
    add('words', all * shareFound, isInSearch && !isNarrow ? FOUND_ALONE : FOUND, scanned)
  }
  return estimates.sort((a, b) => a.cost - b.cost)
}
