/** What leads, messages and scores look like on the wire. */
import { z } from 'zod'
import { channels, providerNames } from '../domain/channels/inbound-event.ts'
import { contactKinds, contactSources } from '../domain/contacts.ts'
import { disqualifiers } from '../domain/entities/lead.ts'
import { messageKinds } from '../domain/entities/message.ts'
import { identityKinds } from '../domain/identity.ts'
import { leadStates } from '../domain/leads/lead-row.ts'
import { sentimentTags } from '../domain/sentiment-tag.ts'
import { id, time } from './fields.ts'

const score = z.int().min(1).max(4).nullable().meta({ description: '1 to 4; null: unscored' })
const nullableText = z.string().nullable()
const provisional = z.boolean().meta({
  description:
    'Scored by the rules while the AI budget was used up; scored again by the model later',
})
const nullableTime = time.nullable()

const leadFields = {
  id,
  state: z.enum(leadStates).meta({
    description:
      '`pending`: something happened that no score covers yet; `failed`: scoring gave up, see scoringError',
  }),
  name: nullableText,
  firstName: nullableText,
  lastName: nullableText,
  company: nullableText,
  title: nullableText,
  industry: nullableText,
  headcount: nullableText,
  email: nullableText,
  phone: nullableText.meta({ description: 'E.164' }),
  linkedinUrl: nullableText,
  channels: z.array(z.enum(channels)),
  lastChannel: z.enum(channels).nullable(),
  sentimentTag: z.enum(sentimentTags),
  fitScore: score,
  intentScore: score,
  overallScore: score,
  scoreReasoning: nullableText.meta({ description: 'Plain text' }),
  scoredAt: nullableTime,
  scoredBy: nullableText.meta({ description: 'Model, `rules-v1`, or `disqualified`' }),
  provisional,
  disqualifiedReason: nullableText,
  demo: z.boolean().meta({ description: 'Made up, by a simulation or a test webhook' }),
  messageSeq: z.int().meta({ description: 'Raised by everything a score depends on' }),
  scoredSeq: z.int().meta({ description: 'The messageSeq that the score covers' }),
  scoringError: nullableText.meta({ description: 'Why the last attempt failed' }),
  parkedAt: nullableTime.meta({ description: 'Since when scoring has given up' }),
  lastInboundAt: nullableTime,
  lastOutboundAt: nullableTime,
  lastActivityAt: time,
  lastMessage: z
    .strictObject({
      direction: z.enum(['inbound', 'outbound']),
      channel: z.enum(channels),
      text: z.string().meta({ description: 'Its beginning, up to 200 characters' }),
      sentAt: time,
    })
    .nullable()
    .meta({ description: 'The newest message; null: nobody has written yet' }),
  createdAt: time,
}

export const leadSchema = z.strictObject(leadFields).meta({ id: 'Lead' })

export const leadDetailSchema = z
  .strictObject({
    ...leadFields,
    disqualifiedBy: z.enum(disqualifiers).nullable(),
    disqualifiedAt: nullableTime,
    scoringFailedAt: nullableTime,
    updatedAt: time,
    identities: z.array(z.strictObject({ kind: z.enum(identityKinds), value: z.string() })),
    contacts: z
      .array(
        z.strictObject({
          kind: z.enum(contactKinds),
          value: z.string(),
          foundIn: z.enum(contactSources),
        }),
      )
      .meta({ description: 'Found in messages and by enrichment; may be a colleague’s' }),
    links: z
      .strictObject({ self: z.string(), messages: z.string(), scores: z.string() })
      .meta({ description: 'Paths of what belongs to the lead' }),
  })
  .meta({ id: 'LeadDetail' })

export const messageSchema = z
  .strictObject({
    id,
    connectionId: id.nullable(),
    channel: z.enum(channels),
    provider: z.enum(providerNames),
    direction: z.enum(['inbound', 'outbound']),
    kind: z.enum(messageKinds),
    externalId: nullableText,
    subject: nullableText,
    body: nullableText.meta({ description: 'Plain text without quoted thread and signature' }),
    repliedFrom: nullableText.meta({ description: 'Another address than the lead’s' }),
    attachments: z.int(),
    sentAt: time,
    receivedAt: time,
    seq: z.int().nullable().meta({ description: 'messageSeq it took; null for outbound' }),
    sentimentTag: z.enum(sentimentTags).nullable(),
    postProcessedAt: nullableTime,
  })
  .meta({ id: 'Message' })

export const scoreSchema = z
  .strictObject({
    seq: z.int().meta({ description: 'Number in the feed' }),
    fitScore: score,
    intentScore: score,
    overallScore: score,
    previousOverallScore: score,
    scoreReasoning: nullableText,
    model: z.string(),
    promptVersion: z.string(),
    provisional,
    messageSeq: z.int().meta({ description: 'The messageSeq that this score covers' }),
    channel: z.enum(channels).nullable(),
    sentimentTag: z.enum(sentimentTags),
    scoredAt: time,
  })
  .meta({ id: 'Score' })

export function leadLinks(leadId: string) {
  const self = `/api/v1/leads/${leadId}`
  return { self, messages: `${self}/messages`, scores: `${self}/scores` }
}
