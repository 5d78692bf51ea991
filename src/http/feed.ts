/**
 * The feed over HTTP: tickets, the WebSocket, server-sent events (`feed-sse.ts`), and the plain poll
 * for scripts. All tell the same events by the same numbers; none takes a workspace from the client,
 * it comes with the token.
 */
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { FeedHub } from '../actors/feed.ts'
import { channels } from '../domain/channels/inbound-event.ts'
import { type FeedPage, readFeed } from '../domain/feed-log.ts'
import {
  FEED_PROTOCOL,
  type FeedFilter,
  filterQueryFields,
  matches,
  resetReason,
} from '../domain/feed-protocol.ts'
import { issueTicket } from '../domain/feed-tickets.ts'
import { sentimentTags } from '../domain/sentiment-tag.ts'
import type { Store } from '../domain/sql.ts'
import type { Log } from '../log.ts'
import type { Guard } from './auth.ts'
import { type Admission, type FeedEntrance, feedEntrance } from './feed-entrance.ts'
import type { FeedSessions } from './feed-sessions.ts'
import { frameBytes, openSession, type SocketLimits, socketLimits } from './feed-socket.ts'
import { addSseRoute } from './feed-sse.ts'
import { time } from './fields.ts'
import type { FailedAttempts } from './limits.ts'
import { pageFields } from './pagination.ts'
import { Problem, problemResponses } from './problem.ts'

export interface FeedDeps {
  store: Store
  hub: FeedHub
  sessions: FeedSessions
  guard: Guard
  attempts: FailedAttempts
  /** Origins of pages, besides our own, that may open the feed. */
  allowedOrigins: string[]
  publicUrl(): string
  log: Log
  now(): Date
  limits?: Partial<SocketLimits>
}

const TICKET_PREFIX = 'ticket.'
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
  const { store, guard } = deps

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
  const { hub, sessions } = deps
  const limits = { ...socketLimits, ...deps.limits }
  app.addHook('preClose', () => sessions.closeAll())
  const entrance = feedEntrance(deps)
  addSocketRoute(app, { entrance, sessions, hub, limits })
  addSseRoute(app, { entrance, sessions, hub, bufferedBytesMax: limits.bufferedBytesMax })
}

interface SocketDeps {
  entrance: FeedEntrance
  sessions: FeedSessions
  hub: FeedHub
  limits: SocketLimits
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

function addSocketRoute(app: FastifyInstance, deps: SocketDeps): void {
  const { entrance, sessions, hub, limits } = deps
  const admissions = new WeakMap<FastifyRequest, Admission>()
  const sending = { limits, bytesOf: frameBytes() }
  const route: RouteOptions = {
    method: 'GET',
    url: '/api/v1/feed/ws',
    schema: {
      tags,
      summary: `Open the live feed (WebSocket, sub-protocol ${FEED_PROTOCOL})`,
      response: problemResponses(
        'bad-request',
        'unauthorized',
        'forbidden',
        'too-many-requests',
        'unavailable',
      ),
    },
    // Before the upgrade: a stranger gets a problem with a status, never a socket.
    async preValidation(request, reply) {
      if (!request.ws) return
      admissions.set(request, await entrance.admit(request, reply, ticketOf(request)))
    },
    wsHandler(socket, request) {
      sessions.add(openSession(socket, admissions.get(request) as Admission, hub, sending))
    },
    handler() {
      throw new Problem('bad-request', {
        detail: `Takes a WebSocket upgrade with the sub-protocol ${FEED_PROTOCOL}`,
      })
    },
  }
  app.route(route)
}

/** A browser cannot send a bearer header: it offers the ticket as one more sub-protocol. */
function ticketOf(request: FastifyRequest): string | null {
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (offered.length > 0 && !offered.includes(FEED_PROTOCOL)) {
    throw new Problem('bad-request', { detail: `Takes the sub-protocol ${FEED_PROTOCOL}` })
  }
  const ticket = offered.find((name) => name.startsWith(TICKET_PREFIX))
  return ticket?.slice(TICKET_PREFIX.length) ?? null
}
