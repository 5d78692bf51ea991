/** Feed tickets: what a browser, which cannot send a bearer header, opens its one socket with. */
import type { Principal } from './access.ts'
import type { Role } from './entities/access.ts'
import { type Sql, toDate } from './sql.ts'
import { hashToken, makeToken } from './tokens.ts'

const TICKET_LIFE_MS = 30_000

export interface FeedTicket {
  /** For the one answer that shows it. */
  ticket: string
  expiresAt: Date
}

export async function issueTicket(sql: Sql, who: Principal, now: Date): Promise<FeedTicket> {
  const { token: ticket, hash } = makeToken()
  const expiresAt = new Date(now.getTime() + TICKET_LIFE_MS)
  // Tickets that nobody used: swept here, so no timer is needed and the table stays small.
  await sql.query('delete from feed_ticket where expires_at <= $1::timestamptz', [now])
  await sql.query(
    `insert into feed_ticket (ticket_hash, workspace_id, role, principal, expires_at)
     values ($1, $2::uuid, $3, $4, $5::timestamptz)`,
    [hash, who.workspaceId, who.role, who.actor, expiresAt],
  )
  return { ticket, expiresAt }
}

/** Uses the ticket up, whichever process made it. Null: unknown, used or expired. */
export async function redeemTicket(
  sql: Sql,
  ticket: string,
  now: Date,
): Promise<Pick<Principal, 'workspaceId' | 'role' | 'actor'> | null> {
  const [row] = await sql.query<{
    workspaceId: string
    role: Role
    actor: string
    expiresAt: unknown
  }>(
    `delete from feed_ticket where ticket_hash = $1
     returning workspace_id as "workspaceId", role, principal as actor, expires_at as "expiresAt"`,
    [hashToken(ticket)],
  )
  if (!row || toDate(row.expiresAt).getTime() <= now.getTime()) return null
  const { workspaceId, role, actor } = row
  return { workspaceId, role, actor }
}
