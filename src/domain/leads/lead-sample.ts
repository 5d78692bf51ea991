/** What part of a workspace's leads a filter leaves and a search finds, by some of them. */
import type { Channel } from '../channels/inbound-event.ts'
import type { PageRequest } from '../page.ts'
import type { Sql } from '../sql.ts'
import { GROWN_INDEX, pagesNow } from '../upkeep.ts'
import { type Bind, type LeadQuery, leadFilter, seemsToHave } from './lead-filter.ts'
import { alongOrder, beyondSql, type LeadKey, type LeadOrder, leadOrders } from './lead-order.ts'
import { soughtBy } from './lead-ways.ts'

export interface Sample {
  read: number
  /** Of the channel that is asked for; all, if none is. */
  inChannel: number
  /** The filters leave them. */
  left: number
  /** Those of them that the index of words and facets knows, do. */
  leftByIndex: number
  /** The search finds them. */
  found: number
  /** On so many pages; 0: not told. */
  foundOn: number
  /** By name: so many of those by their name. */
  foundByName: number
  /** For each part of the search, that the index takes for having it. */
  have: number[]
  /** Leads of all workspaces, as the database last counted them; -1: never. */
  leads: number
  /** Those of that channel. */
  ofChannel: number
  /** By name: one up to which some of the page to come are, and how many were read up to it. */
  early: { name: string; read: number } | null
}

export interface Samples {
  /** Like what the list begins with. */
  first: Sample
  /** Like all. */
  all: Sample
}

/** One in so many rows of the pages read: those that came in one import are neighbours, and alike. */
const SPREAD = 2

/** Early are those who stand for so many pages, at least so many of the sample: one alone may be chance. */
export const EARLY_PAGES = 2
const EARLY_LEAST = 2

/**
 * Those with which a list by time goes on, if nothing were left out; for others the latest. None of a
 * table that was never analyzed: blindly planned, they would be sorted out of all.
 */
export function firstLeads(
  sql: Sql,
  query: LeadQuery,
  after: LeadKey | null,
  rows: number,
): Promise<Sample> {
  const filter = leadFilter(query)
  const { isByTime } = leadOrders[query.sort]
  const order = isByTime ? leadOrders[query.sort] : leadOrders['-lastActivity']
  const { by, where } = alongOrder(order, filter.isUnscored)
  return sampleLeads(sql, query, {
    rows,
    of: 'lead',
    // Without the wide columns: they are sorted.
    from: (bind) => `(
      select ${soughtBy(filter)} from lead where lead.workspace_id = $1::uuid
        and ${where} and ${beyondSql(order, isByTime ? after : null, bind)}
        and (select reltuples >= 0 from pg_class where oid = 'lead'::regclass)
      order by ${by} limit $2::int
    ) as lead`,
  })
}

/**
 * From all over the table that has the order, some `rows` among all workspaces. By score or by name the
 * first ones would be like no others, and what came yesterday may be like nothing before. Bounded,
 * because of a table that was never analyzed all pages would be read.
 */
export function anyLeads(
  sql: Sql,
  query: LeadQuery,
  { after, limit }: PageRequest<LeadKey>,
  rows: number,
): Promise<Sample> {
  const of = leadOrders[query.sort].keptIn
  // Half as wide, so that twice as many are as many pages.
  const [table, each] = of === 'search' ? ['lead_search', 2] : ['lead', 1]
  return sampleLeads(sql, query, {
    rows: rows * each,
    of,
    place: `${of}.ctid`,
    from: () => `${table} as ${of} tablesample system ((
        select least(100, 100.0 * ${SPREAD} * $2::int / greatest(reltuples, 1))::real
        from pg_class where oid = '${table}'::regclass
      )) where ${of}.workspace_id = $1::uuid and random() < 1.0 / ${SPREAD} limit 4 * $2::int`,
    page: { after, limit },
  })
}

type BindAs = Parameters<typeof beyondSql>[2]

