/** Leads whose scoring, or the post-processing of a message, gave up: they wait for a person. */
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from '../page.ts'
import { type Sql, toDate } from '../sql.ts'
import { fullName } from './lead-row.ts'

export interface ParkedLead {
  leadId: string
  leadName: string | null
  /** Why it was given up. */
  error: string | null
  parkedAt: Date
}

/** Latest first. */
export async function listParked(
  sql: Sql,
  workspaceId: string,
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<ParkedLead, TimeKey>> {
  const rows = await sql.query<ParkedLead & { at: string }>(
    `select id as "leadId", ${fullName} as "leadName", scoring_error as error,
       parked_at as "parkedAt", ${exactTime('parked_at')} as at
     from lead
     where workspace_id = $1::uuid and parked_at is not null
       and ($2::timestamptz is null or (parked_at, id) < ($2::timestamptz, $3::uuid))
     order by parked_at desc, id desc
     limit $4::int`,
    [workspaceId, after?.at ?? null, after?.id ?? null, limit + 1],
  )
  const page = pageOf(rows, limit, ({ at, leadId }) => ({ at, id: leadId }))
  return {
    ...page,
    rows: page.rows.map(({ at: _, ...row }) => ({ ...row, parkedAt: toDate(row.parkedAt) })),
  }
}
