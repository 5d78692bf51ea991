/** GoHighLevel's marketplace app events: SMS and other messages both ways, and do-not-disturb. */
import { z } from 'zod'
import { type Identity, identitiesOf } from '../identity.ts'
import { tidyText } from '../text/plain-text.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import {
  decodeJson,
  dedupeKey,
  parseTime,
  rejection,
  sha256,
  splitName,
  textOrNull,
} from './decode.ts'
import type { InboundEvent, LeadFacts, ParseResult } from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import { bucketedKey } from './receipt-bucket.ts'

const NAMED_CHARACTERS_MAX = 60

const text = z.unknown().optional().transform(textOrNull)
const locationId = z.string('takes a text').trim().min(1, 'takes a text')
const addresses = z.unknown().optional().transform(textsOf)

const messageSchema = z.looseObject({
  locationId,
  direction: text,
  messageType: text,
  messageTypeString: text,
  messageId: text,
  emailMessageId: text,
  contactId: text,
  conversationId: text,
  dateAdded: text,
  body: z.unknown().optional(),
  subject: text,
  attachments: z.array(z.unknown()).nullish().catch(null),
  from: addresses,
  to: addresses,
})
type Message = z.infer<typeof messageSchema>

const dndSchema = z.looseObject({
  locationId,
  id: z.string('takes the id of the contact').trim().min(1, 'takes the id of the contact'),
  dnd: z.unknown().optional(),
  dndSettings: z
    .record(z.string(), z.looseObject({ status: text }).nullish().catch(null))
    .nullish()
    .catch(null),
  phone: text,
  email: text,
  name: text,
  firstName: text,
  lastName: text,
  companyName: text,
  timestamp: text,
  webhookId: text,
})
type Dnd = z.infer<typeof dndSchema>

/** Some relays put the event into `data`, as an object or as JSON text. */
export function appEventOf(payload: Record<string, unknown>): Record<string, unknown> {
  const { data, ...envelope } = payload
  const inner = typeof data === 'string' ? jsonObject(data) : data
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return payload
  const event = { ...envelope, ...inner } as Record<string, unknown>
  return typeof event.type === 'string' && typeof event.locationId === 'string' ? event : payload
}

export function parseApp(event: Record<string, unknown>, receivedAt: Date): ParseResult {
  const type = String(event.type)
  if (type === 'InboundMessage' || type === 'OutboundMessage') {
    return parseMessage(type, event, receivedAt)
  }
  if (type === 'ContactDndUpdate') return parseDnd(event, receivedAt)
  return ignored(`event ${type}`)
}

function parseMessage(
  type: 'InboundMessage' | 'OutboundMessage',
  payload: Record<string, unknown>,
  receivedAt: Date,
): ParseResult {
  const parsed = messageSchema.safeParse(payload)
  if (!parsed.success) return rejection(parsed.error, type)
  const message = parsed.data
  const direction = type === 'InboundMessage' ? 'inbound' : 'outbound'
  const kindOfMessage = message.messageTypeString ?? message.messageType ?? 'message'
  if (/reaction/i.test(kindOfMessage)) return ignored(kindOfMessage)
  if (message.direction?.toLowerCase() !== direction) {
    // Seen in the provider's own examples; scoring our own words as interest would be worse.
    return { ...ignored(`${type} with direction ${message.direction ?? 'absent'}`), keep: true }
  }
  const attachments = message.attachments?.length ?? 0
  const body = bodyOf(message)
  if (body === null || (body === '' && attachments === 0)) {
    return ignored(`${kindOfMessage} without text`)
  }
  const lead = counterpartOf(message, direction)
  if (lead.identities.length === 0) return missing(type, 'contactId', 'takes the id of the contact')
  const externalId = message.messageId ?? message.emailMessageId
  return eventsOf({
    kind: 'text',
    direction,
    ...keyOf(message, { externalId, body, receivedAt }),
    externalId,
    lead,
    subject: message.subject,
    body,
    sentAt: parseTime(message.dateAdded),
    signals: { route: 'app', ...(attachments > 0 && { attachments }) },
    labelTag: null,
    payload: keptPayload(payload),
  })
}

/** null: the event has no text at all (calls, voicemail). */
function bodyOf({ body, messageType }: Message): string | null {
  if (typeof body !== 'string') return null
  return messageType?.toLowerCase() === 'email' ? newTextOf({ html: body }) : tidyText(body)
}

interface KeyParts {
  externalId: string | null
  body: string
  receivedAt: Date
}

