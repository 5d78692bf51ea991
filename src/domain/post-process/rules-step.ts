/**
 * Step `rules`: the text rules decide what the message is; a wish to stop or a bounce disqualifies
 * the lead at once, before anything is asked of anybody.
 */
import { disqualify, requalify } from '../disqualification.ts'
import { type Classification, classifyMessage } from '../message-rules.ts'
import type { Tx } from '../sql.ts'
import type { Step } from './step.ts'
import type { StepMessage } from './step-message.ts'

export const rulesStep: Step = {
  name: 'rules',
  plan(message) {
    const found = classifyMessage({ ...message, direction: 'inbound' })
    message.kind = found.kind
    return { write: (tx) => applyToLead(tx, message, found) }
  },
}

async function applyToLead(tx: Tx, message: StepMessage, found: Classification): Promise<void> {
  const { workspaceId, leadId } = message
  if (found.kind === 'opt_out') await optOut(tx, message, found.reason ?? 'unsubscribed')
  if (found.kind === 'opt_in' && (await liftsOptOut(tx, message))) {
    await requalify(tx, { workspaceId, leadId, onlyBy: 'opt_out' })
  }
  if (found.kind === 'bounce') {
    const reason = `Bounced: ${found.reason ?? 'address cannot be delivered to'}`
    await disqualify(tx, { workspaceId, leadId, reason, by: 'bounce' })
  }
}

/** Unless the lead has opted in again since. */
export async function optOut(tx: Tx, message: StepMessage, why: string): Promise<void> {
  if (await changedMindLater(tx, message)) return
  const { workspaceId, leadId } = message
  await disqualify(tx, { workspaceId, leadId, reason: `Opt-out: ${why}`, by: 'opt_out' })
}

/**
 * A newer STOP or START has the last word, by the time it was written: senders deliver out of order
 * when they were sent away, and jobs may finish so, too.
 */
async function changedMindLater(tx: Tx, { id, leadId }: StepMessage): Promise<boolean> {
  const newer = await tx.query(
    `select 1 from message
     where lead_id = $1 and kind in ('opt_out', 'opt_in')
       and (sent_at, seq) > (select this.sent_at, this.seq from message as this where this.id = $2)
     limit 1`,
    [leadId, id],
  )
  return newer.length > 0
}

/** It takes back what was said on its own channel: a START text says nothing of the e-mails. */
async function liftsOptOut(tx: Tx, message: StepMessage): Promise<boolean> {
  if (await changedMindLater(tx, message)) return false
  const elsewhere = await tx.query(
    `select 1 from message as stop
     where stop.lead_id = $1 and stop.kind = 'opt_out' and stop.channel <> $2
       and not exists (
         select 1 from message as start
         where start.lead_id = $1 and start.kind = 'opt_in' and start.channel = stop.channel
           and (start.sent_at, start.seq) > (stop.sent_at, stop.seq)
       )
     limit 1`,
    [message.leadId, message.channel],
  )
  return elsewhere.length === 0
}
