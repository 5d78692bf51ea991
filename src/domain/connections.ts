/** Connections as people manage them: made, listed, rotated, deleted. Tokens are kept hashed. */
import type { Channel, ProviderName } from './channels/inbound-event.ts'
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from './page.ts'
import { type Sql, toDate, toDateOrNull } from './sql.ts'
import { makeToken } from './tokens.ts'

/** How long the token before a rotation still works: a day to change it at the provider. */
const ROTATION_HOURS = 24

export interface NewConnection {
  /** Made by the caller, because the sealed signature is bound to it. */
  id: string
  workspaceId: string
  channel: Channel
  provider: ProviderName
  name: string
  sealedSignature: string | null
  /** Absent: nothing is fetched from the provider. */
  sealedApiKey?: string | null
  apiBaseUrl?: string | null
}

export interface MadeConnection {
  id: string
  channel: Channel
  provider: ProviderName
  name: string
  createdAt: Date
  /** For the one answer that shows it. */
  token: string
}

export interface Connection {
  id: string
  channel: Channel
  provider: ProviderName
  name: string
  /** A signature is configured, so deliveries without a right one are refused. */
  signed: boolean
  /** An API key is kept, so missing messages of our side are fetched from the provider. */
  apiConfigured: boolean
  apiBaseUrl: string | null
  enabled: boolean
  createdAt: Date
  /** Until then the token before the last rotation works too; null: only one token does. */
  previousTokenExpiresAt: Date | null
}

export async function createConnection(tx: Sql, what: NewConnection): Promise<MadeConnection> {
  const { token, hash } = makeToken()
  const { id, workspaceId, channel, provider, name } = what
  const [row] = await tx.query<{ createdAt: unknown }>(
    `insert into connection (id, workspace_id, channel, provider, name, token_hash,
       sealed_signature, sealed_api_key, api_base_url)
     values ($1::uuid, $2::uuid, $3, $4, $5, $6, $7, $8, $9)
     returning created_at as "createdAt"`,
    [
      id,
      workspaceId,
      channel,
      provider,
      name,
      hash,
      what.sealedSignature,
      what.sealedApiKey ?? null,
      what.apiBaseUrl ?? null,
    ],
  )
  return { id, channel, provider, name, createdAt: toDate(row?.createdAt), token }
}

