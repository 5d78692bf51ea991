/** One provider account feeding one channel of a workspace; its secret URL token is stored hashed. */
import { defineEntity, p } from '@mikro-orm/core'
import { channels, providerNames } from '../channels/inbound-event.ts'
import { Workspace } from './workspace.ts'

const connectionSchema = defineEntity({
  name: 'Connection',
  tableName: 'connection',
  indexes: [{ name: 'connection_of_workspace', properties: ['workspace'] }],
  uniques: [
    { name: 'connection_by_token', properties: ['tokenHash'] },
    { name: 'connection_by_previous_token', properties: ['previousTokenHash'] },
  ],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    channel: p.enum(channels).length(20),
    provider: p.enum(providerNames).length(20),
    name: p.string().length(200),
    /** SHA-256 of the token, hexadecimal. */
    tokenHash: p.string().length(64),
    /** Stays valid until previousTokenExpiresAt, so that a rotation loses no delivery. */
    previousTokenHash: p.string().length(64).nullable(),
    previousTokenExpiresAt: p.datetime().nullable(),
    /** Provider secrets for signatures, AES-256-GCM under SECRETS_KEY; null: none configured. */
    sealedSignature: p.text().nullable(),
    /** Key of the provider's API, sealed likewise; null: nothing is fetched from the provider. */
    sealedApiKey: p.text().nullable(),
    /** Null: the provider's one public address. */
    apiBaseUrl: p.text().nullable(),
    externalAccountId: p.text().nullable(),
    enabled: p.boolean().default(true),
    createdAt: p.datetime().defaultRaw('now()'),
  },
})
export class Connection extends connectionSchema.class {}
connectionSchema.setClass(Connection)