function keyOf(message: Message, { externalId, body, receivedAt }: KeyParts) {
  const location = message.locationId
  if (externalId) {
    return { dedupeKey: dedupeKey('gohighlevel', location, externalId), dedupeAliases: [] }
  }
  const { contactId, conversationId, dateAdded } = message
  const digest = (time: string) =>
    dedupeKey(
      'gohighlevel',
      location,
      sha256(JSON.stringify([contactId, conversationId, time, body])),
    )
  if (dateAdded) return { dedupeKey: digest(dateAdded), dedupeAliases: [] }
  return bucketedKey(receivedAt, digest)
}

/** The contact and the address it wrote from, or that we wrote to. */
function counterpartOf(message: Message, direction: 'inbound' | 'outbound'): LeadFacts {
  const candidates = direction === 'inbound' ? message.from : message.to
  // Of several recipients nobody knows which one is the contact.
  const address = candidates.length === 1 ? candidates[0] : undefined
  const isMail = address?.includes('@') ?? false
  const name = isMail ? /^([^<]*)</.exec(address ?? '')?.[1]?.replaceAll('"', '') : null
  return {
    identities: contactIdentities(message.locationId, message.contactId, {
      email: isMail ? address : null,
      phone: isMail ? null : address,
    }),
    ...splitName(textOrNull(name)),
    company: null,
    title: null,
  }
}

function parseDnd(payload: Record<string, unknown>, receivedAt: Date): ParseResult {
  const parsed = dndSchema.safeParse(payload)
  if (!parsed.success) return rejection(parsed.error, 'ContactDndUpdate')
  const contact = parsed.data
  const kind = dndKindOf(contact)
  if (!kind) return missing('ContactDndUpdate', 'dndSettings', 'takes a status per channel')
  const key = (delivery: string) =>
    dedupeKey(
      'gohighlevel',
      contact.locationId,
      'ContactDndUpdate',
      contact.id,
      delivery,
      contact.webhookId ? '' : kind,
    )
  const named = contact.webhookId ?? contact.timestamp
  const name = splitName(contact.name)
  return eventsOf({
    kind,
    direction: 'inbound',
    ...(named ? { dedupeKey: key(named), dedupeAliases: [] } : bucketedKey(receivedAt, key)),
    externalId: null,
    lead: {
      identities: contactIdentities(contact.locationId, contact.id, contact),
      firstName: contact.firstName ?? name.firstName,
      lastName: contact.lastName ?? name.lastName,
      company: contact.companyName,
      title: null,
    },
    subject: null,
    body: null,
    // `dateAdded` is when the contact was made.
    sentAt: parseTime(contact.timestamp),
    signals: {},
    labelTag: null,
    payload: keptPayload(payload),
  })
}

/** `active` and `permanent` both mean do-not-disturb is on; top-level `dnd` may lag behind. */
function dndKindOf({ dnd, dndSettings }: Dnd): 'opt_out' | 'opt_in' | null {
  const statuses = Object.values(dndSettings ?? {})
    .map((channel) => channel?.status?.toLowerCase())
    .filter((status) => status !== undefined)
  if (dnd === true || statuses.some((status) => status === 'active' || status === 'permanent')) {
    return 'opt_out'
  }
  const isOff = statuses.every((status) => status === 'inactive')
  return isOff && (statuses.length > 0 || dnd === false) ? 'opt_in' : null
}

/** Both shapes name a contact alike, so that a lead is found by either. */
export function contactIdentities(
  scope: string,
  contactId: string | null,
  person: { email?: string | null | undefined; phone?: string | null | undefined },
): Identity[] {
  const { email, phone } = person
  return identitiesOf({ provider: { scope: `gohighlevel:${scope}`, id: contactId }, email, phone })
}

/** `to` is a text in SMS and a list in e-mail. */
function textsOf(raw: unknown): string[] {
  const list: unknown[] = Array.isArray(raw) ? raw : [raw]
  return list.map(textOrNull).filter((entry) => entry !== null)
}

function jsonObject(raw: string): Record<string, unknown> | null {
  const decoded = decodeJson(Buffer.from(raw))
  return decoded.ok ? decoded.value : null
}

function eventsOf(event: InboundEvent): ParseResult {
  return { outcome: 'events', events: [event] }
}

function ignored(what: string): Extract<ParseResult, { outcome: 'ignored' }> {
  return { outcome: 'ignored', reason: what.slice(0, NAMED_CHARACTERS_MAX).toWellFormed() }
}

function missing(type: string, field: string, takes: string): ParseResult {
  return { outcome: 'rejected', reason: `${type}: ${field}: ${takes}`, field }
}
