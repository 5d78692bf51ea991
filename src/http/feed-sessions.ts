/**
 * The open connections of the feed, whatever their transport: how many there may be, in all and for
 * one token, who still answers, and how all of them are sent away when the server ends.
 */
import type { FastifyInstance } from 'fastify'
import { closeCodes } from '../domain/feed-protocol.ts'
import { Problem } from './problem.ts'

export interface FeedSession {
  /** Principal.actor of who opened it. */
  readonly actor: string
  readonly closed: Promise<void>
  /** Asks the peer for a sign of life; ends the connection when it owes one. */
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
}

export interface FeedSessions {
  /** Throws Problem while there is no room for one more of this actor. */
  checkRoom(actor: string): void
  /** Kept until it is closed. */
  add(session: FeedSession): void
}

export interface SessionLimits {
  /** Of one process; some 25 KB each before anything is sent. */
  socketsMax: number
  /** Of one token: a page in every tab, not a fleet behind one token. */
  socketsPerTokenMax: number
}

export const sessionLimits: SessionLimits = { socketsMax: 10_000, socketsPerTokenMax: 20 }

/** The instance admin is a person and their scripts; load tests and proxies use it, too. */
const UNLIMITED_ACTOR = 'instance-admin'
/** Clients of a server that goes away come back spread over this time. */
const RECONNECT_JITTER_MS = 3000
/** For the close handshake, before a connection is cut. */
const CLOSE_GRACE_MS = 500

export function feedSessions(
  app: FastifyInstance,
  { socketsMax, socketsPerTokenMax }: SessionLimits,
  pingMs: number,
): FeedSessions {
  const sessions = new Set<FeedSession>()
  const perActor = new Map<string, number>()
  const pings = setInterval(() => {
    for (const session of sessions) session.ping()
  }, pingMs)
  pings.unref()
  app.addHook('preClose', async () => {
    clearInterval(pings)
    await closeAll(sessions)
  })

  const count = (actor: string, change: 1 | -1) => {
    const next = (perActor.get(actor) ?? 0) + change
    if (next > 0) perActor.set(actor, next)
    else perActor.delete(actor)
  }
  return {
    checkRoom(actor) {
      if (sessions.size >= socketsMax) {
        throw new Problem('unavailable', { headers: { 'retry-after': '5' } })
      }
      if (actor !== UNLIMITED_ACTOR && (perActor.get(actor) ?? 0) >= socketsPerTokenMax) {
        const detail = `One token takes at most ${socketsPerTokenMax} feed connections`
        throw new Problem('too-many-requests', { detail, headers: { 'retry-after': '30' } })
      }
    },
    add(session) {
      sessions.add(session)
      count(session.actor, 1)
      void session.closed.then(() => {
        sessions.delete(session)
        count(session.actor, -1)
      })
    },
  }
}

async function closeAll(sessions: Set<FeedSession>): Promise<void> {
  if (sessions.size === 0) return
  for (const session of sessions) {
    const retryMs = Math.ceil(Math.random() * RECONNECT_JITTER_MS)
    session.close(closeCodes.restart, JSON.stringify({ retryMs }))
  }
  const { promise: graceOver, resolve } = Promise.withResolvers<void>()
  const limit = setTimeout(resolve, CLOSE_GRACE_MS)
  await Promise.race([graceOver, Promise.all([...sessions].map(({ closed }) => closed))])
  clearTimeout(limit)
  for (const session of sessions) session.terminate()
}
