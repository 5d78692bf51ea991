/**
 * The feed over HTTP: tickets, the WebSocket, and the plain poll for scripts. All three tell the same
 * events by the same numbers; none takes a workspace from the client, it comes with the token.
 */
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { FeedHub } from '../actors/feed.ts'
import type { Principal } from '../domain/access.ts'
import { channels } from '../domain/channels/inbound-event.ts'
import { type FeedPage, feedPosition, readFeed } from '../domain/feed-log.ts'
import {
  closeCodes,
  FEED_PROTOCOL,
  type FeedFilter,
  filterQueryFields,
  matches,
  resetReason,
} from '../domain/feed-protocol.ts'
import { issueTicket, redeemTicket } from '../domain/feed-tickets.ts'
import { sentimentTags } from '../domain/sentiment-tag.ts'
import type { Store } from '../domain/sql.ts'
import type { Log } from '../log.ts'
import { type Authenticator, type Guard, openGuard } from './auth.ts'
import {
  type Admission,
  type FeedSession,
  openSession,
  type SocketLimits,
  socketLimits,
} from './feed-socket.ts'
import { time } from './fields.ts'
import { pageFields } from './pagination.ts'
import { Problem, problemResponses } from './problem.ts'

export interface FeedDeps {
  store: Store
  hub: FeedHub
  authenticate: Authenticator['authenticate']
  /** Origins of pages, besides our own, that may open the feed. */
  allowedOrigins: string[]
  publicUrl(): string
  log: Log
  now(): Date
  limits?: Partial<SocketLimits & { socketsMax: number }>
}

const TICKET_PREFIX = 'ticket.'
/** Sockets of one process; some 25 KB each before anything is sent. */
const SOCKETS_MAX = 10_000
/** Clients of a server that goes away come back spread over this time. */
const RECONNECT_JITTER_MS = 3000
/** For the close handshake, before a socket is cut. */
const CLOSE_GRACE_MS = 500
const tags = ['Feed']

const score = z.int().min(1).max(4).nullable()
const eventSchema = z
  .strictObject({
    seq: z.int(),
    leadId: z.string(),
    leadName: z.string(),
    channel: z.enum(channels).nullable(),
    fitScore: score,
    intentScore: score,
    overallScore: score.meta({ description: 'null: the lead went back to unscored' }),
    previousOverallScore: score,
    scoreReasoning: z.string().nullable(),
    sentimentTag: z.enum(sentimentTags),
    scoredAt: z.string().meta({ format: 'date-time' }),
    model: z.string(),
    provisional: z
      .boolean()
      .meta({ description: 'Made by the rules while the AI budget was used up' }),
    messageSeq: z.int().meta({ description: 'How far into the conversation the score looks' }),
  })
  .meta({ id: 'ScoreEvent' })

const answerSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('scores'),
      epoch: z.string(),
      from: z.int(),
      to: z.int().meta({ description: '`sinceSeq` of the next request' }),
      more: z.boolean().meta({ description: 'There are later events already' }),
      events: z.array(eventSchema),
    }),
    z.strictObject({
      type: z.literal('reset'),
      reason: z.enum(['epoch', 'ahead', 'retention']),
      epoch: z.string(),
      seq: z.int().meta({ description: 'Read the leads anew, then go on from here' }),
    }),
  ])
  .meta({ id: 'FeedAnswer' })

const sinceTakes = 'takes a whole number, 0 or more'
const pollQuery = z.strictObject({
  sinceSeq: z.coerce
    .number(sinceTakes)
    .pipe(z.int(sinceTakes).min(0, sinceTakes))
    .optional()
    .meta({ description: 'Events after this number; absent: from the oldest that is kept' }),
  epoch: z
    .guid('takes the epoch of an earlier answer')
    .toLowerCase()
    .optional()
    .meta({ description: 'Epoch that `sinceSeq` belongs to' }),
  limit: pageFields.limit,
  ...filterQueryFields,
})

export const feedRoutes: FastifyPluginAsyncZod<{ deps: FeedDeps }> = async (app, { deps }) => {
  const { authenticate, store } = deps
  const guard = openGuard({ authenticate })

  app.route({
    method: 'POST',
    url: '/api/v1/feed/tickets',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'Make a ticket for one feed socket: single use, 30 seconds',
      response: {
        201: z.strictObject({ ticket: z.string(), expiresAt: time }).meta({ id: 'FeedTicket' }),
        ...problemResponses('unauthorized', 'forbidden'),
      },
    },
    handler: async (request, reply) => {
      const ticket = await issueTicket(store, guard.principalOf(request), deps.now())
      return reply.code(201).send(ticket)
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/feed',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'Read scores after a position: one batch, or `reset` when that is not possible',
      querystring: pollQuery,
      response: {
        200: answerSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const { sinceSeq, limit } = request.query
      const page = await readFeed(store, { workspaceId, afterSeq: sinceSeq ?? 0, limit })
      if (!page) throw new Problem('not-found', { detail: 'There is no workspace yet' })
      return pollAnswer(page, request.query)
    },
  })
  addSocketRoute(app, deps, guard)
}

