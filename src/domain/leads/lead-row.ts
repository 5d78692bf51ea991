/** A lead as lists and details show it: the row, its identities, and the state that follows from it. */
import type { Channel } from '../channels/inbound-event.ts'
import type { Identity } from '../identity.ts'
import type { SentimentTag } from '../sentiment-tag.ts'
import { type Sql, toDate, toDateOrNull } from '../sql.ts'

/**
 * `pending` something happened that no score covers yet · `failed` scoring gave up, see
 * `scoringError` · `unscored` nothing inbound to score · `disqualified` wins over all others.
 */
export const leadStates = ['scored', 'pending', 'unscored', 'failed', 'disqualified'] as const
export type LeadState = (typeof leadStates)[number]

/** The newest one, whoever wrote it. */
export interface LastMessage {
  direction: 'inbound' | 'outbound'
  channel: Channel
  /** Its beginning; of mail without text the subject. */
  text: string
  sentAt: Date
}

export interface LeadRow {
  id: string
  state: LeadState
  /** First and last name; null when neither is known. */
  name: string | null
  firstName: string | null
  lastName: string | null
  company: string | null
  title: string | null
  industry: string | null
  headcount: string | null
  email: string | null
  phone: string | null
  linkedinUrl: string | null
  channels: Channel[]
  lastChannel: Channel | null
  sentimentTag: SentimentTag
  fitScore: number | null
  intentScore: number | null
  overallScore: number | null
  scoreReasoning: string | null
  scoredAt: Date | null
  /** Model that made the score, `rules-v1`, or `disqualified`. */
  scoredBy: string | null
  /** The rules scored in the model's place, because the AI budget was used up. */
  provisional: boolean
  disqualifiedReason: string | null
  /** Made up, by a simulation or a test webhook. */
  demo: boolean
  messageSeq: number
  scoredSeq: number
  scoringError: string | null
  parkedAt: Date | null
  lastInboundAt: Date | null
  lastOutboundAt: Date | null
  lastActivityAt: Date
  /** Null: nobody has written yet. */
  lastMessage: LastMessage | null
  createdAt: Date
}

/** What `leadColumns` selects; names and e-mail are made of it. */
export type LeadRecord = Omit<
  LeadRow,
  'state' | 'name' | 'email' | 'phone' | 'linkedinUrl' | 'lastMessage'
>

/** What a row shows besides its own columns. */
export interface Belongings {
  identities: Identity[]
  lastMessage: LastMessage | null
}

export const fullName = `nullif(btrim(concat_ws(' ', lead.first_name, lead.last_name)), '')`

export const leadColumns = `
  lead.id, lead.first_name as "firstName", lead.last_name as "lastName", lead.company, lead.title,
  lead.industry, lead.headcount, lead.channels, lead.last_channel as "lastChannel",
  lead.sentiment_tag as "sentimentTag", lead.fit_score as "fitScore",
  lead.intent_score as "intentScore", lead.overall_score as "overallScore",
  lead.score_reasoning as "scoreReasoning", lead.scored_at as "scoredAt",
  lead.scored_by as "scoredBy", lead.provisional, lead.disqualified_reason as "disqualifiedReason",
  lead.demo, lead.message_seq as "messageSeq", lead.scored_seq as "scoredSeq",
  lead.scoring_error as "scoringError", lead.parked_at as "parkedAt",
  lead.last_inbound_at as "lastInboundAt", lead.last_outbound_at as "lastOutboundAt",
  lead.last_activity_at as "lastActivityAt", lead.created_at as "createdAt"
`

