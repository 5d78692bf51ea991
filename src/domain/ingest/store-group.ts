/**
 * Group commit: many offered events become one transaction of a handful of set-based statements.
 *
 * Order of locks, the same in every group and process, so that groups never deadlock: identities in
 * key order (resolve-leads.ts), then leads in id order, then messages. Nothing later takes an
 * earlier kind of lock.
 */
import { v7 as uuidv7 } from 'uuid'
import type { Channel, InboundEvent } from '../channels/inbound-event.ts'
import type { Tx } from '../sql.ts'
import type { Offered, Stored } from './offered.ts'
import { resolveLeads } from './resolve-leads.ts'
import { findTwins, markTwins } from './twins.ts'

/** A new inbound message that owes its post-process job. */
export interface NewInbound {
  workspaceId: string
  leadId: string
  messageId: string
  channel: Channel
}

/** Writes the jobs in the same transaction; the queue itself is not the domain's business. */
export type EnqueuePostProcess = (tx: Tx, messages: NewInbound[]) => Promise<void>

/** A lead was erased between finding and locking it: run the transaction again. */
export class LeadVanishedError extends Error {
  override name = 'LeadVanishedError'
}

interface Row {
  offered: Offered
  leadId: string
  messageId: string
  seq: number | null
}

/** Stores the events and answers what became of each, in order. Throws without a trace left. */
export async function storeGroup(
  tx: Tx,
  offered: Offered[],
  enqueue: EnqueuePostProcess,
): Promise<Stored[]> {
  const leadIds = await resolveLeads(tx, offered)
  const sequences = await lockLeads(tx, leadIds)
  const stored = await findStored(tx, offered)
  const twins = await findTwins(tx, offered, leadIds)
  const results: Stored[] = []
  const rows: Row[] = []
  offered.forEach((each, index) => {
    const leadId = leadIds[index] ?? null
    const sameKey = keysOf(each)
      .map((key) => stored.get(key))
      .find(Boolean)
    const before = sameKey ?? twins.take(index)
    if (each.event.kind === 'label') {
      results[index] = { status: 'ignored', reason: labelReason(each.event, leadId) }
    } else if (before) {
      results[index] = { status: 'duplicate', messageId: before }
    } else if (leadId) {
      const row: Row = { offered: each, leadId, messageId: uuidv7(), seq: null }
      if (each.event.direction === 'inbound') row.seq = nextSeq(sequences, leadId)
      for (const key of keysOf(each)) stored.set(key, row.messageId)
      twins.add(index, row.messageId)
      results[index] = {
        status: 'accepted',
        messageId: row.messageId,
        leadId,
        inbound: row.seq !== null,
      }
      rows.push(row)
    }
  })
  const inserted = await insertMessages(tx, rows)
  await answerLateDuplicates(tx, rows, inserted, results, offered)
  await markTwins(tx, twins.taken())
  const fresh = rows.filter(({ messageId }) => inserted.has(messageId))
  await updateLeads(tx, fresh, labelsOf(offered, leadIds))
  await enqueue(
    tx,
    fresh
      .filter(({ seq }) => seq !== null)
      .map(({ offered: { workspaceId, channel }, leadId, messageId }) => ({
        workspaceId,
        leadId,
        messageId,
        channel,
      })),
  )
  return results
}

const keysOf = ({ workspaceId, event }: Offered) =>
  [event.dedupeKey, ...event.dedupeAliases].map((key) => `${workspaceId} ${key}`)

function labelReason(event: InboundEvent, leadId: string | null): string {
  if (!leadId) return 'label for a lead nobody has heard of'
  return event.labelTag
    ? `label noted on the lead: ${event.labelTag}`
    : 'label without a counterpart'
}

function nextSeq(sequences: Map<string, number>, leadId: string): number {
  const seq = (sequences.get(leadId) ?? 0) + 1
  sequences.set(leadId, seq)
  return seq
}

async function lockLeads(tx: Tx, leadIds: (string | null)[]): Promise<Map<string, number>> {
  const wanted = new Set(leadIds.filter((id) => id !== null))
  const rows = await tx.query<{ id: string; seq: number | string }>(
    `select id, message_seq as seq from lead
     where id = any($1::uuid[])
     order by id
     for no key update`,
    [[...wanted]],
  )
  if (rows.length < wanted.size) throw new LeadVanishedError('a lead was erased meanwhile')
  return new Map(rows.map(({ id, seq }) => [id, Number(seq)]))
}

/** Message ids by workspace and key, of everything in this group that is stored already. */
async function findStored(tx: Tx, offered: Offered[]): Promise<Map<string, string>> {
  const wanted = offered.flatMap(({ workspaceId, event }) =>
    [event.dedupeKey, ...event.dedupeAliases].map((key) => ({ workspaceId, key })),
  )
  const rows = await tx.query<{ workspaceId: string; key: string; id: string }>(
    `select message.workspace_id as "workspaceId", message.dedupe_key as key, message.id
     from unnest($1::uuid[], $2::text[]) as wanted (workspace_id, dedupe_key)
     join message using (workspace_id, dedupe_key)`,
    [wanted.map(({ workspaceId }) => workspaceId), wanted.map(({ key }) => key)],
  )
  return new Map(rows.map(({ workspaceId, key, id }) => [`${workspaceId} ${key}`, id]))
}

