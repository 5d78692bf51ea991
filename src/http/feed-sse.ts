/**
 * The feed as server-sent events, for networks that let no WebSocket through: the same frames by the
 * same numbers. A frame's event id is the position it leads to, so a browser's `Last-Event-ID`
 * resumes without gap or repeat. The end is an event, too: `close` with code and reason.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import type { FeedHub } from '../actors/feed.ts'
import {
  type FeedFilter,
  type FeedPosition,
  filterQueryFields,
  frames,
} from '../domain/feed-protocol.ts'
import type { Admission, FeedEntrance } from './feed-entrance.ts'
import type { FeedSession, FeedSessions } from './feed-sessions.ts'
import { fieldProblem, problemResponses } from './problem.ts'

export interface SseDeps {
  entrance: FeedEntrance
  sessions: FeedSessions
  hub: FeedHub
  bufferedBytesMax: number
}

/** A browser waits this long before it comes back by itself. */
const RETRY_MS = 2000
/** For the peer to take the last event, as long as a WebSocket has for its close. */
const CLOSE_TIMEOUT_MS = 1000
const EVENT_ID = /^([0-9a-f-]{36}):(\d{1,15})$/i
const idTakes = 'takes the id of an event of this feed, <epoch>:<seq>'

const querySchema = z.strictObject({
  ticket: z
    .string()
    .optional()
    .meta({ description: 'Of `POST /api/v1/feed/tickets`, where no header can be sent' }),
  lastEventId: z
    .string()
    .regex(EVENT_ID, idTakes)
    .optional()
    .meta({ description: 'Like the header `Last-Event-ID`, which wins' }),
  snapshot: z
    .enum(['true', 'false'], 'takes true or false')
    .optional()
    .meta({ description: 'All leads first, unless an event id is given' }),
  ...filterQueryFields,
})

export function addSseRoute(app: FastifyInstance, deps: SseDeps): void {
  const route: FastifyPluginAsyncZod = async (typed) => {
    typed.route({
      method: 'GET',
      url: '/api/v1/feed/sse',
      schema: {
        tags: ['Feed'],
        summary: 'Follow the live feed as server-sent events',
        querystring: querySchema,
        response: {
          200: z.string().meta({
            description: 'Events `hello`, `snapshot`, `scores`, `heartbeat`, `reset`, `close`',
          }),
          ...problemResponses(
            'validation',
            'unauthorized',
            'forbidden',
            'too-many-requests',
            'unavailable',
          ),
        },
      },
      handler: async (request, reply) => {
        const { ticket, lastEventId, snapshot, ...filter } = request.query
        const admission = await deps.entrance.admit(request, reply, ticket ?? null)
        const header = request.headers['last-event-id']
        const since = positionOf(Array.isArray(header) ? header[0] : (header ?? lastEventId))
        reply.hijack()
        const session = openStream(reply.raw, request, {
          ...deps,
          admission,
          filter,
          since,
          snapshot: snapshot === 'true',
        })
        deps.sessions.add(session)
      },
    })
  }
  void app.register(route)
}

function positionOf(id: string | undefined): FeedPosition | undefined {
  if (id === undefined || id === '') return undefined
  const [, epoch, seq] = EVENT_ID.exec(id) ?? []
  if (!epoch || !seq) throw fieldProblem('Last-Event-ID', idTakes)
  return { epoch: epoch.toLowerCase(), seq: Number(seq) }
}

interface StreamOptions extends SseDeps {
  admission: Admission
  filter: FeedFilter
  since: FeedPosition | undefined
  snapshot: boolean
}

function openStream(
  response: ServerResponse,
  request: FastifyRequest,
  { hub, admission, filter, since, snapshot, bufferedBytesMax }: StreamOptions,
): FeedSession {
  const { who, hello } = admission
  const id = uuidv7()
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
  let unheard: NodeJS.Timeout | undefined
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    // nginx would collect it otherwise.
    'x-accel-buffering': 'no',
    connection: 'keep-alive',
  })
  // Small frames at once, not when the kernel has collected enough of them.
  request.raw.socket.setNoDelay(true)

  function write(text: string, position?: FeedPosition): void {
    const event = /^\{"type":"(\w+)"/.exec(text)?.[1] ?? 'message'
    const idLine = position ? `id: ${position.epoch}:${position.seq}\n` : ''
    response.write(`${idLine}event: ${event}\ndata: ${text}\n\n`)
  }
  function close(code: number, reason: string): void {
    if (response.writableEnded) return
    response.end(`event: close\ndata: ${JSON.stringify({ type: 'close', code, reason })}\n\n`)
    // A peer that takes nothing would keep what is unsent in memory for minutes.
    unheard = setTimeout(() => response.destroy(), CLOSE_TIMEOUT_MS)
  }

  response.on('close', () => {
    clearTimeout(unheard)
    hub.unsubscribe(id)
    onClosed()
  })
  // The close follows by itself.
  response.on('error', () => response.destroy())
  response.write(`retry: ${RETRY_MS}\n\n`)
  write(frames.hello(hello, hub.heartbeatMs))
  const subscriber = {
    id,
    workspaceId: who.workspaceId,
    filter,
    send(text: string, position?: FeedPosition) {
      if (response.writableEnded) return 'ok' as const
      if (response.writableLength > bufferedBytesMax) return 'slow' as const
      write(text, position)
      return 'ok' as const
    },
    bufferedBytes: () => response.writableLength,
    close,
  }
  hub.subscribe(subscriber, { hello, since, snapshot: snapshot && !since })
  return {
    actor: who.actor,
    closed,
    // Heartbeats are written all the time; a peer that is gone is noticed by TCP.
    ping: () => {},
    close,
    terminate: () => response.destroy(),
  }
}
