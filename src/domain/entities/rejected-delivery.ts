/** An authenticated delivery that was not understood: kept, listed, replayable. */
import { defineEntity, p } from '@mikro-orm/core'
import { channels, providerNames } from '../channels/inbound-event.ts'
import { Connection } from './connection.ts'
import { Workspace } from './workspace.ts'

const rejectedDeliverySchema = defineEntity({
  name: 'RejectedDelivery',
  tableName: 'rejected_delivery',
  indexes: [
    { name: 'rejected_delivery_list', properties: ['workspace', 'receivedAt', 'id'] },
    { name: 'rejected_delivery_of_connection', properties: ['connection'] },
  ],
  uniques: [
    // A provider's retries of one body are one row.
    { name: 'rejected_delivery_once', properties: ['workspace', 'bodyHash'] },
  ],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    connection: () => p.manyToOne(Connection).nullable().deleteRule('set null'),
    channel: p.enum(channels).length(20),
    provider: p.enum(providerNames).length(20),
    reason: p.text(),
    field: p.text().nullable(),
    contentType: p.text().nullable(),
    /** The bytes as received: only these can be parsed again after a fix. */
    body: p.blob(),
    /** SHA-256 of connection and body. */
    bodyHash: p.string().length(64),
    deliveries: p.integer().default(1),
    receivedAt: p.datetime().defaultRaw('now()'),
    replayedAt: p.datetime().nullable(),
    replayResult: p.text().nullable(),
  },
})
export class RejectedDelivery extends rejectedDeliverySchema.class {}
rejectedDeliverySchema.setClass(RejectedDelivery)
