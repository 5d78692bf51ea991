/** Bytes to values: the reading of a body that every provider shares, whatever its Content-Type. */
import { createHash } from 'node:crypto'
import type { ZodError } from 'zod'
import { storableText } from '../text/storable-text.ts'
import type { ParseResult } from './inbound-event.ts'

type Decoded<T> = { ok: true; value: T } | { ok: false; result: ParseResult }

/** Longer keys are hashed: an index row must stay far below PostgreSQL's 2,704 bytes. */
const KEY_CHARACTERS_MAX = 300

/**
 * What may hide a NUL, half a surrogate pair or `__proto__`. As bytes none can come: raw control
 * characters are no JSON, and invalid UTF-8 has become U+FFFD.
 */
const NEEDS_CLEANING = /__proto__|\\u(?:0000|005f|d[89a-f])/i

/** JSON object out of the raw bytes. NUL and lone surrogates, which PostgreSQL refuses, are removed. */
export function decodeJson(rawBody: Buffer): Decoded<Record<string, unknown>> {
  let value: unknown
  try {
    const text = rawBody.toString('utf8')
    // A reviver costs several times the parsing, and one body in thousands needs it.
    value = NEEDS_CLEANING.test(text) ? JSON.parse(text, cleaned) : JSON.parse(text)
  } catch {
    return { ok: false, result: { outcome: 'malformed', reason: 'body: takes a JSON object' } }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, result: { outcome: 'malformed', reason: 'body: takes a JSON object' } }
  }
  return { ok: true, value: value as Record<string, unknown> }
}

/** Form fields; every value of a repeated key is kept, in order. */
export function decodeForm(rawBody: Buffer): Decoded<Map<string, string[]>> {
  const text = rawBody.toString('utf8')
  if (!text.includes('=') || /^\s*[{[]/.test(text)) {
    return {
      ok: false,
      result: { outcome: 'malformed', reason: 'body: takes application/x-www-form-urlencoded' },
    }
  }
  const fields = new Map<string, string[]>()
  for (const [key, value] of new URLSearchParams(text)) {
    const clean = storableText(value)
    const seen = fields.get(key)
    if (seen) seen.push(clean)
    else fields.set(key, [clean])
  }
  return { ok: true, value: fields }
}

/** Joins the parts that make a message unique; parts are trimmed, angle brackets go. */
export function dedupeKey(...parts: (string | number)[]): string {
  const key = parts.map((part) => storableText(String(part)).trim().replace(/^<|>$/g, '')).join(':')
  return key.length <= KEY_CHARACTERS_MAX ? key : `${key.slice(0, 200)}:${sha256(key)}`
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A schema's refusal as a rejected delivery that names the first offending field. */
export function rejection(error: ZodError, context: string): ParseResult {
  const issue = error.issues[0]
  const field = issue?.path.join('.') || 'body'
  return {
    outcome: 'rejected',
    reason: `${context}: ${field}: ${issue?.message ?? 'invalid'}`,
    field,
  }
}

/** Before this no provider existed; a time outside is a mistake, e.g. seconds read as a date. */
const TIME_MIN = Date.UTC(1990, 0)
const TIME_MAX = Date.UTC(2100, 0)
const TIME = /^(\d{4}-\d{2}-\d{2}|[a-z]{3}, |\d{1,2} [a-z]{3} \d{4})/i

/** ISO time with any fraction or offset, or RFC 2822; null for what is no usable time. */
export function parseTime(raw: unknown): Date | null {
  if (typeof raw !== 'string' || !TIME.test(raw.trim())) return null
  const time = new Date(raw.trim()).getTime()
  return time >= TIME_MIN && time <= TIME_MAX ? new Date(time) : null
}

/** Trimmed text, or null for '', blanks and everything that is no text or number. */
export function textOrNull(raw: unknown): string | null {
  if (typeof raw === 'number' && Number.isFinite(raw)) return String(raw)
  if (typeof raw !== 'string') return null
  const text = raw.trim()
  return text === '' ? null : text
}

/** `Dana van Whit` is Dana + van Whit: good enough for a greeting, and lossless when joined again. */
export function splitName(name: string | null): {
  firstName: string | null
  lastName: string | null
} {
  const words = name?.trim().split(/\s+/) ?? []
  const [first, ...rest] = words
  return { firstName: first || null, lastName: rest.join(' ') || null }
}

function cleaned(this: unknown, key: string, value: unknown): unknown {
  if (key === '__proto__') return undefined
  return typeof value === 'string' ? storableText(value) : value
}
