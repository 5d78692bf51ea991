/** The tables of the straightforward peers: a lead and its messages, with the keys anyone would add. */
import { defineEntity, p } from '@mikro-orm/core'

const leadSchema = defineEntity({
  name: 'PeerLead',
  tableName: 'peer_lead',
  uniques: [{ properties: ['workspaceId', 'identity'] }],
  properties: {
    id: p.uuid().primary(),
    workspaceId: p.uuid(),
    /** The strongest identity of the payload: peers know one per lead. */
    identity: p.text(),
    firstName: p.text().nullable(),
    lastName: p.text().nullable(),
    company: p.text().nullable(),
    lastInboundAt: p.datetime().nullable(),
  },
})
export class PeerLead extends leadSchema.class {}
leadSchema.setClass(PeerLead)

const messageSchema = defineEntity({
  name: 'PeerMessage',
  tableName: 'peer_message',
  indexes: [{ properties: ['lead', 'sentAt'] }],
  uniques: [{ properties: ['workspaceId', 'dedupeKey'] }],
  properties: {
    id: p.uuid().primary(),
    workspaceId: p.uuid(),
    lead: () => p.manyToOne(PeerLead),
    channel: p.text(),
    provider: p.text(),
    dedupeKey: p.text(),
    subject: p.text().nullable(),
    body: p.text().nullable(),
    payload: p.json<unknown>().nullable(),
    sentAt: p.datetime(),
  },
})
export class PeerMessage extends messageSchema.class {}
messageSchema.setClass(PeerMessage)

export const peerEntities = [PeerLead, PeerMessage]
