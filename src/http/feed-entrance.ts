/**
 * Who may open the feed: by bearer header or single-use ticket, from our own pages and allowed ones,
 * while there is room. Decided before anything is opened, so a stranger never gets a stream.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Principal } from '../domain/access.ts'
import { feedPosition } from '../domain/feed-log.ts'
import type { FeedPosition } from '../domain/feed-protocol.ts'
import { redeemTicket } from '../domain/feed-tickets.ts'
import type { Store } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import type { FeedSessions } from './feed-sessions.ts'
import type { FailedAttempts } from './limits.ts'
import { Problem } from './problem.ts'

/** Who was let in, and where the feed stood then. */
export interface Admission {
  who: Pick<Principal, 'workspaceId' | 'actor'>
  hello: FeedPosition
}

export interface FeedEntrance {
  /** Throws Problem. A ticket is used up by the attempt; without one the bearer header counts. */
  admit(request: FastifyRequest, reply: FastifyReply, ticket: string | null): Promise<Admission>
}

export interface EntranceOptions {
  store: Store
  guard: Guard
  attempts: FailedAttempts
  sessions: Pick<FeedSessions, 'checkRoom'>
  /** Origins of pages, besides our own, that may open the feed. */
  allowedOrigins: string[]
  publicUrl(): string
  now(): Date
}

export function feedEntrance(options: EntranceOptions): FeedEntrance {
  const { store, guard, attempts, sessions, now } = options
  const checkBearer = guard.requireRole('viewer')
  return {
    async admit(request, reply, ticket) {
      checkOrigin(request, options)
      let who: Admission['who']
      if (ticket === null) {
        await checkBearer(request, reply)
        who = guard.principalOf(request)
      } else {
        const holder = await redeemTicket(store, ticket, now())
        if (!holder) {
          const detail = 'The ticket is used, expired or unknown'
          throw await attempts.refuse(request, new Problem('unauthorized', { detail }))
        }
        who = holder
      }
      sessions.checkRoom(who.actor)
      const hello = await feedPosition(store, who.workspaceId)
      if (!hello) throw new Problem('forbidden', { detail: 'There is no workspace yet' })
      return { who, hello }
    },
  }
}

/** Scripts send no Origin; a browser always does, and for a foreign page it is refused. */
function checkOrigin(
  request: FastifyRequest,
  { allowedOrigins, publicUrl }: Pick<EntranceOptions, 'allowedOrigins' | 'publicUrl'>,
): void {
  const { origin, host } = request.headers
  if (origin === undefined) return
  const own = [`http://${host}`, `https://${host}`, new URL(publicUrl()).origin]
  if (own.includes(origin) || allowedOrigins.includes(origin)) return
  throw new Problem('forbidden', { detail: 'The Origin is not in ALLOWED_ORIGINS' })
}
