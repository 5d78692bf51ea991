/**
 * The ways to one page of the lead list, each quick for other questions; which one is taken, decides
 * `list-leads.ts`.
 *
 * - `walk`: along the order of the list, past leads that do not match.
 * - `first`, `follow`: along the filter's own index, which keeps the order within each score and tag.
 * - `few`: the leads that the filters leave, read whole and sorted.
 * - `find`: what matches by the index of words and facets, sorted.
 * - `early`: by name, what matches so up to some name.
 *
 * A bound of null reads as far as it takes. Otherwise the page may not be certain within the bound.
 */
import type { PageRequest } from '../page.ts'
import type { Sql } from '../sql.ts'
import {
  hasPart,
  type LeadFilter,
  type LeadQuery,
  leadFilter,
  type SearchPart,
} from './lead-filter.ts'
import {
  alongOrder,
  beyondSql,
  inOrder,
  keysOf,
  type LeadKey,
  type LeadOrder,
  leadOrders,
  listOrder,
} from './lead-order.ts'
import { type LeadRecord, leadColumns } from './lead-row.ts'

/** Of a page, with the sort keys of each lead. */
export type Found = LeadRecord & { keys: string[] }

/** A page; if it is not certain, so much of it as was met on the way. */
export interface Answer {
  leads: Found[]
  isCertain: boolean
}

/** Everything that filters, search and orders look at; the rest of a row is wide. */
export const soughtBy = ({ search }: LeadFilter) =>
  `lead.id, lead.last_activity_at, lead.overall_score, lead.scored_at, lead.channels,
  lead.sentiment_tag, lead.disqualified_reason, lead.first_name, lead.last_name${search ? ', lead.words' : ''}`

