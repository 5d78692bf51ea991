/**
 * Group commit: many offered events are stored by two statements. The first reads what is known of
 * them, then it is decided here what each becomes, and the second writes all of it: leads,
 * identities, messages and jobs. A single statement is a transaction of its own, so what it wrote is
 * durable when it is answered, and a round trip to the database is the dearest part of a small group.
 *
 * Nothing is locked between the two. Where a concurrent group was first, the writing fails as a
 * whole with LostRaceError and the group is to be stored again (`write-group.ts`).
 */
import { v7 as uuidv7 } from 'uuid'
import type { Channel, InboundEvent } from '../channels/inbound-event.ts'
import type { Sql } from '../sql.ts'
import { findKnown, messageKeysOf } from './find-known.ts'
import type { Offered, Stored } from './offered.ts'
import { resolveLeads } from './resolve-leads.ts'
import { openTwins, type Twins } from './twins.ts'
import { writeGroup } from './write-group.ts'

/** A new inbound message that owes its post-process job. */
export interface NewInbound {
  workspaceId: string
  leadId: string
  messageId: string
  channel: Channel
}

/**
 * Writes the jobs. `sql` takes the statements to become part of a larger one: they answer no rows.
 * The queue itself is not the domain's business.
 */
export type EnqueuePostProcess = (sql: Sql, messages: NewInbound[]) => Promise<void>

/** An event that becomes a message. */
export interface NewMessage {
  offered: Offered
  leadId: string
  messageId: string
}

/**
 * Stores the events and answers what became of each, in order; committed when it resolves. Throws
 * without a trace left: LostRaceError when it should be tried again.
 */
export async function storeGroup(
  sql: Sql,
  offered: Offered[],
  enqueue: EnqueuePostProcess,
): Promise<Stored[]> {
  const known = await findKnown(sql, offered)
  const { leadIds, newIdentities } = resolveLeads(known, offered)
  const twins = openTwins(offered, leadIds, known.twins)
  const { results, messages } = decide(offered, leadIds, known.messages, twins)
  await writeGroup(sql, {
    offered,
    leadIds,
    known: known.sequences,
    newIdentities,
    messages,
    twins,
    enqueue,
  })
  return results
}

/** In the order of the offer: messages of one lead are numbered as they came. */
function decide(
  offered: Offered[],
  leadIds: (string | null)[],
  stored: Map<string, string>,
  twins: Twins,
): { results: Stored[]; messages: NewMessage[] } {
  const messages: NewMessage[] = []
  const results = offered.map((each, index): Stored => {
    const leadId = leadIds[index] ?? null
    const keys = messageKeysOf(each)
    const before = storedAs(keys, stored) ?? twins.take(index)
    if (each.event.kind === 'label' || !leadId) {
      return { status: 'ignored', reason: labelReason(each.event, leadId) }
    }
    if (before) return { status: 'duplicate', messageId: before }
    const messageId = uuidv7()
    const inbound = each.event.direction === 'inbound'
    for (const key of keys) stored.set(key, messageId)
    twins.add(index, messageId)
    messages.push({ offered: each, leadId, messageId })
    return { status: 'accepted', messageId, leadId, inbound }
  })
  return { results, messages }
}

function storedAs(keys: string[], stored: Map<string, string>): string | null {
  for (const key of keys) {
    const messageId = stored.get(key)
    if (messageId) return messageId
  }
  return null
}

function labelReason(event: InboundEvent, leadId: string | null): string {
  if (!leadId) return 'label for a lead nobody has heard of'
  return event.labelTag
    ? `label noted on the lead: ${event.labelTag}`
    : 'label without a counterpart'
}
