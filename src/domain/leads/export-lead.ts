/**
 * Everything that is stored about one person, as JSON, a piece at a time: a conversation of years
 * need not fit into memory. Keyset pages, not one snapshot: what comes meanwhile may be missing.
 */
import type { Sql } from '../sql.ts'
import { toDate } from '../sql.ts'
import { mentionsOf } from './mentions.ts'
import { type LeadRef, readLead } from './read-lead.ts'

/** Pages of messages hold up to 64,000 characters each. */
const BATCH = 100

/** A table of what belongs to the lead; `key` is unique and its order is that of the export. */
interface Section {
  name: string
  /** Takes lead, workspace, the key after which to go on (null at first) and the number of rows. */
  sql: string
}

const page = (columns: string, from: string, key: string) => `
  select ${columns}, ${key}::text as key from ${from}
  where ($3::text is null or ${key}::text > $3::text)
  order by ${key}::text limit $4::int`
const ofLead = (table: string) =>
  `(select * from ${table} where lead_id = $1::uuid and workspace_id = $2::uuid) as own`

const sections: Section[] = [
  {
    name: 'messages',
    sql: page(
      `id, connection_id as "connectionId", channel, provider, direction, kind,
       external_id as "externalId", subject, body, signals, payload, sent_at as "sentAt",
       received_at as "receivedAt", seq, sentiment_tag as "sentimentTag",
       post_processed_at as "postProcessedAt",
       (select jsonb_agg(jsonb_build_object('step', step, 'state', state, 'error', error))
        from message_step where message_id = own.id) as steps`,
      ofLead('message'),
      'id',
    ),
  },
  {
    name: 'scores',
    sql: page(
      `seq, fit_score as "fitScore", intent_score as "intentScore",
       overall_score as "overallScore", previous_overall_score as "previousOverallScore",
       reasoning as "scoreReasoning", model, prompt_version as "promptVersion", provisional,
       message_seq as "messageSeq", channel, sentiment_tag as "sentimentTag",
       scored_at as "scoredAt"`,
      ofLead('score_event'),
      `lpad(seq::text, 19, '0')`,
    ),
  },
  {
    name: 'drafts',
    sql: page(
      `id, message_id as "messageId", channel, body, model, status, created_at as "createdAt",
       decided_at as "decidedAt", decided_by as "decidedBy"`,
      ofLead('ai_draft'),
      'id',
    ),
  },
  {
    name: 'aiCalls',
    sql: page(
      `id, source, feature_id as "featureId", model, outcome, error, created_at as "createdAt"`,
      ofLead('ai_interaction'),
      'id',
    ),
  },
  {
    name: 'auditEvents',
    sql: page(
      `id, actor, action, detail, at as "happenedAt"`,
      `(select * from audit_event where target_id = $1::uuid::text and workspace_id = $2::uuid) as own`,
      'id',
    ),
  },
]

export interface ExportOptions {
  now: Date
  /** The queue's, which is no business of the domain. */
  jobs: AsyncIterable<object>
}

/** Null: unknown in this workspace. The pieces joined are one JSON object. */
export async function exportLead(
  sql: Sql,
  lead: LeadRef,
  { now, jobs }: ExportOptions,
): Promise<AsyncGenerator<string> | null> {
  const detail = await readLead(sql, lead)
  return detail && pieces(sql, lead, { exportedAt: now, lead: detail }, jobs)
}

async function* pieces(
  sql: Sql,
  lead: LeadRef,
  head: object,
  jobs: AsyncIterable<object>,
): AsyncGenerator<string> {
  yield JSON.stringify(head).slice(0, -1)
  for (const section of sections) {
    yield `,${JSON.stringify(section.name)}:[`
    yield* joined(rowsOf(sql, lead, section))
    yield ']'
  }
  yield ',"jobs":['
  yield* joined(jobs)
  yield '],"rejectedDeliveries":['
  yield* joined(deliveriesOf(sql, lead))
  yield ']}'
}

async function* rowsOf(sql: Sql, lead: LeadRef, section: Section): AsyncGenerator<object> {
  let after: string | null = null
  for (;;) {
    const rows: (Record<string, unknown> & { key: string })[] = await sql.query(section.sql, [
      lead.leadId,
      lead.workspaceId,
      after,
      BATCH,
    ])
    for (const { key: _, ...row } of rows) yield Object.fromEntries(Object.entries(row).map(served))
    after = rows.at(-1)?.key ?? null
    if (rows.length < BATCH) return
  }
}

/** Times and numbers as everywhere in the API; drivers differ. */
function served([name, value]: [string, unknown]): [string, unknown] {
  if (value === null) return [name, null]
  if (name.endsWith('At')) return [name, toDate(value)]
  return [name, name === 'seq' || name === 'messageSeq' ? Number(value) : value]
}

/** By its identities only: a contact may be a colleague's, and so may what is said of it. */
async function* deliveriesOf(sql: Sql, lead: LeadRef): AsyncGenerator<object> {
  for await (const mention of mentionsOf(sql, lead, { contacts: false })) {
    const { receivedAt, body, ...rest } = mention
    yield { ...rest, receivedAt: toDate(receivedAt), body: body.toString('utf8') }
  }
}

async function* joined(rows: AsyncIterable<object>): AsyncGenerator<string> {
  let separator = ''
  for await (const row of rows) {
    yield `${separator}${JSON.stringify(row)}`
    separator = ','
  }
}
