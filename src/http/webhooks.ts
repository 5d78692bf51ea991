/**
 * The front door: `POST /webhooks/:channel/:token`. Finds the connection, verifies the signature
 * over the raw bytes, hands the delivery to the intake and answers in the provider's manner. No LLM
 * and no outbound call happens in here; 200 is never said before the commit.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Intake, IntakeAnswer, KnownConnection } from '../actors/intake.ts'
import { channels, type Delivery } from '../domain/channels/inbound-event.ts'
import type { ConnectionDirectory } from './connection-directory.ts'
import type { FailedAttempts } from './limits.ts'
import { Problem } from './problem.ts'
import { bodyReader } from './raw-body.ts'

export interface WebhookDeps {
  connections: ConnectionDirectory
  intake: Intake
  attempts: FailedAttempts
  /** Told of every delivery when it is answered. */
  onAnswered?(answered: AnsweredWebhook): void
  /** False while the service is shutting down: senders are sent away before anything is read. */
  isOpen(): boolean
  /** Base of webhook URLs as senders know it; Twilio signs the whole URL. */
  publicUrl(): string
  now(): Date
}

export interface AnsweredWebhook {
  requestId: string
  /** `unknown` without a connection. */
  channel: string
  outcome: string
  /** Of what was stored now or before. */
  messageId: string | null
  ms: number
}

export const WEBHOOK_ROUTE = '/webhooks/:channel/:token'

type Params = z.output<typeof paramsSchema>
const paramsSchema = z.strictObject({
  channel: z.string().meta({ description: `One of ${channels.join(', ')}` }),
  token: z.string().meta({ description: 'From the webhookUrl of a connection' }),
})
const DESCRIPTION = `The body is what the connection's provider sends. Provider \`generic\` takes our own JSON:
\`{externalId, direction?: "inbound"|"outbound", sentAt?, subject?, body, lead: {email?|phone?|linkedinUrl?|externalId?, firstName?, lastName?, company?, title?}}\`.

Answered 200 with \`{"status": "accepted"|"duplicate"|"ignored"|"rejected", "messageId"?, "reason"?, "field"?}\`, never before the message is committed (Twilio: \`<Response/>\`). 401 unknown URL or wrong signature; 400 not the format; 413 too large; 422 a field is wrong (generic only: deliveries of other providers are kept as rejected and answered 200); 503, for GoHighLevel 429, not stored: send again.`

/** Senders that honour it come back after the usual length of a restart. */
const RESTARTED_SECONDS = 10
/**
 * What is full has room within a second. Given by turns: if all that were sent away in a burst came
 * back at once, they would be sent away again.
 */
const ROOM_SECONDS = [1, 2, 3]
/** With the ingest's own limit it keeps every answer below two seconds or so. */
const LOOK_UP_MS = 1500

export const webhookRoutes: FastifyPluginAsync<{ deps: WebhookDeps }> = async (app, { deps }) => {
  const bodies = bodyReader()
  const connections = new WeakMap<FastifyRequest, KnownConnection>()
  const answers = new WeakMap<FastifyRequest, IntakeAnswer>()
  let sentAway = 0
  const roomSeconds = () => ROOM_SECONDS[sentAway++ % ROOM_SECONDS.length] as number

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: FastifyRequest['raw']) => {
    const connection = connections.get(request) as KnownConnection
    return bodies.read(payload, connection.provider.bodyBytesMax)
  })

  app.route<{ Params: Params }>({
    method: 'POST',
    url: WEBHOOK_ROUTE,
    // The token is a secret: this route is not logged with its URL.
    logLevel: 'warn',
    // Headers for browsers cost a sixth of an answer, and no browser sees this one.
    helmet: false,
    schema: {
      tags: ['Webhooks'],
      security: [],
      summary: 'Deliver a webhook; the URL is the secret of one connection',
      description: DESCRIPTION,
      params: paramsSchema,
    },
    async onRequest(request, reply) {
      const connection = await admit(deps, request, reply)
      if (!connection) return reply
      // Before the body is read: what is sent away must cost next to nothing.
      if (deps.intake.isFull(connection.channel)) {
        return notStored(reply, connection.provider.notStoredStatus, roomSeconds())
      }
      connections.set(request, connection)
      // The body is read by the provider's rules; an odd media type must not end in 415.
      request.headers['x-original-content-type'] = request.headers['content-type'] ?? ''
      request.headers['content-type'] = 'application/octet-stream'
    },
    async onResponse(request, reply) {
      const answer = answers.get(request)
      deps.onAnswered?.({
        requestId: request.id,
        // By the connection: what a stranger writes into the URL must not become a label.
        channel: connections.get(request)?.channel ?? 'unknown',
        outcome: answer?.status ?? outcomeOf(reply.statusCode),
        messageId: answer && 'messageId' in answer ? answer.messageId : null,
        ms: reply.elapsedTime,
      })
    },
    async handler(request, reply) {
      const connection = connections.get(request) as KnownConnection
      const delivery = deliveryOf(request, connection, deps)
      if (connection.signature !== null) {
        const verified = connection.provider.verify(delivery, connection.signature)
        if (!verified.ok) throw new Problem('unauthorized', { detail: verified.reason })
      }
      // Our own format tells its sender at once what is wrong; the others' refusals are kept.
      const keep = connection.provider.name !== 'generic'
      const answer = await deps.intake.accept(connection, delivery, { keep })
      answers.set(request, answer)
      if (answer.status === 'unavailable') {
        const seconds = answer.isFull ? roomSeconds() : RESTARTED_SECONDS
        return notStored(reply, connection.provider.notStoredStatus, seconds)
      }
      return send(reply, connection, answer)
    },
  })
}