type PollQuery = FeedFilter & { sinceSeq?: number | undefined; epoch?: string | undefined }

function pollAnswer(page: FeedPage, query: PollQuery): z.output<typeof answerSchema> {
  const { epoch, head, to } = page
  const { sinceSeq } = query
  if (sinceSeq !== undefined) {
    const reason = resetReason({ epoch: query.epoch ?? epoch, seq: sinceSeq }, page)
    if (reason) return { type: 'reset', reason, epoch, seq: head }
  }
  return {
    type: 'scores',
    epoch,
    from: sinceSeq === undefined ? page.oldest : page.from,
    to,
    more: to < head,
    events: page.events.filter((event) => matches(event, query)),
  }
}

function addSocketRoute(app: FastifyInstance, deps: FeedDeps, guard: Guard): void {
  const { limits: { socketsMax = SOCKETS_MAX, ...limits } = {}, hub } = deps
  const sessions = new Set<FeedSession>()
  const admissions = new WeakMap<FastifyRequest, Admission>()
  const pings = setInterval(() => {
    for (const session of sessions) session.ping()
  }, hub.heartbeatMs)
  pings.unref()

  const route: RouteOptions = {
    method: 'GET',
    url: '/api/v1/feed/ws',
    schema: {
      tags,
      summary: `Open the live feed (WebSocket, sub-protocol ${FEED_PROTOCOL})`,
      response: problemResponses('bad-request', 'unauthorized', 'forbidden', 'unavailable'),
    },
    // Before the upgrade: a stranger gets a problem with a status, never a socket.
    async preValidation(request, reply) {
      if (!request.ws) return
      if (sessions.size >= socketsMax) {
        throw new Problem('unavailable', { headers: { 'retry-after': '5' } })
      }
      checkOrigin(request, deps)
      const who = await admit(request, deps, () => guard.requireRole('viewer')(request, reply))
      const principal = who ?? guard.principalOf(request)
      const hello = await feedPosition(deps.store, principal.workspaceId)
      if (!hello) throw new Problem('forbidden', { detail: 'There is no workspace yet' })
      admissions.set(request, { who: principal, hello })
    },
    wsHandler(socket, request) {
      const admission = admissions.get(request) as Admission
      const session = openSession(socket, admission, hub, { ...socketLimits, ...limits })
      sessions.add(session)
      void session.closed.then(() => sessions.delete(session))
    },
    handler() {
      throw new Problem('bad-request', {
        detail: `Takes a WebSocket upgrade with the sub-protocol ${FEED_PROTOCOL}`,
      })
    },
  }
  app.route(route)
  app.addHook('preClose', async () => {
    clearInterval(pings)
    await closeSessions(sessions)
  })
}

/** Null: by bearer token, whose check is `checkBearer`. A ticket is used up by the attempt. */
async function admit(
  request: FastifyRequest,
  { store, now }: FeedDeps,
  checkBearer: () => Promise<void>,
): Promise<Pick<Principal, 'workspaceId' | 'actor'> | null> {
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (offered.length > 0 && !offered.includes(FEED_PROTOCOL)) {
    throw new Problem('bad-request', { detail: `Takes the sub-protocol ${FEED_PROTOCOL}` })
  }
  const ticket = offered.find((name) => name.startsWith(TICKET_PREFIX))
  if (!ticket) {
    await checkBearer()
    return null
  }
  const who = await redeemTicket(store, ticket.slice(TICKET_PREFIX.length), now())
  if (!who) throw new Problem('unauthorized', { detail: 'The ticket is used, expired or unknown' })
  return who
}

/** Scripts send no Origin; a browser always does, and for a foreign page it is refused. */
function checkOrigin(request: FastifyRequest, { allowedOrigins, publicUrl }: FeedDeps): void {
  const { origin, host } = request.headers
  if (origin === undefined) return
  const own = [`http://${host}`, `https://${host}`, new URL(publicUrl()).origin]
  if (own.includes(origin) || allowedOrigins.includes(origin)) return
  throw new Problem('forbidden', { detail: 'The Origin is not in ALLOWED_ORIGINS' })
}

async function closeSessions(sessions: Set<FeedSession>): Promise<void> {
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
