/**
 * The lead list: filters, search and orders. Among a million leads no single plan is quick for all of
 * them, so there are four ways to the same page, each with a bound to what it reads:
 *
 * - `ends`: the index keeps the order within each sentiment tag and score; a page of each, merged.
 * - `few`: the filters leave few leads: those are read whole and sorted.
 * - `walk`: along the order, past leads that do not match; quick where many do.
 * - `words`: what the search finds by its trigrams, sorted; quick where it finds few.
 */
import { type Page, type PageRequest, pageOf } from '../page.ts'
import type { Sql } from '../sql.ts'
import { type LeadQuery, leadFilter } from './lead-filter.ts'
import { type LeadKey, type LeadOrder, leadOrders } from './lead-order.ts'
import { belongingsOf, type LeadRecord, type LeadRow, leadColumns, leadRow } from './lead-row.ts'

/**
 * What is read at most by `few`, at first by `words`, and by the walks of a search: the first one,
 * the first where steps are worth more (only leads that the filters leave) or cost less (the words are
 * kept in this very order), and the second one.
 */
export interface ListBounds {
  few: number
  walk: number
  longWalk: number
  farWalk: number
}

/**
 * So few are sorted in 30 ms; where there are more, walking past the others takes no longer. A search
 * walks 5 ms before it asks the index of words: most are for one person, whom no walk finds, and what
 * everybody has the index finds slowly.
 */
const BOUNDS: ListBounds = { few: 4000, walk: 500, longWalk: 2000, farWalk: 10_000 }

export async function listLeads(
  sql: Sql,
  query: LeadQuery,
  request: PageRequest<LeadKey>,
  bounds = BOUNDS,
): Promise<Page<LeadRow, LeadKey>> {
  const { limit } = request
  const fetched = await fetchPage(sql, query, { ...request, limit: limit + 1 }, bounds)
  const page = pageOf(fetched, limit, ({ keys, id }) => ({ keys, id }))
  const ids = page.rows.map(({ id }) => id)
  const belongings = await belongingsOf(sql, query.workspaceId, ids)
  return { ...page, rows: page.rows.map((row) => leadRow(row, belongings(row.id))) }
}

type Found = LeadRecord & { keys: string[] }

async function fetchPage(
  sql: Sql,
  query: LeadQuery,
  page: PageRequest<LeadKey>,
  bounds: ListBounds,
): Promise<Found[]> {
  const order = leadOrders[query.sort]
  const filter = leadFilter(query)
  const ways = waysTo(query, order, page)
  if (!filter.search && order.isByActivity) return ways.ends(sql)
  if (filter.isNarrow) {
    const rows = await ways.few(sql, bounds.few)
    if (rows) return rows
  }
  if (!filter.search?.hasTrigram) return ways.walk(sql, null)
  const isLong = ways.followsFilter || ways.areWordsAll
  const near = await ways.walk(sql, isLong ? bounds.longWalk : bounds.walk)
  if (near.length >= page.limit) return near
  // All that the words find is cheap to sort where their own table keeps what it is sorted by.
  if (!ways.areWordsAll) {
    const found = await ways.words(sql, bounds.few)
    if (found) return found
    const far = await ways.walk(sql, bounds.farWalk)
    if (far.length >= page.limit) return far
  }
  return (await ways.words(sql, null)) ?? []
}

/** Everything that filters and orders look at; the rest of a row is wide. */
const sought = `lead.id, lead.last_activity_at, lead.overall_score, lead.scored_at, lead.channels,
  lead.sentiment_tag, lead.disqualified_reason`