async function insertMessages(tx: Tx, rows: Row[]): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const inserted = await tx.query<{ id: string }>(
    `insert into message (id, workspace_id, lead_id, connection_id, channel, provider, direction,
       kind, dedupe_key, external_id, subject, body, signals, payload, sent_at, received_at, seq)
     select id, workspace_id, lead_id, connection_id, channel, provider, direction,
       kind, dedupe_key, external_id, subject, body, signals, payload, sent_at, received_at, seq
     from jsonb_to_recordset($1::jsonb) as row (id uuid, workspace_id uuid, lead_id uuid,
       connection_id uuid, channel text, provider text, direction text, kind text,
       dedupe_key text, external_id text, subject text, body text, signals jsonb, payload jsonb,
       sent_at timestamptz, received_at timestamptz, seq bigint)
     on conflict do nothing
     returning id`,
    [JSON.stringify(rows.map(messageColumns))],
  )
  return new Set(inserted.map(({ id }) => id))
}

function messageColumns({ offered, leadId, messageId, seq }: Row) {
  const { event, receivedAt } = offered
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
    signals: event.signals,
    payload: event.payload,
    sent_at: sentAtOf(offered),
    received_at: receivedAt,
    seq,
  }
}

/** A message from the future would stay the newest of its conversation for ever. */
function sentAtOf({ event, receivedAt }: Offered): Date {
  return event.sentAt && event.sentAt < receivedAt ? event.sentAt : receivedAt
}

/** A key that a concurrent group stored under another lead was met only at the insert. */
async function answerLateDuplicates(
  tx: Tx,
  rows: Row[],
  inserted: Set<string>,
  results: Stored[],
  offered: Offered[],
): Promise<void> {
  const late = rows.filter(({ messageId }) => !inserted.has(messageId))
  if (late.length === 0) return
  const stored = await findStored(
    tx,
    late.map((row) => row.offered),
  )
  for (const row of late) {
    const messageId = keysOf(row.offered)
      .map((key) => stored.get(key))
      .find(Boolean)
    results[offered.indexOf(row.offered)] = {
      status: 'duplicate',
      messageId: messageId ?? row.messageId,
    }
  }
}

interface LeadLabel {
  leadId: string
  tag: string
}

function labelsOf(offered: Offered[], leadIds: (string | null)[]): LeadLabel[] {
  return offered.flatMap(({ event }, index) => {
    const leadId = leadIds[index]
    return event.kind === 'label' && event.labelTag && leadId
      ? [{ leadId, tag: event.labelTag }]
      : []
  })
}

/** One row per lead: sequence, times, channel and facts; known facts are never overwritten. */
async function updateLeads(tx: Tx, rows: Row[], labels: LeadLabel[]): Promise<void> {
  const byLead = Map.groupBy(rows, ({ leadId }) => leadId)
  const tags = new Map(labels.map(({ leadId, tag }) => [leadId, tag]))
  const changes = [...new Set([...byLead.keys(), ...tags.keys()])].map((id) => ({
    id,
    tag: tags.get(id) ?? null,
    ...leadColumns(byLead.get(id) ?? []),
  }))
  if (changes.length === 0) return
  await tx.query(
    `update lead set
       message_seq = greatest(lead.message_seq, coalesce(change.message_seq, 0)),
       parked_at = case when change.message_seq is null then lead.parked_at end,
       first_name = coalesce(lead.first_name, change.first_name),
       last_name = coalesce(lead.last_name, change.last_name),
       company = coalesce(lead.company, change.company),
       title = coalesce(lead.title, change.title),
       sentiment_tag = coalesce(change.tag, lead.sentiment_tag),
       channels = array(select distinct unnest(lead.channels || change.channels) order by 1),
       last_channel = coalesce(change.last_channel, lead.last_channel),
       last_inbound_at = greatest(lead.last_inbound_at, change.last_inbound_at),
       last_outbound_at = greatest(lead.last_outbound_at, change.last_outbound_at),
       last_activity_at = coalesce(
         greatest(lead.last_inbound_at, lead.last_outbound_at, change.last_inbound_at,
           change.last_outbound_at),
         lead.last_activity_at),
       updated_at = now()
     from jsonb_to_recordset($1::jsonb) as change (id uuid, tag text, message_seq bigint,
       first_name text, last_name text, company text, title text, channels text[],
       last_channel text, last_inbound_at timestamptz, last_outbound_at timestamptz)
     where lead.id = change.id`,
    [JSON.stringify(changes)],
  )
}

function leadColumns(rows: Row[]) {
  const inbound = rows.filter(({ seq }) => seq !== null)
  const outbound = rows.filter(({ seq }) => seq === null)
  const fact = (name: 'firstName' | 'lastName' | 'company' | 'title') =>
    rows.map(({ offered }) => offered.event.lead[name]).find(Boolean) ?? null
  const newest = (some: Row[]) =>
    some.length > 0 ? new Date(Math.max(...some.map((row) => +sentAtOf(row.offered)))) : null
  return {
    message_seq: inbound.at(-1)?.seq ?? null,
    first_name: fact('firstName'),
    last_name: fact('lastName'),
    company: fact('company'),
    title: fact('title'),
    channels: [...new Set(rows.map(({ offered }) => offered.channel))],
    last_channel: (inbound.at(-1) ?? rows.at(-1))?.offered.channel ?? null,
    last_inbound_at: newest(inbound),
    last_outbound_at: newest(outbound),
  }
}
