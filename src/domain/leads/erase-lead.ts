/**
 * Erasing a person: the lead and, by cascade, identities, contacts, messages, scores and drafts;
 * rejected deliveries that name it; its jobs, through the port. What was billed and what was done by
 * whom stays, without the person.
 */
import type { Tx } from '../sql.ts'
import { mentionsOf } from './mentions.ts'
import type { LeadRef } from './read-lead.ts'

/** Removes the lead's jobs, whose payload names it, in the same transaction. */
export type ForgetJobs = (tx: Tx, lead: LeadRef) => Promise<void>

/** False: unknown in this workspace. */
export async function eraseLead(tx: Tx, lead: LeadRef, forgetJobs: ForgetJobs): Promise<boolean> {
  const { workspaceId, leadId } = lead
  // The lock first: an ingest of this lead finishes before, or finds no lead and makes a new one.
  const rows = await tx.query(
    'select id from lead where id = $1::uuid and workspace_id = $2::uuid for update',
    [leadId, workspaceId],
  )
  if (rows.length === 0) return false
  await forgetJobs(tx, lead)
  const mentions: string[] = []
  for await (const { id } of mentionsOf(tx, lead, { contacts: true })) mentions.push(id)
  await tx.query('delete from rejected_delivery where id = any($1::uuid[])', [mentions])
  // A cause may quote what a model answered.
  await tx.query('update ai_interaction set error = null where lead_id = $1::uuid', [leadId])
  await tx.query('delete from lead where id = $1::uuid and workspace_id = $2::uuid', [
    leadId,
    workspaceId,
  ])
  // Last, as in scoring. Every process that remembers events of this feed forgets them by it.
  await tx.query('update workspace set erasures = erasures + 1 where id = $1::uuid', [workspaceId])
  return true
}
