/**
 * The open connections of the feed, whatever their transport: how many there may be, in all and for
 * one token, who still answers, whose token is revoked, and how all of them are sent away when the
 * server ends.
 */
import { livingTokens } from '../domain/feed-log.ts'
import { closeCodes } from '../domain/feed-protocol.ts'
import type { Sql } from '../domain/sql.ts'
import { actorOf, tokenIdOf } from './auth.ts'
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
  /** Kept until it is closed; closed at once when others took the room since it was checked. */
  add(session: FeedSession): void
  /** Ends what a revoked token opened. */
  closeOf(actor: string): void
  /** Sends everybody away, with a time to come back; resolves when all are gone. */
  closeAll(): Promise<void>
}

export interface SessionLimits {
  /** Of one process; some 25 KB each before anything is sent. */
  socketsMax: number
  /** Of one token: a page in every tab, not a fleet behind one token. */
  socketsPerTokenMax: number
}

export const sessionLimits: SessionLimits = { socketsMax: 10_000, socketsPerTokenMax: 20 }

export interface SessionOptions {
  store: Sql
  onError(error: unknown): void
  pingMs: number
  recheckMs?: number
  limits?: Partial<SessionLimits>
}

/** The instance admin is a person and their scripts; load tests and proxies use it, too. */
const UNLIMITED_ACTOR = 'instance-admin'
/**
 * How long the connections of a token live that another process revoked: with the query, below a
 * second. One look by primary key per process, and only while tokens have connections.
 */
const RECHECK_MS = 750
const TOKEN_REVOKED = 'the token was revoked'
/** Clients of a server that goes away come back spread over this time. */
const RECONNECT_JITTER_MS = 3000
/** For the close handshake, before a connection is cut. */
const CLOSE_GRACE_MS = 500

export function feedSessions(options: SessionOptions): FeedSessions {
  const { store, onError, pingMs, recheckMs = RECHECK_MS } = options
  const limits = { ...sessionLimits, ...options.limits }
  const byActor = new Map<string, Set<FeedSession>>()
  let count = 0
  const timers = [
    everyMs(pingMs, () => {
      for (const session of all(byActor)) session.ping()
    }),
    everyMs(recheckMs, recheck),
  ]

  /** A token may be revoked in another process, where nobody knows of its connections here. */
  async function recheck(): Promise<void> {
    const asked = [...byActor.keys()].map(tokenIdOf).filter((id) => id !== null)
    if (asked.length === 0) return
    try {
      const living = await livingTokens(store, asked)
      for (const id of asked) if (!living.has(id)) closeOf(actorOf(id))
    } catch (error) {
      onError(error)
    }
  }

  function closeOf(actor: string): void {
    for (const session of byActor.get(actor) ?? []) {
      session.close(closeCodes.unauthorized, TOKEN_REVOKED)
    }
  }

  function problemFor(actor: string): Problem | null {
    if (count >= limits.socketsMax) {
      return new Problem('unavailable', { headers: { 'retry-after': '5' } })
    }
    const { socketsPerTokenMax: max } = limits
    if (actor === UNLIMITED_ACTOR || (byActor.get(actor)?.size ?? 0) < max) return null
    const detail = `One token takes at most ${max} feed connections`
    return new Problem('too-many-requests', { detail, headers: { 'retry-after': '30' } })
  }

  function remove(session: FeedSession): void {
    const own = byActor.get(session.actor)
    if (!own?.delete(session)) return
    count -= 1
    if (own.size === 0) byActor.delete(session.actor)
  }

  return {
    checkRoom(actor) {
      const problem = problemFor(actor)
      if (problem) throw problem
    },
    add(session) {
      const problem = problemFor(session.actor)
      if (problem) {
        session.close(closeCodes.overload, problem.message)
        return
      }
      const own = byActor.get(session.actor) ?? new Set()
      byActor.set(session.actor, own.add(session))
      count += 1
      void session.closed.then(() => remove(session))
    },
    closeOf,
    async closeAll() {
      for (const stop of timers) stop()
      await sendAway([...all(byActor)])
    },
  }
}

function* all(byActor: Map<string, Set<FeedSession>>): Iterable<FeedSession> {
  for (const sessions of byActor.values()) yield* sessions
}

/** Not again before the last one is over. Answers how to stop. */
function everyMs(ms: number, work: () => Promise<void> | void): () => void {
  let timer: NodeJS.Timeout
  let stopped = false
  const next = () => {
    if (stopped) return
    timer = setTimeout(async () => {
      await work()
      next()
    }, ms)
    timer.unref()
  }
  next()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

async function sendAway(sessions: FeedSession[]): Promise<void> {
  if (sessions.length === 0) return
  for (const session of sessions) {
    const retryMs = Math.ceil(Math.random() * RECONNECT_JITTER_MS)
    session.close(closeCodes.restart, JSON.stringify({ retryMs }))
  }
  const { promise: graceOver, resolve } = Promise.withResolvers<void>()
  const limit = setTimeout(resolve, CLOSE_GRACE_MS)
  await Promise.race([graceOver, Promise.all(sessions.map(({ closed }) => closed))])
  clearTimeout(limit)
  for (const session of sessions) session.terminate()
}
