/** One lead with its conversation and history, as the API tells them. */
import type { Lead } from './lead.ts'

export interface LeadDetail extends Lead {
  linkedinUrl: string | null
  industry: string | null
  headcount: string | null
  messageSeq: number
  parkedAt: string | null
  createdAt: string
  identities: { kind: string; value: string }[]
}

export interface Message {
  id: string
  channel: string
  provider: string
  direction: 'inbound' | 'outbound'
  kind: 'text' | 'auto_reply' | 'opt_out' | 'opt_in' | 'bounce'
  subject: string | null
  body: string | null
  repliedFrom: string | null
  attachments: number
  sentAt: string
  /** Place in the lead's history; null for what we sent. */
  seq: number | null
  sentimentTag: string | null
}

export interface Score {
  seq: number
  fitScore: number | null
  intentScore: number | null
  overallScore: number | null
  previousOverallScore: number | null
  scoreReasoning: string | null
  model: string
  promptVersion: string
  /** The newest message that this score has read. */
  messageSeq: number
  scoredAt: string
}

/** The message that made a score: the newest inbound one it covers. */
export function causeOf(score: Score, messages: Message[]): Message | null {
  let cause: Message | null = null
  for (const message of messages) {
    if (message.seq === null || message.seq > score.messageSeq) continue
    if (!cause || message.seq > (cause.seq ?? 0)) cause = message
  }
  return cause
}
