/** One stored inbound or outbound message of a lead. */
import { defineEntity, p } from '@mikro-orm/core'
import { channels, type MessageSignals, providerNames } from '../channels/inbound-event.ts'
import { sentimentTags } from '../sentiment-tag.ts'
import { Connection } from './connection.ts'
import { Lead } from './lead.ts'
import { Workspace } from './workspace.ts'

export const messageKinds = ['text', 'auto_reply', 'opt_out', 'opt_in', 'bounce'] as const

const messageSchema = defineEntity({
  name: 'Message',
  tableName: 'message',
  indexes: [
    // The transcript and the message list of one lead, newest first.
    { name: 'message_of_lead', properties: ['lead', 'sentAt', 'id'] },
  ],
  uniques: [
    { name: 'message_dedupe', properties: ['workspace', 'dedupeKey'] },
    // What no score covers yet, without reading the whole conversation.
    { name: 'message_seq_of_lead', properties: ['lead', 'seq'] },
  ],
  properties: {
    id: p.uuid().primary(),
    // No foreign key to workspace and connection: each insert would lock those two rows (a
    // multixact per message, the hottest rows there are); the lead's own key already ends with both.
    workspace: () => p.manyToOne(Workspace).createForeignKeyConstraint(false),
    lead: () => p.manyToOne(Lead).deleteRule('cascade'),
    /** May name a connection that was deleted since. */
    connection: () => p.manyToOne(Connection).nullable().createForeignKeyConstraint(false),
    channel: p.enum(channels).length(20),
    provider: p.enum(providerNames).length(20),
    direction: p.enum(['inbound', 'outbound'] as const).length(10),
    /** First the provider's word, then what the text rules found. */
    kind: p.enum(messageKinds).length(20),
    dedupeKey: p.text(),
    externalId: p.text().nullable(),
    subject: p.text().nullable(),
    /** Without quoted thread and signature; null where the event carries no text. */
    body: p.text().nullable(),
    signals: p.json<MessageSignals>().defaultRaw(`'{}'`),
    payload: p.json<unknown>().nullable(),
    sentAt: p.datetime(),
    receivedAt: p.datetime().defaultRaw('now()'),
    /** Null for rows of before it was kept. */
    storedAt: p.datetime().nullable().defaultRaw('clock_timestamp()'),
    /** When its post-processing first began. */
    pickedUpAt: p.datetime().nullable(),
    /** The lead's message_seq that this inbound message took; null for outbound. */
    seq: p.bigint('number').nullable(),
    sentimentTag: p.enum(sentimentTags).length(30).nullable(),
    /** When the post-process job finished; null while it is owed. Always null for outbound. */
    postProcessedAt: p.datetime().nullable(),
  },
})
export class Message extends messageSchema.class {}
messageSchema.setClass(Message)
