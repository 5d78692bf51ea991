/** What a group changes of each lead: one row per lead that is new, has a message or a label. */

import type { Offered } from './offered.ts'
import type { NewIdentity } from './resolve-leads.ts'
import type { NewMessage } from './store-group.ts'

export interface LeadChange {
  id: string
  workspace_id: string
  is_new: boolean
  /** The lead must still be at this message number; null: whatever it is at. */
  expected_seq: number | null
  /** New inbound messages: how far `message_seq` moves. */
  inbound: number
  tag: string | null
  first_name: string | null
  last_name: string | null
  company: string | null
  title: string | null
  channels: string[]
  last_channel: string | null
  last_inbound_at: Date | null
  last_outbound_at: Date | null
  /** Addresses that a new lead is searched by, one a line. */
  reached_by: string | null
}

export interface LeadsOfGroup {
  offered: Offered[]
  /** Per event; null for a label of somebody unknown. */
  leadIds: (string | null)[]
  /** Last message number of each known lead. */
  known: Map<string, number>
  newIdentities: NewIdentity[]
  messages: NewMessage[]
  /** Leads of which nothing may have been stored since they were read. */
  watched: Set<string>
}

export function leadChanges(group: LeadsOfGroup): LeadChange[] {
  const { offered, leadIds, known, newIdentities, watched } = group
  const workspaces = new Map<string, string>()
  const tags = new Map<string, string>()
  const messages = Map.groupBy(group.messages, ({ leadId }) => leadId)
  const addresses = Map.groupBy(newIdentities.filter(isAddress), ({ leadId }) => leadId)
  for (const { leadId, offered: each } of group.messages) workspaces.set(leadId, each.workspaceId)
  // A duplicate or a label may bring an identity for a lead without a message in this group.
  for (const { leadId, workspaceId } of newIdentities) {
    if (!known.has(leadId)) workspaces.set(leadId, workspaceId)
  }
  offered.forEach(({ workspaceId, event }, index) => {
    const leadId = leadIds[index]
    if (event.kind !== 'label' || !event.labelTag || !leadId) return
    tags.set(leadId, event.labelTag)
    workspaces.set(leadId, workspaceId)
  })
  return [...workspaces].map(([id, workspaceId]) => ({
    id,
    workspace_id: workspaceId,
    is_new: !known.has(id),
    expected_seq: watched.has(id) ? (known.get(id) ?? null) : null,
    tag: tags.get(id) ?? null,
    reached_by:
      addresses
        .get(id)
        ?.map(({ value }) => value)
        .join('\n') ?? null,
    ...factsOf(messages.get(id) ?? []),
  }))
}

const isAddress = ({ kind }: NewIdentity) => kind === 'email' || kind === 'phone'

function factsOf(messages: NewMessage[]) {
  const inbound = messages.filter(({ offered }) => offered.event.direction === 'inbound')
  const outbound = messages.filter(({ offered }) => offered.event.direction === 'outbound')
  const fact = (name: 'firstName' | 'lastName' | 'company' | 'title') =>
    messages.map(({ offered }) => offered.event.lead[name]).find(Boolean) ?? null
  return {
    inbound: inbound.length,
    first_name: fact('firstName'),
    last_name: fact('lastName'),
    company: fact('company'),
    title: fact('title'),
    channels: [...new Set(messages.map(({ offered }) => offered.channel))],
    last_channel: (inbound.at(-1) ?? messages.at(-1))?.offered.channel ?? null,
    last_inbound_at: newest(inbound),
    last_outbound_at: newest(outbound),
  }
}

function newest(messages: NewMessage[]): Date | null {
  if (messages.length === 0) return null
  return new Date(Math.max(...messages.map(({ offered }) => sentAtOf(offered).getTime())))
}

/** A message from the future would stay the newest of its conversation for ever. */
export function sentAtOf({ event, receivedAt }: Offered): Date {
  return event.sentAt && event.sentAt < receivedAt ? event.sentAt : receivedAt
}