interface Sampling {
  rows: number
  of: LeadOrder['keptIn']
  from(bind: BindAs): string
  /** SQL of where in the table a row lies. */
  place?: string
  /** By name: what is early of it. */
  page?: PageRequest<LeadKey>
}

async function sampleLeads(
  sql: Sql,
  query: LeadQuery,
  { rows, of, from, place, page }: Sampling,
): Promise<Sample> {
  const params: unknown[] = [query.workspaceId, rows]
  const bindAs = (value: unknown, type: string) => `$${params.push(value)}::${type}`
  const bind = (value: string) => bindAs(value, 'text')
  const filter = leadFilter(query)
  const { search } = filter
  const parts = search?.parts.map((part) => seemsToHave(part, of, bind)) ?? []
  const byName = (of === 'search' && search?.condition('search.name', bind)) || 'false'
  const asked = [search?.condition(`${of}.words`, bind) ?? 'true', byName, ...parts]
  const isLeft = of === 'search' ? `${filter.facets} and ${filter.channels}` : filter.conditions
  const inChannel = query.channel ? `${of}.channels @> '{${query.channel}}'` : 'true'
  const [{ has, ...sample }] = (await sql.query(
    `with sampled as materialized (
       select ${isLeft} as is_left, ${inChannel} as in_channel, array[${asked}] as has,
         ${of === 'search' ? filter.facets : filter.indexed} as is_left_by_index,
         ${place ?? 'null'} as place, ${of === 'search' ? 'nameless, name' : 'null as name'}
       from ${from(bindAs)}
     )
     select count(*)::int as read, count(*) filter (where is_left)::int as left,
       count(*) filter (where in_channel)::int as "inChannel",
       count(*) filter (where is_left_by_index)::int as "leftByIndex",
       ${search && place ? pagesOf('place', 'has[1]') : 0} as "foundOn",
       array[${asked.map((_, n) => `count(*) filter (where has[${n + 1}])`)}]::int[] as has,
       ${countOf('lead')} as leads,
       ${query.channel ? channelCount(query.channel) : 0} as "ofChannel",
       ${of === 'search' && page ? earlySql(page, bind) : 'null'} as early
     from sampled`,
    params,
  )) as [Omit<Sample, 'found' | 'foundByName' | 'have'> & { has: [number, number, ...number[]] }]
  const [found, foundByName, ...have] = has
  return { ...sample, found, foundByName, have }
}

/** How many pages hold the rows of which a condition is true. */
const pagesOf = (place: string, condition: string) =>
  `count(distinct (${place}::text::point)[0]) filter (where ${condition})::int`

/** Rows of a table, as last counted. */
const countOf = (table: string) =>
  `coalesce((select reltuples::int from pg_class where oid = to_regclass('${table}')), 0)`

/**
 * Leads in a channel's index, as last counted, unless it has grown much since: they may have come in one
 * import. A page has 48 of them; where none were counted, that tells.
 */
const channelCount = (channel: Channel) => `coalesce((
  select case when reltuples <= 0 then 48 * (pages - 1)
    when pages > ${GROWN_INDEX} * relpages then reltuples * pages / greatest(relpages, 1)
    else reltuples end::int
  from pg_class, lateral (select ${pagesNow('oid')} as pages) as size
  where oid = to_regclass('lead_list_of_${channel}')
), 0)`

/** Those of one name are not told apart. */
function earlySql({ after, limit }: PageRequest<LeadKey>, bind: Bind): string {
  const [nameless, name] = after?.keys ?? []
  if (nameless === '1') return 'null'
  return `(
    select json_build_object('name', name, 'read', upto) from (
      select name, is_left and has[1] as is_found, count(*) over (order by name) as upto
      from sampled where nameless = 0${name === undefined ? '' : ` and name >= ${bind(name)}`}
    ) as named
    where is_found order by name
    offset greatest(${EARLY_LEAST}, ceil(
      ${EARLY_PAGES * limit}.0 * (select count(*) from sampled) / greatest(${countOf('lead')}, 1)
    ))::int - 1 limit 1
  )`
}