/** `lead` and `search` name the two tables, or what was read of them, in every statement. */
export function leadWays(query: LeadQuery, { limit, after }: PageRequest<LeadKey>) {
  const order = leadOrders[query.sort]
  const filter = leadFilter(query)
  const { search, scores } = filter
  const { keptIn } = order
  const isInSearch = keptIn === 'search'
  const byActivity = inOrder(order, ['lead.last_activity_at', 'lead.id'])
  const path = tableOf(order)
  const leftInSearch = `${filter.facets} and ${filter.channels}`
  const isLeft = isInSearch ? leftInSearch : filter.conditions
  // `offset 0`: looked up one by one. A join would be planned as one of all leads.
  const leadOfSearch = `cross join lateral (
    select ${soughtBy(filter)} from lead where lead.id = search.lead_id offset 0
  ) as lead`
  // Made again, which takes a fifth of looking it up.
  const searchOfLead = `cross join lateral (
    select lead.id as lead_id, nameless, name
    from lead_search_entry(lead.first_name, lead.last_name, null, null)
  ) as search`

  const statement = () => statementOf(query.workspaceId, { limit, after }, { order, search })

  /** Only now the wide columns, of one page. `from` knows what the keys name. */
  const pageSql = (from: string) => `
    select ${leadColumns}, page.keys from (
      select ${keysOf(order).columns} from ${from} order by ${listOrder(order)} limit $2::int
    ) as page
    join lead on lead.id = page.id
    order by ${keysOf(order).by('page')}`

  /** The first `rows` in the order of the list, whatever the filters say. */
  function begun(rows: number, mine: string): string {
    const { by, where } = alongOrder(order, filter.isUnscored)
    return `(
      select ${isInSearch ? 'search.*' : soughtBy(filter)} from ${path}
      where ${mine} and ${where} order by ${by} limit ${rows}
    ) as ${keptIn}`
  }

  /**
   * The page's leads of what is read in the order of the list. Left in that order: put in it again, all
   * would be read, because the planner does not see that they are.
   */
  const firstOf = (along: string, matches: string) =>
    `(select ${keptIn}.* from ${along} where ${matches} limit $2::int) as ${keptIn}`

  function foundPage(
    { next, words, hasParts }: ReturnType<typeof statement>,
    { max, parts, named }: { max: number | null; parts: SearchPart[]; named: string[] },
  ) {
    const isAll = search?.isExact && parts.length > 0
    const rest = isAll ? [] : [words('search')]
    const where = [...hasParts(parts), ...named, ...rest, leftInSearch]
    return {
      few: `select lead_id, nameless, name from lead_search as search
        where search.workspace_id = $1::uuid and ${where.join(' and ')}
        limit ${max === null ? null : max + 1}`,
      max,
      page: pageSql(
        `few as search ${isInSearch ? '' : leadOfSearch} where size."isFew" and ${next()}`,
      ),
    }
  }

  const answer = (leads: Found[], bound: number | null): Answer => ({
    leads,
    isCertain: leads.length >= limit || bound === null,
  })

  return {
    async walk(sql: Sql, rows: number | null): Promise<Answer> {
      const { params, next, words } = statement()
      const mine = `${keptIn}.workspace_id = $1::uuid and ${next()}`
      const matches = `${isLeft} and ${words(keptIn)}`
      // A part without a bound would be sorted whole.
      const from =
        rows === null ? `${path} where ${mine} and ${matches}` : firstOf(begun(rows, mine), matches)
      const met = answer(await sql.query(pageSql(from), params), rows)
      if (met.isCertain || rows === null) return met
      return { ...met, isCertain: await isEnd(sql, query, { limit, after }, rows) }
    },
    /** Only without a search, by activity or score: a page of each end is enough. */
    first(sql: Sql): Promise<Found[]> {
      const { params, next } = statement()
      const each = perScore(filter, scores, { by: byActivity, where: next(), rows: '$2::int' })
      return sql.query(pageSql(each), params)
    },
    /** Only by activity, of few ends, or by score. */
    async follow(sql: Sql, rows: number): Promise<Answer> {
      const { params, next, words } = statement()
      const part = { by: byActivity, where: next(), rows: `${rows}` }
      // Score after score they come in the order of the list. Put in order they would all be read first.
      const along = order.isByScore
        ? perScore(filter, inTurn(order, scores), part)
        : `(${endsOf(filter, scores, part)}) as lead`
      const from = firstOf(`(select lead.* from ${along} limit ${rows}) as lead`, words('lead'))
      return answer(await sql.query(pageSql(from), params), rows)
    },
    /**
     * Read in the order of the index, or the planner, which does not know the ends, would walk the table
     * until enough were met: 99 ms instead of 28 among a million.
     */
    few(sql: Sql, max: number): Promise<Answer> {
      const { params, next, words } = statement()
      const part = { by: 'lead.last_activity_at', where: 'true', rows: `${max + 1}` }
      return unlessMany(sql, params, {
        few: `select lead.* from ${perScore(filter, scores, part)} limit ${max + 1}`,
        max,
        page: pageSql(
          `few as lead ${isInSearch ? searchOfLead : ''}
           where size."isFew" and ${words('lead')} and ${next()}`,
        ),
      })
    },
    /** These parts of the search, and the facets, are looked up; the rest is compared with each. */
    find(sql: Sql, max: number | null, parts: SearchPart[]): Promise<Answer> {
      const asked = statement()
      return unlessMany(sql, asked.params, foundPage(asked, { max, parts, named: [] }))
    },
    /**
     * Only by name. The index of names tells which of them come so early; looked up with the words, it
     * costs a twentieth of a row each.
     */
    async early(sql: Sql, max: number, parts: SearchPart[], name: string): Promise<Answer> {
      const asked = statement()
      const page = foundPage(asked, { max, parts, named: asked.upTo(name) })
      return answer((await unlessMany(sql, asked.params, page)).leads, max)
    },
  }
}

/** Of more rows than that it is not asked: it costs as much as to walk them. */
const END_WITHIN = 5000

