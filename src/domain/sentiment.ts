/**
 * The sentiment tag of one inbound message by rules, from the same signals that score intent. It
 * judges the message alone; what was asked before is not known here.
 */
import type { Channel } from './channels/inbound-event.ts'
import { isOutOfOffice, type MessageKind } from './message-rules.ts'
import { intentOfText } from './scoring/rules-intent.ts'
import type { SentimentTag } from './sentiment-tag.ts'

export interface SentimentInput {
  channel: Channel
  kind: MessageKind
  subject: string | null
  body: string | null
}

export function sentimentByRules({ kind, subject, body }: SentimentInput): SentimentTag {
  switch (kind) {
    case 'opt_out':
      return 'Opt Out'
    case 'bounce':
      return 'Bounced'
    case 'opt_in':
      return 'Neutral'
    case 'auto_reply':
      return isOutOfOffice(`${subject ?? ''}\n${body ?? ''}`) ? 'Out of Office' : 'Automated Reply'
    case 'text':
      return sentimentOfText(body ?? '')
  }
}

/** Subjects of replies are ours with 'Re:' in front, so only the body counts. */
function sentimentOfText(body: string): SentimentTag {
  const { score, signal } = intentOfText(body)
  if (signal) return signal.tag ?? 'Neutral'
  if (score === null) return 'Neutral'
  return score === 1 ? 'Not Interested' : 'Interested'
}
