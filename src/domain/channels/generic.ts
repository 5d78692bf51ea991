/**
 * Generic: our own documented JSON, valid on every channel. Whoever builds it can be told what is
 * wrong, so it is strict where the formats of others are tolerated.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { identitiesOf, normalizeEmail, normalizeLinkedinUrl, normalizePhone } from '../identity.ts'
import { subjectOf, tidyText } from '../text/plain-text.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import { decodeJson, dedupeKey, parseTime, rejection } from './decode.ts'
import {
  channels,
  type Delivery,
  type ParseResult,
  type Provider,
  type Verification,
} from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'

const BODY_BYTES_MAX = 512 * 1024
const TEXT_CHARACTERS_MAX = 100_000
const TOLERANCE_SECONDS = 300
/** Two live secrets during a rotation, with room for a third. */
const SIGNATURES_MAX = 3

const signatureSchema = z.strictObject({ secret: z.string().min(16).max(500) })
type Signature = z.infer<typeof signatureSchema>

const idSchema = z
  .union([z.string(), z.number().transform(String)], 'takes a text or a number')
  .transform((id) => id.trim())
  .refine((id) => id.length > 0 && id.length <= 200, 'takes 1 to 200 characters')

/** '' and null are absent: what many builders send for an empty variable. */
function optional(takes: string, usable: (value: string) => unknown = () => true) {
  return z
    .string(takes)
    .max(2000, 'takes at most 2,000 characters')
    .nullish()
    .transform((value) => value?.trim() || null)
    .refine((value) => value === null || Boolean(usable(value)), takes)
}

const leadSchema = z
  .looseObject(
    {
      email: optional('takes an e-mail address', normalizeEmail),
      phone: optional('takes a phone number such as +12125550187', (raw) => normalizePhone(raw)),
      linkedinUrl: optional(
        'takes a profile URL such as https://www.linkedin.com/in/name',
        normalizeLinkedinUrl,
      ),
      externalId: z.preprocess((id) => (id === '' ? null : id), idSchema.nullish()),
      firstName: optional('takes a text'),
      lastName: optional('takes a text'),
      company: optional('takes a text'),
      title: optional('takes a text'),
    },
    'takes an object',
  )
  .refine(
    ({ email, phone, linkedinUrl, externalId }) => email || phone || linkedinUrl || externalId,
    'takes at least one of email, phone, linkedinUrl, externalId',
  )

const messageSchema = z.looseObject({
  externalId: idSchema,
  direction: z.enum(['inbound', 'outbound'], 'takes inbound or outbound').nullish(),
  sentAt: optional(
    'takes an ISO 8601 time with zone such as 2026-01-06T14:03:15Z',
    (raw) => z.iso.datetime({ offset: true }).safeParse(raw).success && !isBeforeMail(raw),
  ),
  subject: optional('takes a text'),
  body: z
    .string('takes a text')
    .max(TEXT_CHARACTERS_MAX, 'takes at most 100,000 characters')
    .refine((body) => tidyText(body) !== '', 'takes a text that is not empty'),
  lead: leadSchema,
})

export const generic: Provider<Signature> = {
  name: 'generic',
  channels,
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema,
  verify,
  parse,
  notStoredStatus: 503,
  answerFormat: 'json',
}

/** `x-leadpulse-signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. */
function verify(delivery: Delivery, { secret }: Signature): Verification {
  const parts = (delivery.headers['x-leadpulse-signature'] ?? '')
    .split(',')
    .map((part) => part.trim())
  const seconds = parts.find((part) => part.startsWith('t='))?.slice(2) ?? ''
  const given = parts.filter((part) => part.startsWith('v1=')).slice(0, SIGNATURES_MAX)
  if (!/^\d{1,12}$/.test(seconds) || given.length === 0) {
    return { ok: false, reason: 'x-leadpulse-signature: takes t=<unix seconds>,v1=<hex>' }
  }
  const wanted = createHmac('sha256', secret)
    .update(`${seconds}.`)
    .update(delivery.rawBody)
    .digest()
  const matches = given.some((part) => {
    const hex = part.slice(3)
    // Buffer.from stops silently at the first letter that is no hex digit.
    return /^[0-9a-f]{64}$/i.test(hex) && timingSafeEqual(Buffer.from(hex, 'hex'), wanted)
  })
  if (!matches) return { ok: false, reason: 'x-leadpulse-signature: does not fit the body' }
  const ageSeconds = Math.abs(delivery.receivedAt.getTime() / 1000 - Number(seconds))
  if (ageSeconds > TOLERANCE_SECONDS) {
    return { ok: false, reason: 'x-leadpulse-signature: t is more than 300 s away from now' }
  }
  return { ok: true }
}

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeJson(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const parsed = messageSchema.safeParse(decoded.value)
  if (!parsed.success) return rejection(parsed.error, 'generic')
  const { externalId, direction, sentAt, subject, body, lead } = parsed.data
  const { email, phone, linkedinUrl, firstName, lastName, company, title } = lead
  const identities = identitiesOf({
    provider: { scope: 'generic', id: lead.externalId },
    email,
    phone,
    linkedinUrl,
  })
  return {
    outcome: 'events',
    events: [
      {
        kind: 'text',
        direction: direction ?? 'inbound',
        dedupeKey: dedupeKey('generic', delivery.connectionId, externalId),
        dedupeAliases: [],
        externalId,
        lead: { identities, firstName, lastName, company, title },
        subject: subjectOf(subject),
        // A sender's text is never lost to the quote rules: it is ours to show as it came.
        body: newTextOf({ text: body }) || tidyText(body),
        sentAt: parseTime(sentAt),
        signals: {},
        labelTag: null,
        payload: keptPayload(decoded.value),
      },
    ],
  }
}

/** Year 0 and the like are typing errors, and PostgreSQL writes them in another form. */
function isBeforeMail(raw: string): boolean {
  return new Date(raw).getTime() < 0
}