/** Whether a walk of so many rows came to the end of the list: then it is certain, too. */
async function isEnd(
  sql: Sql,
  query: LeadQuery,
  page: PageRequest<LeadKey>,
  rows: number,
): Promise<boolean> {
  const order = leadOrders[query.sort]
  const { search, scores, isUnscored } = leadFilter(query)
  const { by, where } = alongOrder(order, isUnscored)
  const isWhole = where === 'true' || where === order.unscoredEnd || !scores.includes(0)
  if (!isWhole) return false
  const { params, next } = statementOf(query.workspaceId, page, { order, search })
  const more = await sql.query(
    `select 1 from ${tableOf(order)} where ${order.keptIn}.workspace_id = $1::uuid
       and ${where} and ${next()}
     order by ${by} offset ${Math.min(rows, END_WITHIN)} limit least($2::int, 1)`,
    params,
  )
  return more.length === 0
}

/** Without a score last, whichever way. */
const inTurn = ({ descending }: LeadOrder, scores: number[]) =>
  descending ? scores.toReversed() : scores.toSorted((a, b) => (a || 5) - (b || 5))

const tableOf = ({ keptIn }: LeadOrder) => (keptIn === 'search' ? 'lead_search as search' : 'lead')

/** The parameters of one statement; it has none that its text does not name. */
function statementOf(
  workspaceId: string,
  { limit, after }: PageRequest<LeadKey>,
  { order, search }: { order: LeadOrder; search: LeadFilter['search'] },
) {
  const params: unknown[] = [workspaceId, limit]
  const bind = (value: unknown, type: string) => `$${params.push(value)}::${type}`
  const bindText = (value: string) => bind(value, 'text')
  return {
    params,
    /** Behind the page before. */
    next: () => beyondSql(order, after, bind),
    words: (of: 'lead' | 'search') => (search ? search.condition(`${of}.words`, bindText) : 'true'),
    hasParts: (parts: SearchPart[]) => parts.map((part) => hasPart(part, bindText)),
    /** Behind the page before, column by column: for a row of them the planner would expect one lead. */
    upTo: (name: string) => [
      'search.nameless = 0',
      `search.name <= ${bindText(name)}`,
      ...(after?.keys[1] === undefined ? [] : [`search.name >= ${bindText(after.keys[1])}`]),
    ],
  }
}

interface Part {
  by: string
  where: string
  rows: string
}

/** The first leads that the filters leave of one score, then those of the next. */
const perScore = (filter: LeadFilter, scores: number[], part: Part) => `
  unnest(array[${scores}]) as score cross join lateral (
    ${endsOf(filter, ['score'], part)} limit ${part.rows}
  ) as lead`

/**
 * The leads that the filters leave of these scores, in order. `union all` reads each end of the index no
 * further than it is needed. The planner would read and sort them whole if they were not in order and
 * had no limit one by one, and a single one if it were put in order twice.
 */
function endsOf(filter: LeadFilter, scores: (number | 'score')[], { by, where, rows }: Part) {
  const ends = scores.flatMap((score) =>
    filter.ends.map(
      (end) => `select ${soughtBy(filter)} from lead
        where ${end} and coalesce(lead.overall_score, 0) = ${score} and ${where}
        order by ${by} limit ${rows}`,
    ),
  )
  const inOrder = `select * from ((${ends.join(') union all (')})) as lead order by ${by}`
  return ends.length === 1 ? `select * from (${ends[0]}) as lead` : inOrder
}

/** A page of `few`, certain if it has no more than `max`; more is not read. */
async function unlessMany(
  sql: Sql,
  params: unknown[],
  { few, max, page }: { few: string; max: number | null; page: string },
): Promise<Answer> {
  const rows = await sql.query<Found & { isFew: boolean }>(
    `with few as materialized (${few}),
       size as (select count(*) <= ${max ?? 'count(*)'} as "isFew" from few)
     select * from size left join lateral (${page}) as page on true`,
    params,
  )
  return { leads: rows.filter(({ id }) => id !== null), isCertain: rows[0]?.isFew === true }
}
