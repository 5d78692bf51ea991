/**
 * Post-processing of one stored inbound message, the part before its scoring job (T2a of the
 * design): the text rules decide what the message is, and the lead is annotated or disqualified.
 *
 * Idempotent by message id: a second run finds `post_processed_at` and changes nothing. What belongs
 * to the lead as a whole is written by its newest message only, so that a late or repeated job never
 * turns it back. The steps of later stages (backfill, enrichment, drafts) join this list.
 */
import type { Channel, MessageSignals } from './channels/inbound-event.ts'
import { disqualify, requalify } from './disqualification.ts'
import { type Classification, classifyMessage, type MessageKind } from './message-rules.ts'
import { sentimentByRules } from './sentiment.ts'
import type { SentimentTag } from './sentiment-tag.ts'
import type { Store, Tx } from './sql.ts'

interface StoredMessage {
  id: string
  workspaceId: string
  leadId: string
  channel: Channel
  kind: MessageKind
  subject: string | null
  body: string | null
  signals: MessageSignals
  seq: number
}

export type PostProcessed = 'done' | 'already done' | 'erased'

/** One transaction. Locks the lead first, so that two messages of one lead take turns. */
export async function postProcess(
  store: Store,
  job: { workspaceId: string; leadId: string; messageId: string },
): Promise<PostProcessed> {
  return store.transaction(async (tx) => {
    await tx.query('select id from lead where id = $1 for no key update', [job.leadId])
    const [row] = await tx.query<StoredMessage & { postProcessedAt: unknown }>(
      `select id, workspace_id as "workspaceId", lead_id as "leadId", channel, kind, subject, body,
         signals, seq, post_processed_at as "postProcessedAt"
       from message
       where id = $1 and workspace_id = $2 and direction = 'inbound'`,
      [job.messageId, job.workspaceId],
    )
    if (!row) return 'erased'
    if (row.postProcessedAt) return 'already done'
    const message = { ...row, seq: Number(row.seq) }
    const found = classifyMessage({ ...message, direction: 'inbound' })
    const tag = sentimentByRules({ ...message, kind: found.kind })
    await tx.query(
      `update message set kind = $2, sentiment_tag = $3, post_processed_at = now() where id = $1`,
      [message.id, found.kind, tag],
    )
    await applyToLead(tx, message, found, tag)
    return 'done'
  })
}

async function applyToLead(
  tx: Tx,
  message: StoredMessage,
  found: Classification,
  tag: SentimentTag,
): Promise<void> {
  const { workspaceId, leadId } = message
  if (found.kind === 'opt_out' && !(await changedMindLater(tx, message))) {
    const reason = `Opt-out: ${found.reason ?? 'unsubscribed'}`
    await disqualify(tx, { workspaceId, leadId, reason, by: 'opt_out' })
  }
  if (found.kind === 'opt_in' && !(await changedMindLater(tx, message))) {
    await requalify(tx, { workspaceId, leadId, onlyBy: 'opt_out' })
  }
  if (found.kind === 'bounce') {
    const reason = `Bounced: ${found.reason ?? 'address cannot be delivered to'}`
    await disqualify(tx, { workspaceId, leadId, reason, by: 'bounce' })
  }
  await tx.query(
    `update lead set sentiment_tag = $2, updated_at = now()
     where id = $1
       and not exists (select 1 from message where lead_id = $1 and seq > $3)`,
    [leadId, tag, message.seq],
  )
}

/** Jobs may finish out of order: a newer STOP or START has the last word. */
async function changedMindLater(tx: Tx, { leadId, seq }: StoredMessage): Promise<boolean> {
  const newer = await tx.query(
    `select 1 from message
     where lead_id = $1 and seq > $2 and kind in ('opt_out', 'opt_in')
     limit 1`,
    [leadId, seq],
  )
  return newer.length > 0
}
