/** Every error the API answers: one catalogue of RFC 9457 problems, and the error that carries one. */
import { z } from 'zod'

/** Code, status and title. A code is part of the API: it may be added, never renamed. */
export const problems = {
  validation: { status: 400, title: 'The request has fields that are not valid' },
  'unreadable-body': { status: 400, title: 'The body cannot be read' },
  'bad-request': { status: 400, title: 'The request cannot be understood' },
  unauthorized: { status: 401, title: 'A valid bearer token is needed' },
  forbidden: { status: 403, title: 'The token may not do this' },
  'not-found': { status: 404, title: 'There is no such thing here' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  conflict: { status: 409, title: 'The current state does not allow this' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'uri-too-long': { status: 414, title: 'The URL is too long' },
  'unsupported-media-type': { status: 415, title: 'The body has a type that is not read here' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  unprocessable: { status: 422, title: 'The body does not fit the documented format' },
  'too-many-requests': { status: 429, title: 'Too many requests at once' },
  internal: { status: 500, title: 'The server failed' },
  unavailable: { status: 503, title: 'The service is not available for the moment' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

/** One wrong field; `field` is a dotted path, e.g. `signature.authTokens.0`. */
export interface FieldError {
  field: string
  message: string
}

export interface ProblemDetails {
  /** For people; never anything internal. */
  detail?: string
  errors?: FieldError[]
  headers?: Record<string, string>
}

export interface ProblemBody {
  type: string
  title: string
  status: number
  detail?: string
  errors?: FieldError[]
  requestId?: string
}

export class Problem extends Error {
  override name = 'Problem'
  readonly code: ProblemCode
  readonly details: ProblemDetails
  constructor(code: ProblemCode, details: ProblemDetails = {}, options?: ErrorOptions) {
    super(details.detail ?? problems[code].title, options)
    this.code = code
    this.details = details
  }
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

const fieldErrorSchema = z.strictObject({
  field: z.string().meta({ description: 'Dotted path of the field, e.g. `signature.secret`' }),
  message: z.string(),
})

export const problemSchema = z
  .strictObject({
    type: z.string().meta({
      description: `Stable name: ${Object.keys(problems)
        .map((code) => `\`${typeOf(code)}\``)
        .join(', ')}`,
    }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z.array(fieldErrorSchema).optional(),
    requestId: z.string().optional().meta({ description: 'Names the request in the log' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' })

export function problemBody(
  code: ProblemCode,
  { detail, errors }: ProblemDetails,
  requestId?: string,
): ProblemBody {
  return {
    type: typeOf(code),
    title: problems[code].title,
    status: problems[code].status,
    ...(detail !== undefined && { detail }),
    ...(errors && { errors }),
    ...(requestId !== undefined && { requestId }),
  }
}

/** A problem about one field of the request. */
export function fieldProblem(field: string, message: string): Problem {
  return new Problem('validation', { errors: [{ field, message }] })
}

/** Documentation of the problems a route may answer, by status. */
export function problemResponses(...codes: ProblemCode[]): Record<number, ProblemResponse> {
  const byStatus = Map.groupBy(codes, (code) => problems[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => problems[code].title).join('; '),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: problemSchema } },
      },
    ]),
  )
}

export interface ProblemResponse {
  description: string
  content: Record<string, { schema: typeof problemSchema }>
}

function typeOf(code: string): string {
  return `urn:leadpulse:problem:${code}`
}
