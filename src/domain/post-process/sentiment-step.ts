/**
 * Step `sentiment`: the tag of the message, by the model where there is one, else by the fixed rules.
 * What the rules know for certain (opt-outs, bounces, automatic replies) is asked of nobody.
 */
import { sentimentByRules } from '../sentiment.ts'
import { sentimentQuestion } from '../sentiment-prompt.ts'
import type { Sql } from '../sql.ts'
import { askModel } from './ask-model.ts'
import { optOut } from './rules-step.ts'
import type { CallResult, Step, StepOptions } from './step.ts'
import type { StepMessage } from './step-message.ts'

const FEATURE = 'sentiment.classify'

export const sentimentStep: Step = {
  name: 'sentiment',
  plan(message, options) {
    if (options.outside.model && message.kind === 'text' && message.body?.trim()) {
      return { call: (signal) => classify(message, options, signal) }
    }
    message.sentimentTag = sentimentByRules(message)
    return { write: async () => undefined }
  },
}

async function classify(
  message: StepMessage,
  options: StepOptions,
  signal: AbortSignal,
): Promise<CallResult> {
  const { workspaceId, channel, subject, body } = message
  const ourLast = await ourLastBefore(options.store, message)
  const about = { workspaceId, channel, subject, body: body ?? '', ourLast }
  const question = sentimentQuestion(about, options.outside.marker())
  const answer = await askModel(options, message, FEATURE, question, signal)
  if (answer.outcome !== 'ok') {
    message.sentimentTag = sentimentByRules(message)
    return { failure: `judged by rules: ${answer.reason}` }
  }
  message.sentimentTag = answer.value
  if (answer.value !== 'Opt Out') return {}
  message.kind = 'opt_out'
  return { write: (tx) => optOut(tx, message, 'asks not to be contacted (judged by the model)') }
}

/** What "yes" answers to. */
async function ourLastBefore(sql: Sql, message: StepMessage): Promise<string | null> {
  const [row] = await sql.query<{ body: string }>(
    `select body from message
     where lead_id = $1 and direction = 'outbound' and channel = $2 and body is not null
       and sent_at <= $3::timestamptz
     order by sent_at desc, id desc
     limit 1`,
    [message.leadId, message.channel, message.sentAt.toISOString()],
  )
  return row?.body ?? null
}
