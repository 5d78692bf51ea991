/** API tokens of a workspace: made, listed, revoked. */
import { v7 as uuidv7 } from 'uuid'
import type { Role } from './entities/access.ts'
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from './page.ts'
import { type Sql, toDate } from './sql.ts'
import { makeToken } from './tokens.ts'

export interface ApiToken {
  id: string
  name: string
  role: Role
  createdAt: Date
  /** Actor that made it. */
  createdBy: string
}

export interface NewApiToken {
  workspaceId: string
  name: string
  role: Role
  createdBy: string
}

/** `token` is for the one answer that shows it. */
export async function createApiToken(
  tx: Sql,
  { workspaceId, name, role, createdBy }: NewApiToken,
): Promise<ApiToken & { token: string }> {
  const id = uuidv7()
  const { token, hash } = makeToken()
  const [row] = await tx.query<{ createdAt: unknown }>(
    `insert into api_token (id, workspace_id, name, role, token_hash, created_by)
     values ($1::uuid, $2::uuid, $3, $4, $5, $6)
     returning created_at as "createdAt"`,
    [id, workspaceId, name, role, hash, createdBy],
  )
  return { id, name, role, createdAt: toDate(row?.createdAt), createdBy, token }
}

export async function listApiTokens(
  sql: Sql,
  workspaceId: string,
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<ApiToken, TimeKey>> {
  const rows = await sql.query<ApiToken & { at: string }>(
    `select id, name, role, created_at as "createdAt", created_by as "createdBy",
       ${exactTime('created_at')} as at
     from api_token
     where workspace_id = $1::uuid
       and ($2::timestamptz is null or (created_at, id) > ($2::timestamptz, $3::uuid))
     order by created_at, id
     limit $4::int`,
    [workspaceId, after?.at ?? null, after?.id ?? null, limit + 1],
  )
  const page = pageOf(rows, limit, ({ at, id }) => ({ at, id }))
  return {
    ...page,
    rows: page.rows.map(({ at: _, ...row }) => ({ ...row, createdAt: toDate(row.createdAt) })),
  }
}

/** Answers the hash of the token that ended; null: unknown token. `actor` is its name as principal. */
export async function revokeApiToken(
  tx: Sql,
  { workspaceId, tokenId, actor }: { workspaceId: string; tokenId: string; actor: string },
): Promise<string | null> {
  const [row] = await tx.query<{ hash: string }>(
    `delete from api_token where id = $1::uuid and workspace_id = $2::uuid
     returning token_hash as hash`,
    [tokenId, workspaceId],
  )
  if (!row) return null
  // A ticket made a moment ago must not outlive the token it was made with.
  await tx.query('delete from feed_ticket where workspace_id = $1::uuid and principal = $2', [
    workspaceId,
    actor,
  ])
  return row.hash
}
