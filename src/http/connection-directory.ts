/**
 * From a webhook token to its connection. Kept in memory for a few seconds, so that a burst costs
 * one look-up; a rotation or deletion in another process is seen when the entry has run out. What is
 * in use is looked up again before that, so that nobody waits for it.
 */
import { LRUCache } from 'lru-cache'
import type { KnownConnection } from '../actors/intake.ts'
import {
  type Channel,
  channels,
  type Provider,
  type ProviderName,
} from '../domain/channels/inbound-event.ts'
import { providerFor } from '../domain/channels/registry.ts'
import type { Sql } from '../domain/sql.ts'
import { hashToken } from '../domain/tokens.ts'

export interface ConnectionDirectory {
  /** Null: no enabled connection of this channel has the token. At once when it is remembered. */
  find(channel: string, token: string): KnownConnection | null | Promise<KnownConnection | null>
  /** Drops what is remembered, after a rotation or deletion in this process. */
  forget(): void
}

/** Below the five seconds within which a revoked token must be refused everywhere. */
const REMEMBERED_MS = 4000
/** A look-up that takes longer may be on a connection that went silent: the next one asks anew. */
const JOINED_MS = 1000
/** Left of these when a token in use is looked up again; a database under load takes its time. */
const RENEWED_MS = 2000
/** Unknown tokens are remembered, too, but may not push out the known ones. */
const CONNECTIONS_MAX = 10_000

interface ConnectionRow {
  id: string
  workspaceId: string
  channel: Channel
  provider: ProviderName
  sealedSignature: string | null
}

export function connectionDirectory(
  sql: Sql,
  unseal: (sealed: string, connectionId: string) => unknown,
): ConnectionDirectory {
  const known = new LRUCache<string, KnownConnection>({ max: CONNECTIONS_MAX, ttl: REMEMBERED_MS })
  const unknown = new LRUCache<string, true>({ max: CONNECTIONS_MAX, ttl: REMEMBERED_MS })
  /** Under way. Hundreds may ask for a token in the moment that its look-up takes. */
  let asked = new Map<string, { at: number; answer: Promise<KnownConnection | null> }>()

  async function lookUp(tokenHash: string): Promise<KnownConnection | null> {
    const [row] = await sql.query<ConnectionRow>(
      `select id, workspace_id as "workspaceId", channel, provider,
         sealed_signature as "sealedSignature"
       from connection
       where enabled and (token_hash = $1
         or (previous_token_hash = $1 and previous_token_expires_at > now()))`,
      [tokenHash],
    )
    const provider = row && providerFor(row.channel, row.provider)
    if (!provider) return null
    const signature = signatureOf(row, provider)
    return { id: row.id, workspaceId: row.workspaceId, channel: row.channel, provider, signature }
  }

  /** Fails closed: a connection that was to be verified is never taken for one that is not. */
  function signatureOf({ id, sealedSignature }: ConnectionRow, provider: Provider): unknown {
    if (sealedSignature === null) return null
    if (!provider.signatureSchema) throw new Error(`${provider.name} takes no signature`)
    // Through the schema again: what was sealed by an earlier version gets today's defaults.
    return provider.signatureSchema.parse(unseal(sealedSignature, id))
  }

  function ask(tokenHash: string): Promise<KnownConnection | null> {
    const at = performance.now()
    const earlier = asked.get(tokenHash)
    if (earlier && at - earlier.at < JOINED_MS) return earlier.answer
    // Else forgotten meanwhile, or asked anew: what was read may be from before a change.
    const isNewest = () => asked.get(tokenHash)?.answer === answer
    const answer = lookUp(tokenHash)
      .then((connection) => {
        if (isNewest()) remember(tokenHash, connection, at)
        return connection
      })
      .finally(() => {
        if (isNewest()) asked.delete(tokenHash)
      })
    asked.set(tokenHash, { at, answer })
    return answer
  }

  /** `askedAt`: what it says is true of then, however long the answer took. */
  function remember(tokenHash: string, connection: KnownConnection | null, askedAt: number): void {
    if (connection) {
      known.set(tokenHash, connection, { start: askedAt })
    } else {
      known.delete(tokenHash)
      unknown.set(tokenHash, true, { start: askedAt })
    }
  }

  return {
    find(channel, token) {
      if (!channels.includes(channel as Channel) || token.length < 20 || token.length > 200) {
        return null
      }
      const tokenHash = hashToken(token)
      const ofChannel = (found: KnownConnection | null) =>
        found?.channel === channel ? found : null
      const connection = known.get(tokenHash)
      if (!connection) return unknown.has(tokenHash) ? null : ask(tokenHash).then(ofChannel)
      // Should it fail, whoever comes after the entry has run out is told.
      if (known.getRemainingTTL(tokenHash) < RENEWED_MS) ask(tokenHash).catch(() => {})
      return ofChannel(connection)
    },
    forget() {
      asked = new Map()
      known.clear()
      unknown.clear()
    },
  }
}
