/** Leads, messages, scores and rejected deliveries written straight into the tables. */
import { v7 as uuidv7 } from 'uuid'
import type { Identity } from '../../src/domain/identity.ts'
import type { Sql } from '../../src/domain/sql.ts'

export interface LeadToInsert {
  workspaceId: string
  firstName?: string
  lastName?: string
  company?: string
  overallScore?: number
  sentimentTag?: string
  disqualifiedReason?: string
  channels?: string[]
  lastActivityAt?: string
  scoredAt?: string
  messageSeq?: number
  scoredSeq?: number
  parkedAt?: string
  identities?: Identity[]
}

export async function insertLead(sql: Sql, lead: LeadToInsert): Promise<string> {
  const id = uuidv7()
  const score = lead.overallScore ?? null
  await sql.query(
    `insert into lead (id, workspace_id, first_name, last_name, company, overall_score, fit_score,
       intent_score, sentiment_tag, disqualified_reason, disqualified_by, channels, last_channel,
       last_activity_at, scored_at, message_seq, scored_seq, parked_at)
     values ($1::uuid, $2::uuid, $3, $4, $5, $6::smallint, $6::smallint, $6::smallint, $7, $8::text,
       case when $8::text is not null then 'opt_out' end, $9::text[], ($9::text[])[1],
       coalesce($10::timestamptz, now()), $11::timestamptz, $12, $13, $14::timestamptz)`,
    [
      id,
      lead.workspaceId,
      lead.firstName ?? null,
      lead.lastName ?? null,
      lead.company ?? null,
      score,
      lead.sentimentTag ?? 'New',
      lead.disqualifiedReason ?? null,
      lead.channels ?? [],
      lead.lastActivityAt ?? null,
      lead.scoredAt ?? null,
      lead.messageSeq ?? 0,
      lead.scoredSeq ?? lead.messageSeq ?? 0,
      lead.parkedAt ?? null,
    ],
  )
  for (const { kind, value } of lead.identities ?? []) {
    await sql.query(
      `insert into lead_identity (workspace_id, kind, value, lead_id)
       values ($1::uuid, $2, $3, $4::uuid)`,
      [lead.workspaceId, kind, value, id],
    )
  }
  return id
}

/** So many that only their number counts. */
export async function insertManyLeads(
  sql: Sql,
  workspaceId: string,
  count: number,
  channels: string[] = [],
): Promise<void> {
  await sql.query(
    `insert into lead (id, workspace_id, first_name, channels)
     select gen_random_uuid(), $1::uuid, 'Dana', $2::text[] from generate_series(1, ${count})`,
    [workspaceId, channels],
  )
}

export async function insertMessage(
  sql: Sql,
  message: { workspaceId: string; leadId: string; body: string; sentAt: string; seq?: number },
): Promise<string> {
  const id = uuidv7()
  await sql.query(
    `insert into message (id, workspace_id, lead_id, channel, provider, direction, kind, dedupe_key,
       body, signals, sent_at, seq)
     values ($1::uuid, $2::uuid, $3::uuid, 'email', 'generic', $4, 'text', $5, $6,
       '{"attachments": 2, "repliedFrom": "colleague@acme.test"}'::jsonb, $7::timestamptz, $8)`,
    [
      id,
      message.workspaceId,
      message.leadId,
      message.seq === undefined ? 'outbound' : 'inbound',
      id,
      message.body,
      message.sentAt,
      message.seq ?? null,
    ],
  )
  return id
}

export async function insertScore(
  sql: Sql,
  score: { workspaceId: string; leadId: string; seq: number; messageSeq: number; overall: number },
): Promise<void> {
  await sql.query(
    `insert into score_event (workspace_id, seq, lead_id, fit_score, intent_score, overall_score,
       reasoning, model, prompt_version, message_seq, channel, sentiment_tag)
     values ($1::uuid, $2, $3::uuid, $4::smallint, $4::smallint, $4::smallint, 'Because.',
       'rules-v1', 'v1', $5, 'email', 'New')`,
    [score.workspaceId, score.seq, score.leadId, score.overall, score.messageSeq],
  )
}

export async function insertRejected(
  sql: Sql,
  rejected: { workspaceId: string; connectionId?: string; receivedAt?: string },
): Promise<string> {
  const id = uuidv7()
  await sql.query(
    `insert into rejected_delivery (id, workspace_id, connection_id, channel, provider, reason,
       field, content_type, body, body_hash, received_at)
     values ($1::uuid, $2::uuid, $3::uuid, 'email', 'emailbison', 'emailbison: event: unknown',
       'event', 'application/json', decode('7b7d', 'hex'), $4,
       coalesce($5::timestamptz, now()))`,
    [
      id,
      rejected.workspaceId,
      rejected.connectionId ?? null,
      id.replaceAll('-', ''),
      rejected.receivedAt ?? null,
    ],
  )
  return id
}
