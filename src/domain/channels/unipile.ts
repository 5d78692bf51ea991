/**
 * Unipile for LinkedIn. Version 1 is flat and names our own messages like the lead's; of version 2
 * only the signature is known, so its messages are verified and kept for a person.
 */
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { type Identity, identitiesOf } from '../identity.ts'
import { tidyText } from '../text/plain-text.ts'
import { decodeJson, dedupeKey, parseTime, rejection, splitName, textOrNull } from './decode.ts'
import type {
  Delivery,
  InboundEvent,
  LeadFacts,
  ParseResult,
  Provider,
  Verification,
} from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import { isAnyOf, refused, secretOrSecretsSchema, verified } from './signatures.ts'

const BODY_BYTES_MAX = 512 * 1024
/** What Unipile's own verification allows between signing and receipt. */
const TOLERANCE_SECONDS = 300
const NAMED_CHARACTERS_MAX = 60
const HEADLINE_CHARACTERS_MAX = 200

/** Version 1: a header we chose. Version 2: an HMAC over time and body. */
const signatureSchema = z.union(
  [
    z.strictObject({
      secret: secretOrSecretsSchema,
      header: z
        .string('takes a text')
        .regex(/^[\w-]{1,100}$/, 'takes the name of a header')
        .default('unipile-auth'),
    }),
    z.strictObject({ signingSecret: secretOrSecretsSchema }),
  ],
  'takes {secret, header?} for version 1 or {signingSecret} for version 2',
)
type Signature = z.infer<typeof signatureSchema>

const text = z.unknown().optional().transform(textOrNull)
const flag = z.unknown().optional().transform(isTruthy)

const attendeeSchema = z.looseObject({
  attendee_provider_id: text,
  attendee_name: text,
  attendee_profile_url: text,
  attendee_public_identifier: text,
  attendee_specifics: z.looseObject({ occupation: text, is_company: flag }).nullish().catch(null),
})
type Attendee = z.infer<typeof attendeeSchema>

const messageSchema = z.looseObject({
  account_id: z.string('takes a text').trim().min(1, 'takes a text'),
  message_id: z.string('takes a text').trim().min(1, 'takes a text'),
  account_type: text,
  account_info: z.looseObject({ user_id: text }).nullish().catch(null),
  timestamp: text,
  message: text,
  sender: attendeeSchema.nullish().catch(null),
  attendees: z.array(attendeeSchema).nullish().catch(null),
  attachments: z.unknown().optional(),
  subject: text,
  is_sender: flag,
  is_event: flag,
  is_group: flag,
})
type Message = z.infer<typeof messageSchema>

export const unipile: Provider<Signature> = {
  name: 'unipile',
  channels: ['linkedin'],
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema,
  verify,
  parse,
  notStoredStatus: 503,
  answerFormat: 'json',
}

function verify(delivery: Delivery, signature: Signature): Verification {
  if ('signingSecret' in signature) return verifyVersion2(delivery, signature.signingSecret)
  const header = signature.header.toLowerCase()
  return isAnyOf(delivery.headers[header], signature.secret)
    ? verified
    : refused(`${header}: does not fit`)
}

/** `unipile-signature: t=<unix seconds>,v0=<hex HMAC-SHA256 of "t.body">`. */
function verifyVersion2(delivery: Delivery, secrets: string | readonly string[]): Verification {
  const header = delivery.headers['unipile-signature'] ?? ''
  const [, seconds, hex] = /^t=(\d{1,12}),v0=([0-9a-f]{64})$/.exec(header) ?? []
  if (!seconds || !hex) return refused('unipile-signature: takes t=<unix seconds>,v0=<hex>')
  const accepted = [secrets]
    .flat()
    .map((secret) =>
      createHmac('sha256', secret).update(`${seconds}.`).update(delivery.rawBody).digest('hex'),
    )
  if (!isAnyOf(hex, accepted)) return refused('unipile-signature: does not fit the body')
  const ageSeconds = Math.abs(delivery.receivedAt.getTime() / 1000 - Number(seconds))
  return ageSeconds <= TOLERANCE_SECONDS
    ? verified
    : refused('unipile-signature: t is more than 300 s away from now')
}

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeJson(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const { event, type, AccountStatus } = decoded.value
  if (typeof event === 'string') {
    return event === 'message_received' ? parseMessage(decoded.value) : ignored(`event ${event}`)
  }
  if (typeof AccountStatus === 'object' && AccountStatus !== null) {
    const status = textOrNull((AccountStatus as Record<string, unknown>).message) ?? 'unnamed'
    return ignored(`account status ${status}`)
  }
  if (typeof type === 'string') {
    // Nothing says who wrote it or what: a person may look, a later version may parse it again.
    const isMessage = type.startsWith('message.')
    return { ...ignored(`version 2 event ${type}`), ...(isMessage && { keep: true }) }
  }
  return missing('event', 'takes the name of an event')
}

