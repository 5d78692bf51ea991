/**
 * What went wrong with an LLM call, as a value: one table for every way an HTTP call to the
 * provider fails. Decides by class, status and code, never by the text of a message, and passes
 * none of that text on (it may quote what the lead wrote).
 */
import { APIConnectionTimeoutError, APIError } from 'openai'
import type { InteractionOutcome } from '../domain/scoring/score.ts'

/** Longer requests to wait are cut: a job that sleeps for hours looks lost. */
export const RETRY_AFTER_MS_MAX = 15 * 60_000

export interface Failure {
  outcome: Exclude<InteractionOutcome, 'ok'>
  reason: string
  terminal: boolean
  retryAfterMs: number | null
  /**
   * What somebody has to act on (another model, a bill, a key), what is the provider's trouble and
   * counts for the circuit breaker, and what our own side ended.
   */
  cause:
    | 'model_not_found'
    | 'insufficient_quota'
    | 'bad_credentials'
    | 'outage'
    | 'aborted'
    | 'other'
}

/** The provider's policy said no to this text; saying it again changes nothing. */
const refusalCodes = new Set([
  'invalid_prompt',
  'content_filter',
  'content_policy_violation',
  'bio_policy',
  'misalignment_policy_violation',
])
/** Rate limits in name only: they last until somebody pays. */
const quotaCodes = new Set(['insufficient_quota', 'billing_hard_limit_reached'])
/** The only statuses below 500 where the same request may succeed later. */
const retryableStatuses = new Set([408, 409, 425, 429])

export function failure(
  outcome: Failure['outcome'],
  reason: string,
  rest: Partial<Pick<Failure, 'terminal' | 'retryAfterMs' | 'cause'>> = {},
): Failure {
  return { outcome, reason, terminal: false, retryAfterMs: null, cause: 'other', ...rest }
}

/** The provider is not there or not well: nothing about this request. */
export function outage(
  outcome: 'timeout' | 'error',
  reason: string,
  retryAfterMs: number | null = null,
): Failure {
  return failure(outcome, reason, { retryAfterMs, cause: 'outage' })
}

/** Unknown errors are retryable: the queue bounds the attempts, a lost score has no second chance. */
export function failureOfError(error: unknown, now: Date): Failure {
  if (error instanceof APIConnectionTimeoutError) return outage('timeout', 'connection timed out')
  if (error instanceof APIError && error.status !== undefined) return failureOfStatus(error, now)
  if (error instanceof APIError) return outage('error', 'connection failed')
  // What undici throws when a connection ends in the middle of a body carries the socket's error.
  if (error instanceof Error && error.cause !== undefined) {
    return outage('error', 'connection lost')
  }
  if (error instanceof RangeError) return failure('invalid', 'reply is too large')
  return failure('error', 'unknown failure')
}

/** Codes of a reply whose HTTP status was 200 and whose own status is `failed`. */
export function failureOfCode(code: string | null): Failure {
  const shown = shownCode(code)
  if (code !== null && refusalCodes.has(code)) {
    return failure('refused', `refused: ${shown}`, { terminal: true })
  }
  if (code === 'rate_limit_exceeded') return failure('rate_limited', 'rate limited')
  return outage('error', `provider failed: ${shown}`)
}

/** `retry-after-ms` or `retry-after` (seconds or an HTTP date), capped; null when not usable. */
export function retryAfterMs(headers: Headers, now: Date): number | null {
  const milliseconds = Number.parseFloat(headers.get('retry-after-ms') ?? '')
  const text = headers.get('retry-after') ?? ''
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * 1000 : Number.NaN
  const date = Date.parse(text) - now.getTime()
  const wait = [milliseconds, seconds, date].find((value) => Number.isFinite(value))
  if (wait === undefined || wait < 0) return null
  return Math.min(Math.ceil(wait), RETRY_AFTER_MS_MAX)
}

function failureOfStatus(error: APIError, now: Date): Failure {
  const status = error.status ?? 0
  const code = typeof error.code === 'string' ? error.code : null
  const said = `HTTP ${status}${code === null ? '' : ` ${shownCode(code)}`}`
  const wait = error.headers ? retryAfterMs(error.headers, now) : null

  // 403 with this code is a project without access to the model; a bare 404 or 410 is how
  // compatible servers say it.
  if (code === 'model_not_found' || status === 404 || status === 410) {
    return failure('error', `model not found (${said})`, {
      terminal: true,
      cause: 'model_not_found',
    })
  }
  if (code !== null && quotaCodes.has(code)) {
    // How long to wait is the circuit breaker's to say, for all leads together.
    return failure('rate_limited', `quota used up (${said})`, { cause: 'insufficient_quota' })
  }
  if (status === 401 || status === 403) {
    return failure('error', `credentials refused (${said})`, {
      terminal: true,
      cause: 'bad_credentials',
    })
  }
  if (code !== null && refusalCodes.has(code)) {
    return failure('refused', `refused (${said})`, { terminal: true })
  }
  if (status === 429)
    return failure('rate_limited', `rate limited (${said})`, { retryAfterMs: wait })
  if (status === 408) return failure('timeout', said, { retryAfterMs: wait })
  if (status >= 500) return outage('error', said, wait)
  const terminal = status >= 400 && status < 500 && !retryableStatuses.has(status)
  return failure('error', said, { terminal, retryAfterMs: wait })
}

/** A code is shown only if it looks like one: servers put sentences there, too. */
function shownCode(code: string | null): string {
  return code !== null && /^[\w.-]{1,60}$/.test(code) ? code : 'unknown code'
}