/** `lead` and `search` name the two tables, or what was read of them, in every statement. */
function waysTo(query: LeadQuery, order: LeadOrder, { limit, after }: PageRequest<LeadKey>) {
  const filter = leadFilter(query)
  const { keys, keptIn } = order
  const direction = order.descending ? 'desc' : 'asc'
  const params: unknown[] = [query.workspaceId, limit]
  const bind = (value: unknown, type: string) => `$${params.push(value)}::${type}`
  const idOf = keptIn === 'search' ? 'search.lead_id' : 'lead.id'
  const inOrder = (by: string[]) => by.map((each) => `${each} ${direction}`).join(', ')
  const ordered = inOrder([...keys.map(({ by }) => by), idOf])
  const words = filter.search ? filter.search.condition((pattern) => bind(pattern, 'text')) : 'true'
  const next = after ? beyond(after) : 'true'
  // `offset 0`: looked up one by one. A join would be planned as a scan of the whole other table.
  const leadOfSearch = `cross join lateral (
    select ${sought} from lead where lead.id = search.lead_id offset 0
  ) as lead`
  /** Each step of a walk is then a lead that the filters leave. */
  const followsFilter = filter.isNarrow && filter.hasFewBranches && order.isByActivity
  const areWordsAll = keptIn === 'search' && !filter.isNarrow
  const searchOfLead =
    keptIn === 'search'
      ? `cross join lateral (
          select search.* from lead_search as search where search.lead_id = lead.id offset 0
        ) as search`
      : ''
  /** As above, in the cheaper form where nothing but the answer is needed. */
  const hasWords =
    keptIn === 'search' || !filter.search
      ? words
      : `(select ${words} from lead_search as search where search.lead_id = lead.id)`

  function beyond({ keys: bounds, id }: LeadKey): string {
    const row = [...keys.map(({ by }) => by), idOf].join(', ')
    const bound = [...keys.map(({ type }, index) => bind(bounds[index], type)), bind(id, 'uuid')]
    return `(${row}) ${order.descending ? '<' : '>'} (${bound.join(', ')})`
  }

  /** Only now the wide columns, of one page. `from` knows `lead` and what the keys name. */
  const pageSql = (from: string) => `
    select ${leadColumns}, page.keys from (
      select ${idOf} as id, array[${keys.map(({ text }) => text).join(', ')}] as keys,
        ${keys.map(({ by }, index) => `${by} as key_${index}`).join(', ')}
      from ${from}
      order by ${ordered} limit $2::int
    ) as page
    join lead on lead.id = page.id
    order by ${inOrder([...keys.map((_, index) => `page.key_${index}`), 'page.id'])}`

  /** The first leads that the filters leave, from the ends of the index, in the order of the list. */
  function filtered(steps: number): string {
    return `(
      select lead.* from ${filter.branches} cross join lateral (
        select ${sought} from lead where ${filter.ofBranch} and ${next}
        order by lead.last_activity_at ${direction}, lead.id ${direction} limit ${steps}
      ) as lead
      order by ${ordered} limit ${steps}
    ) as lead`
  }

  return {
    ends: (sql: Sql): Promise<Found[]> =>
      sql.query(
        pageSql(`${filter.branches} cross join lateral (
          select lead.id, lead.last_activity_at, lead.overall_score from lead
          where ${filter.ofBranch} and ${next}
          order by lead.last_activity_at ${direction}, lead.id ${direction} limit $2::int
        ) as lead`),
        params,
      ),
    /**
     * Null: they are not few. Read in the order of the index, or the planner, which does not know the
     * branch, would walk the table until enough were met: 99 ms instead of 28 among a million.
     */
    async few(sql: Sql, max: number): Promise<Found[] | null> {
      const rows = await sql.query<Found & { isFew: boolean }>(
        `with few as materialized (
           select lead.* from ${filter.branches} cross join lateral (
             select ${sought} from lead
             where ${filter.ofBranch} order by lead.last_activity_at limit ${max + 1}
           ) as lead
           limit ${max + 1}
         ), size as (select count(*) <= ${max} as "isFew" from few)
         select * from size left join lateral (
           ${pageSql(`few as lead ${searchOfLead} where size."isFew" and ${hasWords} and ${next}`)}
         ) as page on true`,
        params,
      )
      return rows[0]?.isFew ? rows.filter(({ id }) => id !== null) : null
    },
    walk(sql: Sql, steps: number | null): Promise<Found[]> {
      const path = keptIn === 'search' ? 'lead_search as search' : 'lead'
      const mine = `${keptIn}.workspace_id = $1::uuid and ${next}`
      const rest = keptIn === 'search' ? leadOfSearch : searchOfLead
      const matches = `${filter.conditions} and ${hasWords}`
      if (steps === null) {
        return sql.query(pageSql(`${path} ${rest} where ${mine} and ${matches}`), params)
      }
      if (followsFilter) return sql.query(pageSql(`${filtered(steps)} where ${hasWords}`), params)
      const by = order.walk?.by ?? keys.map((key) => key.by)
      const begun = `(
        select ${keptIn === 'search' ? 'search.*' : sought} from ${path} where ${mine} and ${order.walk?.where ?? 'true'}
        order by ${inOrder([...by, idOf])} limit ${steps}
      ) as ${keptIn}`
      return sql.query(pageSql(`${begun} ${rest} where ${matches}`), params)
    },
    /** Null: it finds more than `max`; null for all of them. */
    async words(sql: Sql, max: number | null): Promise<Found[] | null> {
      const rows = await sql.query<Found & { isFew: boolean }>(
        `with found as materialized (
           select lead_id, nameless, name from lead_search as search
           where search.workspace_id = $1::uuid and ${words} limit ${max === null ? null : max + 1}
         ), size as (select count(*) <= ${max ?? 'count(*)'} as "isFew" from found)
         select * from size left join lateral (
           ${pageSql(`found as search ${areWordsAll ? '' : leadOfSearch}
             where size."isFew" and ${filter.conditions} and ${next}`)}
         ) as page on true`,
        params,
      )
      return rows[0]?.isFew ? rows.filter(({ id }) => id !== null) : null
    },
    areWordsAll,
    followsFilter,
  }
}
