/** What part of a workspace's leads a filter leaves and a search finds, by those with the latest activity. */
import type { Sql } from '../sql.ts'
import { type LeadQuery, leadFilter } from './lead-filter.ts'
import { sought } from './lead-ways.ts'

export interface Sample {
  read: number
  /** The filters leave them. */
  left: number
  /** The search finds them. */
  found: number
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
  const words = filter.search?.condition((pattern) => `$${params.push(pattern)}::text`)
  const isFound = words
    ? `(select ${words} from lead_search as search where search.lead_id = lead.id)`
    : 'true'
  const [sample] = await sql.query<Sample>(
    `select count(*)::int as read, count(*) filter (where is_left)::int as left,
       count(*) filter (where is_found)::int as found,
       (select reltuples::int from pg_class where oid = 'lead'::regclass) as leads
     from (
       select ${filter.conditions} as is_left, ${isFound} as is_found from (
         select ${sought} from lead where lead.workspace_id = $1::uuid
         order by lead.last_activity_at desc, lead.id desc limit $2::int
       ) as lead
     ) as first`,
    params,
  )
  return sample as Sample
}
