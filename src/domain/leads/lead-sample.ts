/** What part of a workspace's leads a filter leaves and a search finds, by some of them. */
import type { Sql } from '../sql.ts'
import { type LeadQuery, leadFilter } from './lead-filter.ts'
import { soughtBy } from './lead-ways.ts'

export interface Sample {
  read: number
  /** The filters leave them. */
  left: number
  /** Those of them that the index of words and facets knows, do. */
  leftByIndex: number
  /** The search finds them. */
  found: number
  /** For each part of the search, that the index takes for having it. */
  have: number[]
  /** Leads of all workspaces, as the database last counted them; -1: never. */
  leads: number
}

export interface Samples {
  /** Like what the list begins with. */
  first: Sample
  /** Like all. */
  all: Sample
}

/** Those with the latest activity: what a list by activity begins with is like them. */
export const latestLeads = (sql: Sql, query: LeadQuery, rows: number): Promise<Sample> =>
  sampleLeads(sql, query, {
    from: `lead where lead.workspace_id = $1::uuid
      order by lead.last_activity_at desc, lead.id desc limit $2::int`,
    rows,
  })

/**
 * Whole pages from all over the table, some `rows` among all workspaces. By score or by name the first
 * ones would be like no others, and what came yesterday may be like nothing before. Bounded, because a
 * table that was never analyzed would be read whole.
 */
export const anyLeads = (sql: Sql, query: LeadQuery, rows: number): Promise<Sample> =>
  sampleLeads(sql, query, {
    from: `lead tablesample system ((
        select least(100, 100.0 * $2::int / greatest(reltuples, 1))::real
        from pg_class where oid = 'lead'::regclass
      )) where lead.workspace_id = $1::uuid limit 4 * $2::int`,
    rows,
  })

async function sampleLeads(
  sql: Sql,
  query: LeadQuery,
  { from, rows }: { from: string; rows: number },
): Promise<Sample> {
  const params: unknown[] = [query.workspaceId, rows]
  const filter = leadFilter(query)
  const bind = (value: string) => `$${params.push(value)}::text`
  const { search } = filter
  const asked = search
    ? [search.condition('lead', bind), ...search.parts.map((part) => part.seems(bind))]
    : []
  const [{ has, ...sample }] = (await sql.query(
    `select count(*)::int as read, count(*) filter (where is_left)::int as left,
       count(*) filter (where is_left_by_index)::int as "leftByIndex",
       array[${asked.map((_, n) => `count(*) filter (where has[${n + 1}])`)}]::int[] as has,
       (select reltuples::int from pg_class where oid = 'lead'::regclass) as leads
     from (
       select ${filter.conditions} as is_left, ${filter.indexed} as is_left_by_index,
         array[${asked}]::boolean[] as has
       from (select ${soughtBy(filter)} from ${from}) as lead
     ) as first`,
    params,
  )) as [Omit<Sample, 'found' | 'have'> & { has: number[] }]
  const [found = sample.read, ...have] = has
  return { ...sample, found, have }
}
