/**
 * Writes a group in one statement, whole or not at all: leads and their numbers, what is searched of
 * the new ones, identities, messages, twins and jobs.
 *
 * Order of locks, the same in every group and process, so that groups never deadlock: leads in id
 * order, then identities in key order, then messages in key order. Nothing later takes an earlier
 * kind of lock. A part waits for the one before it because it asks for its count.
 */
import type { Sql } from '../sql.ts'
import { leadChanges, sentAtOf } from './lead-changes.ts'
import { isLostRace, LostRaceError } from './lost-race.ts'
import type { Offered } from './offered.ts'
import type { NewIdentity } from './resolve-leads.ts'
import type { EnqueuePostProcess, NewMessage } from './store-group.ts'
import type { TwinSignals, Twins } from './twins.ts'

export interface GroupToWrite {
  offered: Offered[]
  /** Per event; null for a label of somebody unknown. */
  leadIds: (string | null)[]
  /** Last message number of each known lead. */
  known: Map<string, number>
  newIdentities: NewIdentity[]
  messages: NewMessage[]
  twins: Twins
  enqueue: EnqueuePostProcess
}

/** Throws LostRaceError, with nothing written, when a concurrent writer was first somewhere. */
export async function writeGroup(sql: Sql, group: GroupToWrite): Promise<void> {
  const { newIdentities, messages, twins, enqueue } = group
  const changes = leadChanges({ ...group, watched: twins.watched() })
  const taken = twins.taken()
  if (changes.length + newIdentities.length + taken.size === 0) return
  const jobs = await collectJobs(enqueue, messages)
  // Of a duplicate's new identity, too: the trigger of the search writes that lead.
  const toLock = new Set([
    ...changes.filter(({ is_new }) => !is_new).map(({ id }) => id),
    ...newIdentities.map(({ leadId }) => leadId).filter((id) => group.known.has(id)),
  ])
  const params = [
    JSON.stringify(changes),
    [...toLock],
    newIdentities.map(({ workspaceId }) => workspaceId),
    newIdentities.map(({ kind }) => kind),
    newIdentities.map(({ value }) => value),
    newIdentities.map(({ leadId }) => leadId),
    JSON.stringify(messageRows(messages, taken)),
    [...taken.keys()],
    JSON.stringify(Object.fromEntries(taken)),
  ]
  const parts = [writeSql]
  jobs.forEach(({ text, values }, index) => {
    const shifted = text.replace(/\$(\d+)/g, (_, n: string) => `$${params.length + Number(n)}`)
    parts.push(`, jobs_${index} as (${shifted})`)
    params.push(...(values as string[]))
  })
  try {
    await sql.query(`${parts.join('')} select 1 where false`, params)
  } catch (error) {
    if (!isLostRace(error)) throw error
    throw new LostRaceError('another group was first', { cause: error })
  }
}

/**
 * Every table is reached by an index that the text itself names: `any` on the primary key, a conflict
 * on it, and no join with a table. So one plan serves an empty database and a full one, and ingest
 * may keep it prepared.
 */