/** Column by column: records carry more than a row shows, e.g. sort keys. */
export function leadRow(record: LeadRecord, { identities, lastMessage }: Belongings): LeadRow {
  const messageSeq = Number(record.messageSeq)
  const scoredSeq = Number(record.scoredSeq)
  const first = (kind: Identity['kind']) =>
    identities.find((identity) => identity.kind === kind)?.value ?? null
  return {
    id: record.id,
    state: stateOf({ ...record, messageSeq, scoredSeq }),
    name: [record.firstName, record.lastName].filter(Boolean).join(' ').trim() || null,
    firstName: record.firstName,
    lastName: record.lastName,
    company: record.company,
    title: record.title,
    industry: record.industry,
    headcount: record.headcount,
    email: first('email'),
    phone: first('phone'),
    linkedinUrl: first('linkedin'),
    channels: record.channels,
    lastChannel: record.lastChannel,
    sentimentTag: record.sentimentTag,
    fitScore: record.fitScore,
    intentScore: record.intentScore,
    overallScore: record.overallScore,
    scoreReasoning: record.scoreReasoning,
    scoredAt: toDateOrNull(record.scoredAt),
    scoredBy: record.scoredBy,
    provisional: record.provisional,
    disqualifiedReason: record.disqualifiedReason,
    demo: record.demo,
    messageSeq,
    scoredSeq,
    scoringError: record.scoringError,
    parkedAt: toDateOrNull(record.parkedAt),
    lastInboundAt: toDateOrNull(record.lastInboundAt),
    lastOutboundAt: toDateOrNull(record.lastOutboundAt),
    lastActivityAt: toDate(record.lastActivityAt),
    lastMessage,
    createdAt: toDate(record.createdAt),
  }
}

export function stateOf(
  lead: Pick<
    LeadRow,
    'disqualifiedReason' | 'messageSeq' | 'scoredSeq' | 'parkedAt' | 'overallScore'
  >,
): LeadState {
  if (lead.disqualifiedReason !== null) return 'disqualified'
  if (lead.messageSeq > lead.scoredSeq) return lead.parkedAt === null ? 'pending' : 'failed'
  return lead.overallScore === null ? 'unscored' : 'scored'
}

/** Of leads of this workspace. */
export async function belongingsOf(
  sql: Sql,
  workspaceId: string,
  leadIds: string[],
): Promise<(leadId: string) => Belongings> {
  const identities = await identitiesByLead(sql, workspaceId, leadIds)
  const messages = await lastMessageByLead(sql, leadIds)
  return (leadId) => ({
    identities: identities.get(leadId) ?? [],
    lastMessage: messages.get(leadId) ?? null,
  })
}

const EXCERPT_CHARACTERS = 200

async function lastMessageByLead(sql: Sql, leadIds: string[]): Promise<Map<string, LastMessage>> {
  if (leadIds.length === 0) return new Map()
  const rows = await sql.query<LastMessage & { leadId: string }>(
    `select wanted.id as "leadId", direction, channel, sent_at as "sentAt",
       left(coalesce(nullif(body, ''), subject, ''), ${EXCERPT_CHARACTERS}) as text
     from unnest($1::uuid[]) as wanted (id) cross join lateral (
       select direction, channel, sent_at, body, subject from message
       where message.lead_id = wanted.id
       order by sent_at desc, message.id desc
       limit 1
     ) as newest`,
    [leadIds],
  )
  return new Map(
    rows.map(({ leadId, ...message }) => [leadId, { ...message, sentAt: toDate(message.sentAt) }]),
  )
}

/** Identities per lead, oldest first. */
async function identitiesByLead(
  sql: Sql,
  workspaceId: string,
  leadIds: string[],
): Promise<Map<string, Identity[]>> {
  if (leadIds.length === 0) return new Map()
  const rows = await sql.query<Identity & { leadId: string }>(
    `select lead_id as "leadId", kind, value
     from lead_identity
     where workspace_id = $1::uuid and lead_id = any($2::uuid[])
     order by created_at, kind, value`,
    [workspaceId, leadIds],
  )
  const byLead = new Map<string, Identity[]>()
  for (const { leadId, kind, value } of rows) {
    const known = byLead.get(leadId)
    if (known) known.push({ kind, value })
    else byLead.set(leadId, [{ kind, value }])
  }
  return byLead
}
