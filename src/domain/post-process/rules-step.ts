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
  if (found.kind === 'opt_in' && !(await changedMindLater(tx, message))) {
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

/** Jobs may finish out of order: a newer STOP or START has the last word. */
async function changedMindLater(tx: Tx, { leadId, seq }: StepMessage): Promise<boolean> {
  const newer = await tx.query(
    `select 1 from message
     where lead_id = $1 and seq > $2 and kind in ('opt_out', 'opt_in')
     limit 1`,
    [leadId, seq],
  )
  return newer.length > 0
}