const writeSql = `
  with change as materialized (
    select change.*, entry.* from jsonb_to_recordset($1::jsonb) as change (id uuid,
      workspace_id uuid, is_new boolean, expected_seq bigint, inbound int, tag text, first_name text, last_name text, company text,
      title text, channels text[], last_channel text, last_inbound_at timestamptz,
      last_outbound_at timestamptz, reached_by text)
    cross join lateral lead_search_entry(first_name, last_name, company, reached_by) as entry
  ), locked as materialized (
    select id, message_seq from lead where id = any($2::uuid[]) order by id for no key update
  ), written as (
    insert into lead (id, workspace_id, sentiment_tag, message_seq, first_name, last_name, company,
      title, channels, last_channel, last_inbound_at, last_outbound_at, last_activity_at, words)
    select change.id, workspace_id, coalesce(tag, 'New'), inbound, first_name, last_name, company,
      title, channels, last_channel, last_inbound_at, last_outbound_at,
      coalesce(greatest(last_inbound_at, last_outbound_at), now()), words
    from change
    left join locked using (id)
    where change.is_new
      or locked.message_seq = coalesce(change.expected_seq, locked.message_seq)
    on conflict (id) do update set
      message_seq = lead.message_seq + excluded.message_seq,
      parked_at = case when excluded.message_seq = 0 then lead.parked_at end,
      first_name = coalesce(lead.first_name, excluded.first_name),
      last_name = coalesce(lead.last_name, excluded.last_name),
      company = coalesce(lead.company, excluded.company),
      title = coalesce(lead.title, excluded.title),
      sentiment_tag = coalesce(nullif(excluded.sentiment_tag, 'New'), lead.sentiment_tag),
      channels = case when lead.channels @> excluded.channels then lead.channels
        else array(select distinct unnest(lead.channels || excluded.channels) order by 1) end,
      last_channel = coalesce(excluded.last_channel, lead.last_channel),
      last_inbound_at = greatest(lead.last_inbound_at, excluded.last_inbound_at),
      last_outbound_at = greatest(lead.last_outbound_at, excluded.last_outbound_at),
      last_activity_at = coalesce(
        greatest(lead.last_inbound_at, lead.last_outbound_at, excluded.last_inbound_at,
          excluded.last_outbound_at),
        lead.last_activity_at),
      updated_at = now()
    returning id, message_seq
  ), searched as (
    insert into lead_search (lead_id, workspace_id, nameless, name, words, facets, channels)
    select id, workspace_id, nameless, name, words, lead_facets(coalesce(tag, 'New'), null, null),
      channels
    from change
    where is_new
  ), identity as (
    insert into lead_identity (workspace_id, kind, value, lead_id)
    select workspace_id, kind, value, lead_id
    from unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[])
      as added (workspace_id, kind, value, lead_id)
    where (select count(*) from locked) + (select count(*) from written) >= 0
    order by workspace_id, kind, value
    returning 1
  ), stored as (
    insert into message (id, workspace_id, lead_id, connection_id, channel, provider, direction,
      kind, dedupe_key, external_id, subject, body, signals, payload, sent_at, received_at, seq)
    select row.id, workspace_id, written.id, connection_id, channel, provider, direction,
      kind, dedupe_key, external_id, subject, body, signals, payload, sent_at, received_at,
      written.message_seq - row.later
    from jsonb_to_recordset($7::jsonb) as row (id uuid, workspace_id uuid, lead_id uuid,
      connection_id uuid, channel text, provider text, direction text, kind text,
      dedupe_key text, external_id text, subject text, body text, signals jsonb, payload jsonb,
      sent_at timestamptz, received_at timestamptz, later int)
    left join written on written.id = row.lead_id
    where (select count(*) from identity) >= 0
    order by workspace_id, dedupe_key
  ), twin as (
    update message
    set signals = signals || jsonb_build_object(
      'twinKeys', coalesce(signals -> 'twinKeys', '[]')
        || ($9::jsonb -> message.id::text -> 'twinKeys'),
      'twinRoutes', coalesce(signals -> 'twinRoutes', '[]')
        || ($9::jsonb -> message.id::text -> 'twinRoutes'))
    where message.id = any($8::uuid[])
  )`

function messageRows(messages: NewMessage[], taken: Map<string, TwinSignals>) {
  /** Inbound messages of the same lead that come later in the group. */
  const later = new Map<string, number>()
  return messages.toReversed().map((message) => {
    const { offered, leadId, messageId } = message
    const { event, receivedAt } = offered
    const behind = later.get(leadId) ?? 0
    const inbound = event.direction === 'inbound'
    if (inbound) later.set(leadId, behind + 1)
    return {
      id: messageId,
      workspace_id: offered.workspaceId,
      lead_id: leadId,
      connection_id: offered.connectionId,
      channel: offered.channel,
      provider: offered.provider,
      direction: event.direction,
      kind: event.kind,
      dedupe_key: event.dedupeKey,
      external_id: event.externalId,
      subject: event.subject,
      body: event.body,
      signals: { ...event.signals, ...taken.get(messageId) },
      payload: event.payload,
      sent_at: sentAtOf(offered),
      received_at: receivedAt,
      later: inbound ? behind : null,
    }
  })
}

interface Statement {
  text: string
  values: unknown[]
}

/** What would insert the jobs, not run but kept, to become part of the one statement. */
async function collectJobs(
  enqueue: EnqueuePostProcess,
  messages: NewMessage[],
): Promise<Statement[]> {
  const statements: Statement[] = []
  const inbound = messages.filter(({ offered }) => offered.event.direction === 'inbound')
  if (inbound.length === 0) return statements
  const collector: Sql = {
    async query(text, values = []) {
      statements.push({ text, values })
      return []
    },
  }
  await enqueue(
    collector,
    inbound.map(({ offered: { workspaceId, channel }, leadId, messageId }) => ({
      workspaceId,
      leadId,
      messageId,
      channel,
    })),
  )
  return statements
}
