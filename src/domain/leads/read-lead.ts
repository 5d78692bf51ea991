/** One lead in detail, its messages and its score history. Null: unknown in this workspace. */
import type { Channel, ProviderName } from '../channels/inbound-event.ts'
import { contactsOf, type KnownContact } from '../contacts.ts'
import type { Disqualifier } from '../disqualification.ts'
import type { Identity } from '../identity.ts'
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from '../page.ts'
import type { SentimentTag } from '../sentiment-tag.ts'
import { type Sql, toDate, toDateOrNull } from '../sql.ts'
import { belongingsOf, type LeadRecord, type LeadRow, leadColumns, leadRow } from './lead-row.ts'

export interface LeadRef {
  workspaceId: string
  leadId: string
}

export interface LeadDetail extends LeadRow {
  disqualifiedBy: Disqualifier | null
  disqualifiedAt: Date | null
  scoringFailedAt: Date | null
  updatedAt: Date
  identities: Identity[]
  /** Found in messages and by enrichment; may be a colleague's. */
  contacts: KnownContact[]
}

export interface MessageRow {
  id: string
  connectionId: string | null
  channel: Channel
  provider: ProviderName
  direction: 'inbound' | 'outbound'
  kind: 'text' | 'auto_reply' | 'opt_out' | 'opt_in' | 'bounce'
  externalId: string | null
  subject: string | null
  body: string | null
  /** Another address than the lead's from which a person answered. */
  repliedFrom: string | null
  attachments: number
  sentAt: Date
  receivedAt: Date
  /** The lead's message_seq that this inbound message took; null for outbound. */
  seq: number | null
  sentimentTag: SentimentTag | null
  postProcessedAt: Date | null
}

export interface ScoreRow {
  seq: number
  fitScore: number | null
  intentScore: number | null
  overallScore: number | null
  previousOverallScore: number | null
  scoreReasoning: string | null
  model: string
  promptVersion: string
  provisional: boolean
  /** The lead's message_seq that this score covers. */
  messageSeq: number
  channel: Channel | null
  sentimentTag: SentimentTag
  scoredAt: Date
}

type DetailColumns = Pick<
  LeadDetail,
  'disqualifiedBy' | 'disqualifiedAt' | 'scoringFailedAt' | 'updatedAt'
>

export async function readLead(
  sql: Sql,
  { workspaceId, leadId }: LeadRef,
): Promise<LeadDetail | null> {
  const [record] = await sql.query<LeadRecord & DetailColumns>(
    `select ${leadColumns}, lead.disqualified_by as "disqualifiedBy",
       lead.disqualified_at as "disqualifiedAt", lead.scoring_failed_at as "scoringFailedAt",
       lead.updated_at as "updatedAt"
     from lead where lead.id = $1::uuid and lead.workspace_id = $2::uuid`,
    [leadId, workspaceId],
  )
  if (!record) return null
  const belongings = (await belongingsOf(sql, workspaceId, [leadId]))(leadId)
  return {
    ...leadRow(record, belongings),
    disqualifiedBy: record.disqualifiedBy,
    disqualifiedAt: toDateOrNull(record.disqualifiedAt),
    scoringFailedAt: toDateOrNull(record.scoringFailedAt),
    updatedAt: toDate(record.updatedAt),
    contacts: await contactsOf(sql, leadId),
    identities: belongings.identities,
  }
}

/** Those of the workspace among `ids`, by id. */
export async function readLeads(
  sql: Sql,
  { workspaceId, ids }: { workspaceId: string; ids: string[] },
): Promise<LeadRow[]> {
  const records = await sql.query<LeadRecord>(
    `select ${leadColumns} from lead
     where lead.id = any($1::uuid[]) and lead.workspace_id = $2::uuid order by lead.id`,
    [ids, workspaceId],
  )
  const belongings = await belongingsOf(
    sql,
    workspaceId,
    records.map(({ id }) => id),
  )
  return records.map((record) => leadRow(record, belongings(record.id)))
}

/** Newest first. */
export async function listMessages(
  sql: Sql,
  { workspaceId, leadId }: LeadRef,
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<MessageRow, TimeKey> | null> {
  if (!(await exists(sql, { workspaceId, leadId }))) return null
  const rows = await sql.query<MessageRow & { at: string }>(
    `select id, connection_id as "connectionId", channel, provider, direction, kind,
       external_id as "externalId", subject, body, signals->>'repliedFrom' as "repliedFrom",
       coalesce((signals->>'attachments')::int, 0) as attachments, sent_at as "sentAt",
       received_at as "receivedAt", seq, sentiment_tag as "sentimentTag",
       post_processed_at as "postProcessedAt", ${exactTime('sent_at')} as at
     from message
     where lead_id = $1::uuid and workspace_id = $2::uuid
       and ($3::timestamptz is null or (sent_at, id) < ($3::timestamptz, $4::uuid))
     order by sent_at desc, id desc
     limit $5::int`,
    [leadId, workspaceId, after?.at ?? null, after?.id ?? null, limit + 1],
  )
  const page = pageOf(rows, limit, ({ at, id }) => ({ at, id }))
  return {
    ...page,
    rows: page.rows.map(({ at: _, ...row }) => ({
      ...row,
      sentAt: toDate(row.sentAt),
      receivedAt: toDate(row.receivedAt),
      seq: row.seq === null ? null : Number(row.seq),
      postProcessedAt: toDateOrNull(row.postProcessedAt),
    })),
  }
}

/** Newest first; the key of a page is the messageSeq of its last score. */
export async function listScores(
  sql: Sql,
  { workspaceId, leadId }: LeadRef,
  { limit, after }: PageRequest<number>,
): Promise<Page<ScoreRow, number> | null> {
  if (!(await exists(sql, { workspaceId, leadId }))) return null
  const rows = await sql.query<ScoreRow>(
    `select seq, fit_score as "fitScore", intent_score as "intentScore",
       overall_score as "overallScore", previous_overall_score as "previousOverallScore",
       reasoning as "scoreReasoning", model, prompt_version as "promptVersion", provisional,
       message_seq as "messageSeq", channel, sentiment_tag as "sentimentTag",
       scored_at as "scoredAt"
     from score_event
     where lead_id = $1::uuid and workspace_id = $2::uuid
       and ($3::bigint is null or message_seq < $3::bigint)
     order by message_seq desc
     limit $4::int`,
    [leadId, workspaceId, after, limit + 1],
  )
  const page = pageOf(rows, limit, ({ messageSeq }) => Number(messageSeq))
  return {
    ...page,
    rows: page.rows.map((row) => ({
      ...row,
      seq: Number(row.seq),
      messageSeq: Number(row.messageSeq),
      scoredAt: toDate(row.scoredAt),
    })),
  }
}

async function exists(sql: Sql, { workspaceId, leadId }: LeadRef): Promise<boolean> {
  const rows = await sql.query(
    'select 1 from lead where id = $1::uuid and workspace_id = $2::uuid',
    [leadId, workspaceId],
  )
  return rows.length === 1
}
