/** Turns whatever a route throws into a problem: its own words for a client's fault, none for ours. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { codeOf, isDatabaseAway } from '../domain/sql.ts'
import type { Log } from '../log.ts'
import {
  type FieldError,
  PROBLEM_MEDIA_TYPE,
  Problem,
  type ProblemCode,
  type ProblemDetails,
  problemBody,
  problems,
} from './problem.ts'

const RETRY_AFTER_SECONDS = 5

/** The client's faults that Fastify finds by itself. */
const byStatus: Record<number, ProblemCode> = {
  400: 'bad-request',
  404: 'not-found',
  408: 'request-timeout',
  413: 'payload-too-large',
  414: 'uri-too-long',
  415: 'unsupported-media-type',
  429: 'too-many-requests',
}
const UNREADABLE_BODY = new Set([
  'FST_ERR_CTP_INVALID_JSON_BODY',
  'FST_ERR_CTP_EMPTY_JSON_BODY',
  'FST_ERR_CTP_INVALID_CONTENT_LENGTH',
])

export function errorHandler(log: Log) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const [code, details] = hasGone(request) ? (['bad-request', {}] as const) : problemOf(error)
    if (problems[code].status >= 500) {
      const route = request.routeOptions?.url
      const err = loggable(error)
      log.error({ err, requestId: request.id, method: request.method, route }, 'request failed')
    }
    return sendProblem(reply, code, details, request.id)
  }
}

/**
 * For what is no request yet: headers that are too large, too late or no HTTP. Not logged: the error
 * holds the bytes that came, and a webhook's token may be among them.
 */
export function clientErrorHandler(error: { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = byClientError[error.code ?? ''] ?? 'bad-request'
  const { status } = problems[code]
  const body = JSON.stringify(problemBody(code, {}))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${body.length}`,
    'connection: close',
  ]
  // Whoever sends slowly may never close its own end.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

const byClientError: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

/** Without the extra fields of database errors, which quote rows. */
function loggable(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`thrown: ${typeof error}`)
  const { name, message, stack = '' } = error
  return Object.assign(new Error(message), { name, stack, code: codeOf(error) })
}

export function notFoundHandler(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not-found', {}, request.id)
}

export function sendProblem(
  reply: FastifyReply,
  code: ProblemCode,
  details: ProblemDetails = {},
  requestId?: string,
): FastifyReply {
  // Text, not an object: a route's response schemas are about its successes.
  return reply
    .code(problems[code].status)
    .headers(details.headers ?? {})
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problemBody(code, details, requestId)))
}

function problemOf(error: unknown): [ProblemCode, ProblemDetails] {
  if (error instanceof Problem) return [error.code, error.details]
  if (hasZodFastifySchemaValidationErrors(error)) {
    return ['validation', { errors: error.validation.flatMap(fieldErrors) }]
  }
  const { code = '', statusCode } = error as Partial<FastifyError>
  if (UNREADABLE_BODY.has(code) || (error instanceof SyntaxError && statusCode === 400)) {
    return ['unreadable-body', { errors: [{ field: 'body', message: 'takes JSON' }] }]
  }
  const known = statusCode === undefined ? undefined : byStatus[statusCode]
  if (known) return [known, {}]
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return ['bad-request', {}]
  if (isDatabaseAway(error)) {
    return ['unavailable', { headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } }]
  }
  return ['internal', {}]
}

/** A body that stops half-way is the sender's matter, although it fails like a connection of ours. */
const hasGone = ({ raw }: FastifyRequest) => raw.destroyed && !raw.complete

interface ValidationIssue {
  keyword?: string
  instancePath: string
  message?: string | undefined
  params?: Record<string, unknown>
}

/** An unknown field is named itself, not the object around it. */
function fieldErrors({ keyword, instancePath, message, params }: ValidationIssue): FieldError[] {
  const path = instancePath.split('/').filter(Boolean)
  if (keyword === 'unrecognized_keys' && Array.isArray(params?.keys)) {
    return params.keys.map((key) => ({
      field: [...path, String(key)].join('.'),
      message: 'is not a known field',
    }))
  }
  return [{ field: path.join('.') || 'body', message: message ?? 'is not valid' }]
}