/** Of a delivery that did not get as far as the intake. */
function outcomeOf(status: number): string {
  if (status === 401) return 'unauthorized'
  if (status === 413) return 'too_large'
  return status === 429 || status === 503 ? 'unavailable' : 'failed'
}

/** Null: already answered. Everything that fails here says nothing about which part was wrong. */
async function admit(
  deps: WebhookDeps,
  request: FastifyRequest<{ Params: Params }>,
  reply: FastifyReply,
): Promise<KnownConnection | null> {
  const { channel, token } = request.params
  let connection: KnownConnection | null
  try {
    const found = deps.isOpen() ? deps.connections.find(channel, token) : null
    connection = found instanceof Promise ? await inTime(found) : found
  } catch (error) {
    request.log.warn({ err: error }, 'connection look-up failed')
    notStored(reply, channel === 'sms' ? 429 : 503, RESTARTED_SECONDS)
    return null
  }
  if (!deps.isOpen()) {
    notStored(reply, channel === 'sms' ? 429 : 503, RESTARTED_SECONDS)
    return null
  }
  if (!connection) {
    const refusal = new Problem('unauthorized', { detail: 'unknown webhook URL' })
    throw await deps.attempts.refuse(request, refusal)
  }
  return connection
}

/** A database that hangs is one that is away. */
async function inTime<T>(lookUp: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), LOOK_UP_MS)
  })
  try {
    return await Promise.race([lookUp, late])
  } finally {
    clearTimeout(timer)
  }
}

function notStored(reply: FastifyReply, status: 503 | 429, retryAfterSeconds: number) {
  return reply
    .code(status)
    .header('retry-after', retryAfterSeconds)
    .send({ status: 'unavailable', reason: 'not stored, please send again' })
}

function deliveryOf(
  request: FastifyRequest,
  connection: KnownConnection,
  deps: WebhookDeps,
): Delivery {
  const headers: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  headers['content-type'] = headers['x-original-content-type'] || undefined
  return {
    rawBody: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    headers,
    url: `${deps.publicUrl()}${request.raw.url ?? ''}`,
    receivedAt: deps.now(),
    connectionId: connection.id,
  }
}

function send(
  reply: FastifyReply,
  { provider }: KnownConnection,
  answer: Exclude<IntakeAnswer, { status: 'unavailable' }>,
) {
  if (answer.status === 'malformed') {
    throw new Problem('unreadable-body', {
      detail: answer.reason,
      errors: [{ field: 'body', message: answer.reason }],
    })
  }
  if (answer.status === 'rejected' && provider.name === 'generic') {
    throw new Problem('unprocessable', {
      detail: answer.reason,
      errors: [{ field: answer.field ?? 'body', message: answer.reason }],
    })
  }
  if (provider.answerFormat === 'twiml') {
    return reply.type('text/xml').send('<?xml version="1.0" encoding="UTF-8"?><Response/>')
  }
  if (answer.status !== 'rejected') return reply.send(answer)
  const { status, reason, field } = answer
  return reply.send({ status, reason, ...(field && { field }) })
}
