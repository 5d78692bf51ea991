/** What part of a workspace's leads a filter leaves and a search finds, by those with the latest activity. */
import type { Sql } from '../sql.ts'
import { type LeadQuery, leadFilter } from './lead-filter.ts'
import { soughtBy } from './lead-ways.ts'

export interface Sample {
  read: number
  /** The filters leave them. */
  left: number
  /** The search finds them. */
  found: number
  /** For each part of the search, that the index takes for having it. */
  have: number[]
  /** Leads of all workspaces, as the database last counted them; -1: never. */
  leads: number
}

/**
 * Always the latest ones: by score all the first have the same one, by name they are neighbours, and
 * either way they are like no others.
 */
export async function sampleLeads(sql: Sql, query: LeadQuery, rows: number): Promise<Sample> {
  const params: unknown[] = [query.workspaceId, rows]
  const filter = leadFilter(query)
  const bind = (value: string) => `$${params.push(value)}::text`
  const { search } = filter
  const asked = search
    ? [search.condition('lead', bind), ...search.parts.map((part) => part.seems(bind))]
    : []
  const [{ has, ...sample }] = (await sql.query(
    `select count(*)::int as read, count(*) filter (where is_left)::int as left,
       array[${asked.map((_, n) => `count(*) filter (where has[${n + 1}])`)}]::int[] as has,
       (select reltuples::int from pg_class where oid = 'lead'::regclass) as leads
     from (
       select ${filter.conditions} as is_left, array[${asked}]::boolean[] as has
       from (
         select ${soughtBy(filter)} from lead where lead.workspace_id = $1::uuid
         order by lead.last_activity_at desc, lead.id desc limit $2::int
       ) as lead
     ) as first`,
    params,
  )) as [Omit<Sample, 'found' | 'have'> & { has: number[] }]
  const [found = sample.read, ...have] = has
  return { ...sample, found, have }
}
