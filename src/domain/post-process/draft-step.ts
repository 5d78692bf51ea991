/**
 * Step `draft`: a reply for a positive message, where the workspace wants drafts. It waits for a
 * person; nothing sends it.
 */
import { draftPromptVersion, draftQuestion } from '../drafts/draft-prompt.ts'
import { storeDraft } from '../drafts/drafts.ts'
import { readScoringInput } from '../scoring/scoring-input.ts'
import type { SentimentTag } from '../sentiment-tag.ts'
import type { Tx } from '../sql.ts'
import { askModel } from './ask-model.ts'
import type { CallResult, Step, StepOptions } from './step.ts'
import type { StepMessage } from './step-message.ts'

const FEATURE = 'draft.generate'

const positiveTags: ReadonlySet<SentimentTag> = new Set<SentimentTag>([
  'Meeting Requested',
  'Call Requested',
  'Information Requested',
  'Interested',
])

export const draftStep: Step = {
  name: 'draft',
  plan(message, options) {
    if (!message.draftsEnabled) return { skip: 'drafts are off' }
    if (!options.outside.model) return { skip: 'no model' }
    if (!message.sentimentTag || !positiveTags.has(message.sentimentTag)) {
      return { skip: 'not positive' }
    }
    if (message.hasSuccessor) return { skip: 'left to the next message' }
    return { call: (signal) => draft(message, options, signal) }
  },
}

async function draft(
  message: StepMessage,
  options: StepOptions,
  signal: AbortSignal,
): Promise<CallResult> {
  const { channel, sentimentTag } = message
  const input = await readScoringInput(options.store, message)
  if (!input || input.disqualifiedReason || !sentimentTag) return {}
  const about = { channel, sentimentTag, request: input.request }
  const question = draftQuestion(about, options.outside.marker())
  const answer = await askModel(options, message, FEATURE, question, signal)
  if (answer.outcome !== 'ok') return { failure: answer.reason }
  const made = { body: answer.value, model: answer.model, promptVersion: draftPromptVersion }
  return { write: (tx) => storeForNewest(tx, message, made) }
}

/** A draft that answers what the lead has gone beyond, or a lead that opted out, helps nobody. */
async function storeForNewest(
  tx: Tx,
  message: StepMessage,
  made: { body: string; model: string; promptVersion: string },
): Promise<void> {
  const [lead] = await tx.query(
    `select 1 from lead
     where id = $1 and disqualified_reason is null
       and not exists (select 1 from message where lead_id = $1 and seq > $2)`,
    [message.leadId, message.seq],
  )
  if (!lead) return
  const { workspaceId, leadId, channel } = message
  await storeDraft(tx, { workspaceId, leadId, messageId: message.id, channel }, made)
}