function parseMessage(payload: Record<string, unknown>): ParseResult {
  const parsed = messageSchema.safeParse(payload)
  if (!parsed.success) return rejection(parsed.error, 'unipile message_received')
  const message = parsed.data
  if (message.account_type && message.account_type.toUpperCase() !== 'LINKEDIN') {
    return ignored(`message of a ${message.account_type} account`)
  }
  if (message.is_event) return ignored('chat event, no message')
  const isOwn = isOwnMessage(message)
  const other = isOwn ? counterpartOf(message) : message.sender
  if (isOwn && other === 'several') return ignored('our message to a group names no single lead')
  const person = other === 'several' ? null : other
  const field = isOwn ? 'attendees' : 'sender'
  const lead = person ? leadOf(person) : null
  if (!lead || lead.identities.length === 0) return missing(field, 'takes a LinkedIn member')
  if (person?.attendee_specifics?.is_company) {
    return { ...ignored('sender is a company page'), keep: true }
  }
  const attachments = attachmentsOf(message.attachments)
  const body = tidyText(message.message ?? '')
  if (body === '' && attachments === 0) return ignored('message without text')
  const event: InboundEvent = {
    kind: 'text',
    direction: isOwn ? 'outbound' : 'inbound',
    dedupeKey: dedupeKey('unipile', message.account_id, message.message_id),
    dedupeAliases: [],
    externalId: message.message_id,
    lead,
    subject: message.subject,
    body,
    sentAt: parseTime(message.timestamp),
    signals: attachments > 0 ? { attachments } : {},
    labelTag: null,
    payload: keptPayload(payload),
  }
  return { outcome: 'events', events: [event] }
}

/** Either sign is enough: ids of Sales Navigator differ from the classic ones, flags may lack. */
function isOwnMessage({ sender, account_info, is_sender }: Message): boolean {
  const own = account_info?.user_id
  return is_sender || (own != null && sender?.attendee_provider_id === own)
}

function counterpartOf({
  attendees,
  account_info,
  is_group,
}: Message): Attendee | null | 'several' {
  const own = account_info?.user_id
  const others = (attendees ?? []).filter((person) => person.attendee_provider_id !== own)
  return is_group || others.length > 1 ? 'several' : (others[0] ?? null)
}

function leadOf(person: Attendee): LeadFacts {
  return {
    identities: identitiesOfMember(person),
    ...splitName(person.attendee_name),
    ...positionOf(person.attendee_specifics?.occupation ?? null),
  }
}

/** Member ids are LinkedIn's own, one for all accounts; the vanity name joins other channels. */
function identitiesOfMember(person: Attendee): Identity[] {
  const { attendee_provider_id: id, attendee_public_identifier: vanity } = person
  const identities = identitiesOf({
    provider: { scope: 'linkedin', id },
    linkedinUrl: person.attendee_profile_url,
  })
  const named = identitiesOf({
    linkedinUrl: vanity && `https://www.linkedin.com/in/${encodeURIComponent(vanity)}`,
  })
  for (const identity of named) {
    if (!identities.some(({ value }) => value === identity.value)) identities.push(identity)
  }
  return identities
}

/** `VP Operations at Harlow Freight`; a headline of several parts is kept whole as the title. */
function positionOf(occupation: string | null): Pick<LeadFacts, 'title' | 'company'> {
  const headline = occupation?.slice(0, HEADLINE_CHARACTERS_MAX).toWellFormed() ?? null
  const [, title, company] = /^([^|•·]+?) (?:at|@) ([^|•·,]+)$/.exec(headline ?? '') ?? []
  return title && company ? { title, company } : { title: headline, company: null }
}

/** A list in live traffic, an object in the documentation. */
function attachmentsOf(raw: unknown): number {
  if (Array.isArray(raw)) return raw.length
  return typeof raw === 'object' && raw !== null && Object.keys(raw).length > 0 ? 1 : 0
}

/** Booleans arrive as true, 1 and "1". */
function isTruthy(raw: unknown): boolean {
  return raw === true || raw === 1 || raw === '1' || raw === 'true'
}

function ignored(what: string): Extract<ParseResult, { outcome: 'ignored' }> {
  return { outcome: 'ignored', reason: what.slice(0, NAMED_CHARACTERS_MAX + 20).toWellFormed() }
}

function missing(field: string, takes: string): ParseResult {
  return { outcome: 'rejected', reason: `unipile: ${field}: ${takes}`, field }
}
