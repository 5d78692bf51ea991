/** Reads the labelled conversations of `test/fixtures/conversations.jsonl` as scoring requests. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { channels } from '../../../src/domain/channels/inbound-event.ts'
import type { RatedPair } from '../../../src/domain/scoring/agreement.ts'
import type { Scores, ScoringRequest } from '../../../src/domain/scoring/score.ts'

const score = z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)])
const text = z.string().nullable().default(null)

const conversation = z.strictObject({
  id: z.string(),
  /** Never looked at while the rules are tuned. */
  holdout: z.boolean().default(false),
  messages: z.array(
    z.strictObject({
      direction: z.enum(['inbound', 'outbound']),
      channel: z.enum(channels),
      body: z.string(),
      kind: z.enum(['text', 'auto_reply']).default('text'),
      sentAt: z.iso.datetime().optional(),
    }),
  ),
  settings: z
    .strictObject({
      companyName: text,
      serviceDescription: text,
      idealCustomerProfile: text,
      qualificationQuestions: z.array(z.string()).default([]),
    })
    .prefault({}),
  lead: z
    .strictObject({ name: text, company: text, title: text, industry: text, headcount: text })
    .prefault({}),
  fitScore: score,
  intentScore: score,
  overallScore: score,
})
export type LabelledConversation = z.infer<typeof conversation>

export const axes = ['fitScore', 'intentScore', 'overallScore'] as const
export type Axis = (typeof axes)[number]

const START = Date.UTC(2026, 0, 5, 9)
const HOUR_MS = 3_600_000

export function readConversations(): LabelledConversation[] {
  const file = new URL('../../fixtures/conversations.jsonl', import.meta.url)
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => conversation.parse(JSON.parse(line)))
}

/** Messages without a time are an hour apart. */
export function requestOf({ id, settings, lead, messages }: LabelledConversation): ScoringRequest {
  return {
    workspaceId: 'workspace',
    leadId: id,
    context: settings,
    lead,
    transcript: messages.map(({ sentAt, ...message }, position) => ({
      ...message,
      subject: null,
      at: sentAt ? new Date(sentAt) : new Date(START + position * HOUR_MS),
    })),
  }
}

export function pairOf(axis: Axis, expected: LabelledConversation, actual: Scores): RatedPair {
  return { expected: expected[axis], actual: actual[axis] }
}
