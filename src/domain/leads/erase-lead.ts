/**
 * Erasing a person: the lead and, by cascade, identities, messages, scores and drafts; waiting jobs
 * lose it through the port. What was billed stays, without the person.
 */
import type { Tx } from '../sql.ts'
import type { LeadRef } from './read-lead.ts'

/** Removes the lead's jobs, whose payload names it, in the same transaction. */
export type ForgetJobs = (tx: Tx, lead: LeadRef) => Promise<void>

/** False: unknown in this workspace. */
export async function eraseLead(tx: Tx, lead: LeadRef, forgetJobs: ForgetJobs): Promise<boolean> {
  // The lock first: an ingest of this lead finishes before, or finds no lead and makes a new one.
  const rows = await tx.query(
    'select id from lead where id = $1::uuid and workspace_id = $2::uuid for update',
    [lead.leadId, lead.workspaceId],
  )
  if (rows.length === 0) return false
  await forgetJobs(tx, lead)
  await tx.query('delete from lead where id = $1::uuid and workspace_id = $2::uuid', [
    lead.leadId,
    lead.workspaceId,
  ])
  return true
}
