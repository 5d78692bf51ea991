/**
 * The ways to one page of the lead list, each quick for other questions; which one is taken, decides
 * `list-leads.ts`.
 *
 * - `walk`: along that order, past leads that do not match.
 * - `follow`: along the filter's own index, which keeps the order within each score and tag.
 * - `few`: the leads that the filters leave, read whole and sorted.
 * - `words`: what the search finds by its trigrams, sorted.
 *
 * A bound of null reads as far as it takes. Otherwise the answer is null when the page was not certain
 * within the bound.
 */
import type { PageRequest } from '../page.ts'
import type { Sql } from '../sql.ts'
import { type LeadQuery, leadFilter } from './lead-filter.ts'
import { type LeadKey, leadOrders } from './lead-order.ts'
import { type LeadRecord, leadColumns } from './lead-row.ts'

/** Of a page, with the sort keys of each lead. */
export type Found = LeadRecord & { keys: string[] }

/** Everything that filters and orders look at; the rest of a row is wide. */
export const sought = `lead.id, lead.last_activity_at, lead.overall_score, lead.scored_at, lead.channels,
  lead.sentiment_tag, lead.disqualified_reason`

/** `lead` and `search` name the two tables, or what was read of them, in every statement. */
export function leadWays(query: LeadQuery, { limit, after }: PageRequest<LeadKey>) {
  const order = leadOrders[query.sort]
  const filter = leadFilter(query)
  const { keys, keptIn } = order
  const sortedBy = keys.map(({ by }) => by)
  const direction = order.descending ? 'desc' : 'asc'
  const params: unknown[] = [query.workspaceId, limit]
  const bind = (value: unknown, type: string) => `$${params.push(value)}::${type}`
  const idOf = keptIn === 'search' ? 'search.lead_id' : 'lead.id'
  const inOrder = (by: string[]) => by.map((each) => `${each} ${direction}`).join(', ')
  const words = filter.search ? filter.search.condition((pattern) => bind(pattern, 'text')) : 'true'
  const next = after ? beyond(after) : 'true'
  const path = keptIn === 'search' ? 'lead_search as search' : 'lead'
  const mine = `${keptIn}.workspace_id = $1::uuid and ${next}`
  // `offset 0`: looked up one by one. A join would be planned as a scan of the whole other table.
  const leadOfSearch = `cross join lateral (
    select ${sought} from lead where lead.id = search.lead_id offset 0
  ) as lead`
  const searchOfLead = `cross join lateral (
    select search.* from lead_search as search where search.lead_id = lead.id offset 0
  ) as search`
  /** From a row of `lead` to what else the order needs. */
  const restOfLead = keptIn === 'search' ? searchOfLead : ''
  /** As above, in the cheaper form where nothing but the answer is needed. */
  const hasWords =
    keptIn === 'search' || !filter.search
      ? words
      : `(select ${words} from lead_search as search where search.lead_id = lead.id)`

  function beyond({ keys: bounds, id }: LeadKey): string {
    const row = [...sortedBy, idOf].join(', ')
    const bound = [...keys.map(({ type }, index) => bind(bounds[index], type)), bind(id, 'uuid')]
    return `(${row}) ${order.descending ? '<' : '>'} (${bound.join(', ')})`
  }

  const found = `${idOf} as id, array[${keys.map(({ text }) => text).join(', ')}] as keys,
    ${keys.map(({ by }, index) => `${by} as key_${index}`).join(', ')}`
  const foundInOrder = inOrder([...keys.map((_, index) => `page.key_${index}`), 'page.id'])

  /** Only now the wide columns, of one page. `from` knows `lead` and what the keys name. */
  const pageSql = (from: string) => `
    select ${leadColumns}, page.keys from (
      select ${found} from ${from}
      order by ${inOrder([...sortedBy, idOf])} limit $2::int
    ) as page
    join lead on lead.id = page.id
    order by ${foundInOrder}`

  /** The first `rows` in the order of the list, whatever the filters say. */
  function begun(rows: number): string {
    // What comes last by the index, comes first where nothing else is asked for.
    const unscored = filter.isUnscored ? order.unscoredEnd : undefined
    const { by, where } = order.walk ?? { by: sortedBy, where: 'true' }
    return `(
      select ${keptIn === 'search' ? 'search.*' : sought} from ${path}
      where ${mine} and ${unscored ?? where} order by ${inOrder([...by, idOf])} limit ${rows}
    ) as ${keptIn}`
  }

  /**
   * For each score the first leads that the filters leave. Of several tags, `union all` merges the ends
   * of the index, each read no further than it is needed. The planner would read and sort them whole if
   * they were not in order one by one, and a single one if it were put in order twice.
   */
  function left(by: string, rows: string, where: string): string {
    const ends = filter.ends.map(
      (end) => `select ${sought} from lead where ${end} and ${where} order by ${by}`,
    )
    const merged = `select * from ((${ends.join(') union all (')})) as lead order by ${by}`
    return `unnest(array[${filter.scores.join(', ')}]) as score cross join lateral (
      ${ends.length === 1 ? ends[0] : merged} limit ${rows}
    ) as lead`
  }
  const byActivity = inOrder(['lead.last_activity_at', 'lead.id'])

  const certain = (rows: Found[], bound: number | null) =>
    rows.length >= limit || bound === null ? rows : null

  return {
    async walk(sql: Sql, rows: number | null): Promise<Found[] | null> {
      const rest = keptIn === 'search' ? leadOfSearch : restOfLead
      // A part without a bound would be sorted whole.
      const [along, where] = rows === null ? [path, mine] : [begun(rows), 'true']
      const from = `${along} ${rest} where ${where} and ${filter.conditions} and ${hasWords}`
      return certain(await sql.query(pageSql(from), params), rows)
    },
    /** Only by activity, or by score. Without a search a page of each end is enough. */
    async follow(sql: Sql, rows: number | null): Promise<Found[] | null> {
      const all = left(byActivity, rows === null ? '$2::int' : `${rows}`, next)
      const from = `(
        select lead.* from ${all} order by ${inOrder([...sortedBy, idOf])}
        limit ${rows}
      ) as lead where ${hasWords}`
      return certain(await sql.query(pageSql(from), params), rows)
    },
    /**
     * Read in the order of the index, or the planner, which does not know the ends, would walk the
     * table until enough were met: 99 ms instead of 28 among a million.
     */
    few(sql: Sql, max: number): Promise<Found[] | null> {
      return unlessMany(
        sql,
        params,
        `with few as materialized (
           select lead.* from ${left('lead.last_activity_at', `${max + 1}`, 'true')} limit ${max + 1}
         ), size as (select count(*) <= ${max} as "isFew" from few)
         select * from size left join lateral (
           ${pageSql(`few as lead ${restOfLead} where size."isFew" and ${hasWords} and ${next}`)}
         ) as page on true`,
      )
    },
    words(sql: Sql, max: number | null): Promise<Found[] | null> {
      const rest = keptIn === 'search' && !filter.isNarrow ? '' : leadOfSearch
      return unlessMany(
        sql,
        params,
        `with found as materialized (
           select lead_id, nameless, name from lead_search as search
           where search.workspace_id = $1::uuid and ${words} limit ${max === null ? null : max + 1}
         ), size as (select count(*) <= ${max ?? 'count(*)'} as "isFew" from found)
         select * from size left join lateral (
           ${pageSql(`found as search ${rest} where size."isFew" and ${filter.conditions} and ${next}`)}
         ) as page on true`,
      )
    },
  }
}

/** Of a statement that says `isFew`, and reads no further where it is not so. */
async function unlessMany(sql: Sql, params: unknown[], statement: string): Promise<Found[] | null> {
  const rows = await sql.query<Found & { isFew: boolean }>(statement, params)
  return rows[0]?.isFew ? rows.filter(({ id }) => id !== null) : null
}
