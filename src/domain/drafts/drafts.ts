/** Reply drafts: stored for people, listed, approved or dismissed by them. Nothing here sends. */
import { v7 as uuidv7 } from 'uuid'
import type { Channel } from '../channels/inbound-event.ts'
import { fullName } from '../leads/lead-row.ts'
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from '../page.ts'
import { type Sql, type Tx, toDate, toDateOrNull } from '../sql.ts'

export const draftStatuses = ['pending', 'approved', 'dismissed'] as const
export type DraftStatus = (typeof draftStatuses)[number]

/** `decided_by` of a draft that a newer message of the lead has made pointless. */
export const OUTDATED = 'outdated by a newer message'

export interface Draft {
  id: string
  leadId: string
  leadName: string | null
  /** The inbound message that it answers. */
  messageId: string
  channel: Channel
  body: string
  model: string
  status: DraftStatus
  createdAt: Date
  decidedAt: Date | null
  /** Who decided; null while pending. */
  decidedBy: string | null
}

export async function storeDraft(
  tx: Tx,
  of: { workspaceId: string; leadId: string; messageId: string; channel: Channel },
  draft: { body: string; model: string; promptVersion: string },
): Promise<void> {
  await tx.query(
    `insert into ai_draft (id, workspace_id, lead_id, message_id, channel, body, model,
       prompt_version)
     values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5, $6, $7, $8)
     on conflict (message_id) do nothing`,
    [
      uuidv7(),
      of.workspaceId,
      of.leadId,
      of.messageId,
      of.channel,
      draft.body,
      draft.model,
      draft.promptVersion,
    ],
  )
}

const columns = `draft.id, draft.lead_id as "leadId", ${fullName} as "leadName",
  draft.message_id as "messageId", draft.channel, draft.body, draft.model, draft.status,
  draft.created_at as "createdAt", draft.decided_at as "decidedAt",
  draft.decided_by as "decidedBy"`

/** Newest first. */
export async function listDrafts(
  sql: Sql,
  { workspaceId, status }: { workspaceId: string; status: DraftStatus | null },
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<Draft, TimeKey>> {
  const rows = await sql.query<Draft & { at: string }>(
    `select ${columns}, ${exactTime('draft.created_at')} as at
     from ai_draft as draft join lead on lead.id = draft.lead_id
     where draft.workspace_id = $1::uuid and ($2::text is null or draft.status = $2)
       and ($3::timestamptz is null or (draft.created_at, draft.id) < ($3::timestamptz, $4::uuid))
     order by draft.created_at desc, draft.id desc
     limit $5::int`,
    [workspaceId, status, after?.at ?? null, after?.id ?? null, limit + 1],
  )
  const page = pageOf(rows, limit, ({ at, id }) => ({ at, id }))
  return { ...page, rows: page.rows.map(({ at: _, ...row }) => withDates(row)) }
}

/**
 * Decides a pending draft. `already` names what was decided before, which stands; null: unknown.
 */
export async function decideDraft(
  tx: Tx,
  what: { workspaceId: string; draftId: string; status: 'approved' | 'dismissed'; by: string },
): Promise<{ draft: Draft } | { already: DraftStatus } | null> {
  const ids = [what.draftId, what.workspaceId]
  const [before] = await tx.query<{ status: DraftStatus }>(
    `select status from ai_draft where id = $1::uuid and workspace_id = $2::uuid for update`,
    ids,
  )
  if (!before) return null
  if (before.status !== 'pending') return { already: before.status }
  await tx.query(
    `update ai_draft set status = $3, decided_at = now(), decided_by = $4
     where id = $1::uuid and workspace_id = $2::uuid`,
    [...ids, what.status, what.by],
  )
  const [row] = await tx.query<Draft>(
    `select ${columns} from ai_draft as draft join lead on lead.id = draft.lead_id
     where draft.id = $1::uuid and draft.workspace_id = $2::uuid`,
    ids,
  )
  return row ? { draft: withDates(row) } : null
}

function withDates(row: Draft): Draft {
  return { ...row, createdAt: toDate(row.createdAt), decidedAt: toDateOrNull(row.decidedAt) }
}