export async function listConnections(
  sql: Sql,
  workspaceId: string,
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<Connection, TimeKey>> {
  const rows = await sql.query<Connection & { at: string }>(
    `select id, channel, provider, name, enabled, created_at as "createdAt",
       sealed_signature is not null as signed, sealed_api_key is not null as "apiConfigured",
       api_base_url as "apiBaseUrl",
       case when previous_token_expires_at > now() then previous_token_expires_at end
         as "previousTokenExpiresAt",
       ${exactTime('created_at')} as at
     from connection
     where workspace_id = $1::uuid
       and ($2::timestamptz is null or (created_at, id) > ($2::timestamptz, $3::uuid))
     order by created_at, id
     limit $4::int`,
    [workspaceId, after?.at ?? null, after?.id ?? null, limit + 1],
  )
  const page = pageOf(rows, limit, ({ at, id }) => ({ at, id }))
  return {
    ...page,
    rows: page.rows.map(({ at: _, ...row }) => withDates(row)),
  }
}

/** Absent fields stay as they are; null takes the key or the address away. */
export interface ConnectionChange {
  name?: string
  sealedApiKey?: string | null
  apiBaseUrl?: string | null
}

/** Null: unknown connection. */
export async function changeConnection(
  tx: Sql,
  what: { workspaceId: string; connectionId: string },
  change: ConnectionChange,
): Promise<Connection | null> {
  const [row] = await tx.query<Connection>(
    `update connection set name = coalesce($3, name),
       sealed_api_key = case when $4::boolean then $5 else sealed_api_key end,
       api_base_url = case when $6::boolean then $7 else api_base_url end
     where id = $1::uuid and workspace_id = $2::uuid
     returning id, channel, provider, name, enabled, created_at as "createdAt",
       sealed_signature is not null as signed, sealed_api_key is not null as "apiConfigured",
       api_base_url as "apiBaseUrl",
       case when previous_token_expires_at > now() then previous_token_expires_at end
         as "previousTokenExpiresAt"`,
    [
      what.connectionId,
      what.workspaceId,
      change.name ?? null,
      change.sealedApiKey !== undefined,
      change.sealedApiKey ?? null,
      change.apiBaseUrl !== undefined,
      change.apiBaseUrl ?? null,
    ],
  )
  return row ? withDates(row) : null
}

export interface ConnectionRef {
  workspaceId: string
  connectionId: string
}

/** Null: unknown connection. */
export async function connectionOf(
  sql: Sql,
  { workspaceId, connectionId }: ConnectionRef,
): Promise<Pick<Connection, 'channel' | 'provider'> | null> {
  const [row] = await sql.query<Pick<Connection, 'channel' | 'provider'>>(
    'select channel, provider from connection where id = $1::uuid and workspace_id = $2::uuid',
    [connectionId, workspaceId],
  )
  return row ?? null
}

/** The provider of a connection, for checking what it takes; null: unknown connection. */
export async function providerOfConnection(
  sql: Sql,
  what: { workspaceId: string; connectionId: string },
): Promise<Pick<Connection, 'provider' | 'apiBaseUrl' | 'apiConfigured'> | null> {
  const [row] = await sql.query<Pick<Connection, 'provider' | 'apiBaseUrl' | 'apiConfigured'>>(
    `select provider, api_base_url as "apiBaseUrl", sealed_api_key is not null as "apiConfigured"
     from connection where id = $1::uuid and workspace_id = $2::uuid`,
    [what.connectionId, what.workspaceId],
  )
  return row ?? null
}

function withDates<Row extends Connection>(row: Row): Row {
  return {
    ...row,
    createdAt: toDate(row.createdAt),
    previousTokenExpiresAt: toDateOrNull(row.previousTokenExpiresAt),
  }
}

export interface Rotation {
  channel: Channel
  token: string
  previousTokenExpiresAt: Date
  /** Hashes whose meaning changed: for whoever caches connections by token. */
  staleHashes: string[]
}

/** A new token beside the current one; the one before that ends now. Null: unknown connection. */
export async function rotateConnection(
  tx: Sql,
  what: { workspaceId: string; connectionId: string },
): Promise<Rotation | null> {
  const ids = [what.connectionId, what.workspaceId]
  const [before] = await tx.query<{ current: string; previous: string | null }>(
    `select token_hash as current, previous_token_hash as previous
     from connection where id = $1::uuid and workspace_id = $2::uuid for update`,
    ids,
  )
  if (!before) return null
  const { token, hash } = makeToken()
  const [row] = await tx.query<{ channel: Channel; expiresAt: unknown }>(
    `update connection
     set token_hash = $3, previous_token_hash = token_hash,
       previous_token_expires_at = now() + $4::int * interval '1 hour'
     where id = $1::uuid and workspace_id = $2::uuid
     returning channel, previous_token_expires_at as "expiresAt"`,
    [...ids, hash, ROTATION_HOURS],
  )
  if (!row) return null
  return {
    channel: row.channel,
    token,
    previousTokenExpiresAt: toDate(row.expiresAt),
    staleHashes: [before.current, before.previous].filter((stale) => stale !== null),
  }
}

/** Answers the hashes of its tokens, which end with it; null: unknown connection. */
export async function deleteConnection(
  tx: Sql,
  what: { workspaceId: string; connectionId: string },
): Promise<string[] | null> {
  const [row] = await tx.query<{ current: string; previous: string | null }>(
    `delete from connection where id = $1::uuid and workspace_id = $2::uuid
     returning token_hash as current, previous_token_hash as previous`,
    [what.connectionId, what.workspaceId],
  )
  return row ? [row.current, row.previous].filter((hash) => hash !== null) : null
}
