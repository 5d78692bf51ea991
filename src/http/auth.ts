/**
 * Who is asking: bearer tokens to principals, and the guard in front of every API route. It runs
 * before the body is read, so a stranger learns nothing about what a route takes.
 */
import { timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { allows, type Principal } from '../domain/access.ts'
import type { Role } from '../domain/entities/access.ts'
import type { Sql } from '../domain/sql.ts'
import { hashToken } from '../domain/tokens.ts'
import type { FailedAttempts } from './limits.ts'
import { fieldProblem, Problem } from './problem.ts'

/** How long another process still accepts a token that was revoked here. */
const CACHE_TTL_MS = 4000
const CACHE_ENTRIES_MAX = 5000
const TOKEN_CHARACTERS_MAX = 512
/** No row has it: before the first workspace exists, the instance admin sees nothing. */
const NO_WORKSPACE = '00000000-0000-0000-0000-000000000000'
const INSTANCE_ADMIN = 'instance-admin'

export interface AuthenticatorOptions {
  store: Sql
  /** SHA-256 of ADMIN_TOKEN, hexadecimal. */
  adminTokenHash: string
  /** SHA-256 of CRON_SECRET, hexadecimal; null: not set. */
  cronSecretHash?: string | null
  /** SHA-256 of METRICS_TOKEN, hexadecimal; null: not set. */
  metricsTokenHash?: string | null
  /** Milliseconds, for the age of cache entries. */
  now?: () => number
}

export interface Authenticator {
  /** Null: no token, or not one of ours. Throws Problem for a workspace that it may not name. */
  authenticate(
    authorization: string | undefined,
    workspaceId: string | undefined,
  ): Promise<Principal | null>
  /** True for the bearer of CRON_SECRET, which opens the job drain and nothing else. */
  isCron(authorization: string | undefined): boolean
  /** Whether it is the bearer of METRICS_TOKEN; `unset`: there is none. */
  readsMetrics(authorization: string | undefined): 'yes' | 'no' | 'unset'
  /** A revoked token is refused from now on. */
  invalidate(tokenHash: string): void
}

interface TokenRow {
  id: string
  workspaceId: string
  role: Role
}

export function authenticator(options: AuthenticatorOptions): Authenticator {
  const { store, adminTokenHash, cronSecretHash = null, metricsTokenHash = null, now } = options
  const tokens = new LRUCache<string, TokenRow>({
    max: CACHE_ENTRIES_MAX,
    ttl: CACHE_TTL_MS,
    ttlResolution: 0,
    ...(now && { perf: { now } }),
  })
  let revocations = 0

  async function tokenOf(hash: string): Promise<TokenRow | null> {
    const cached = tokens.get(hash)
    if (cached) return cached
    const before = revocations
    const [row] = await store.query<TokenRow>(tokenSql, [hash])
    // A look-up that a revocation overtook must not bring the token back.
    if (row && before === revocations) tokens.set(hash, row)
    return row ?? null
  }

  return {
    async authenticate(authorization, workspaceId) {
      const hash = bearerHash(authorization)
      if (!hash) return null
      if (sameHash(hash, adminTokenHash)) return instanceAdmin(store, workspaceId)
      const row = await tokenOf(hash)
      if (!row) return null
      if (workspaceId !== undefined && workspaceId.toLowerCase() !== row.workspaceId) {
        throw new Problem('forbidden', { detail: 'The token belongs to another workspace' })
      }
      const { id, role } = row
      return {
        workspaceId: row.workspaceId,
        role,
        actor: actorOf(id),
        instanceAdmin: false,
      }
    },
    isCron(authorization) {
      const hash = bearerHash(authorization)
      return hash !== null && cronSecretHash !== null && sameHash(hash, cronSecretHash)
    },
    readsMetrics(authorization) {
      if (metricsTokenHash === null) return 'unset'
      const hash = bearerHash(authorization)
      return hash !== null && sameHash(hash, metricsTokenHash) ? 'yes' : 'no'
    },
    invalidate(tokenHash) {
      revocations += 1
      tokens.delete(tokenHash)
    },
  }
}

const TOKEN_PREFIX = 'token:'

/** The actor name of an API token, as in audit events and feed sockets. */
export function actorOf(tokenId: string): string {
  return `${TOKEN_PREFIX}${tokenId}`
}

/** Null: not an API token. */
export function tokenIdOf(actor: string): string | null {
  return actor.startsWith(TOKEN_PREFIX) ? actor.slice(TOKEN_PREFIX.length) : null
}

const tokenSql = `
  select id, workspace_id as "workspaceId", role from api_token where token_hash = $1
`

async function instanceAdmin(store: Sql, named: string | undefined): Promise<Principal> {
  return {
    workspaceId: await workspaceFor(store, named),
    role: 'admin',
    actor: INSTANCE_ADMIN,
    instanceAdmin: true,
  }
}

async function workspaceFor(store: Sql, named: string | undefined): Promise<string> {
  if (named === undefined) {
    const [first] = await store.query<{ id: string }>(
      'select id from workspace order by created_at, id limit 1',
    )
    return first?.id ?? NO_WORKSPACE
  }
  if (!z.guid().safeParse(named).success) {
    throw fieldProblem('X-Workspace-Id', 'takes the id of a workspace')
  }
  const [row] = await store.query<{ id: string }>('select id from workspace where id = $1::uuid', [
    named,
  ])
  if (!row) throw new Problem('not-found', { detail: 'X-Workspace-Id names no workspace' })
  return row.id
}

function bearerHash(authorization: string | undefined): string | null {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  return token && token.length <= TOKEN_CHARACTERS_MAX ? hashToken(token) : null
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

export interface Guard {
  /** An `onRequest` hook: 401 without a principal, 403 for one whose role does not suffice. */
  requireRole(role: Role): Hook
  /** An `onRequest` hook for what only the instance admin may do. */
  requireInstanceAdmin(): Hook
  /** The same, and for the bearer of CRON_SECRET, who is no principal. */
  requireInstanceAdminOrCron(): Hook
  /** Who was let through by one of the hooks. */
  principalOf(request: object): Principal
  /** Null: the bearer of CRON_SECRET. */
  personOf(request: object): Principal | null
}

export function openGuard(
  auth: Pick<Authenticator, 'authenticate' | 'isCron'>,
  attempts: FailedAttempts,
): Guard {
  const principals = new WeakMap<object, Principal>()

  const enter = async (request: FastifyRequest, reply: FastifyReply): Promise<Principal> => {
    // Answers carry personal data and, once, secrets.
    reply.header('cache-control', 'no-store')
    const { authorization, 'x-workspace-id': workspaceId } = request.headers
    if (Array.isArray(workspaceId)) throw fieldProblem('X-Workspace-Id', 'takes one id')
    const principal = await auth.authenticate(authorization, workspaceId)
    if (!principal) {
      const challenge = authorization ? 'Bearer error="invalid_token"' : 'Bearer'
      const refusal = new Problem('unauthorized', { headers: { 'www-authenticate': challenge } })
      // Without a credential nothing was tried.
      throw authorization ? await attempts.refuse(request, refusal) : refusal
    }
    principals.set(request, principal)
    return principal
  }

  const requireInstanceAdmin: Hook = async (request, reply) => {
    const principal = await enter(request, reply)
    if (!principal.instanceAdmin) {
      throw new Problem('forbidden', { detail: 'Takes the admin token of this instance' })
    }
  }

  return {
    requireRole: (role) => async (request, reply) => {
      const principal = await enter(request, reply)
      if (!allows(principal.role, role)) {
        throw new Problem('forbidden', { detail: `Takes a token with the role ${role}` })
      }
    },
    requireInstanceAdmin: () => requireInstanceAdmin,
    requireInstanceAdminOrCron: () => async (request, reply) => {
      if (auth.isCron(request.headers.authorization)) reply.header('cache-control', 'no-store')
      else await requireInstanceAdmin(request, reply)
    },
    principalOf(request) {
      const principal = principals.get(request)
      if (!principal) throw new Error('principalOf on a route without guard')
      return principal
    },
    personOf: (request) => principals.get(request) ?? null,
  }
}
