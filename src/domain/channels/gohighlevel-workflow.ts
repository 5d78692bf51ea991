/**
 * GoHighLevel's workflow actions "Webhook" and "Custom Webhook": a contact with a text somewhere in
 * it. There is no schema, no message id and no time, so everything is looked for and the key falls
 * back to the minute of receipt.
 */
import { type Identity, identitiesOf } from '../identity.ts'
import { tidyText } from '../text/plain-text.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import { dedupeKey, splitName, textOrNull } from './decode.ts'
import { contactIdentities } from './gohighlevel-app.ts'
import type { Delivery, LeadFacts, ParseResult } from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import { bucketedKey } from './receipt-bucket.ts'

/** `message.type` of an SMS: plain text. Other numbers are not to be trusted. */
const SMS_TYPE = 2
/** Wall clocks of all zones lie within 14 hours of UTC; the rest is for slow deliveries. */
const WALL_CLOCK_DIFFERENCE_MAX_MS = 26 * 60 * 60 * 1000
const FIELDS_MAX = 500

/** One delivery with its loosely named parts looked up by name. */
interface Reading {
  payload: Record<string, unknown>
  /** Typed by the customer: names are compared without case, blanks and punctuation. */
  custom: Map<string, string>
  locationId: string | null
  contactId: string | null
}

export function parseWorkflow(payload: Record<string, unknown>, delivery: Delivery): ParseResult {
  const reading = readingOf(payload)
  const body = bodyOf(reading)
  const scope = reading.locationId ?? `connection:${delivery.connectionId}`
  const lead = leadOf(reading, scope)
  if (lead.identities.length === 0) {
    const reason = 'gohighlevel workflow: contact_id: takes the id of the contact'
    return { outcome: 'rejected', reason, field: 'contact_id' }
  }
  if (body === null) return { outcome: 'ignored', reason: 'workflow call without a message' }
  const messageId = messageIdOf(reading)
  return {
    outcome: 'events',
    events: [
      {
        kind: 'text',
        direction: isOutbound(reading) ? 'outbound' : 'inbound',
        ...keyOf(reading, { scope, messageId, body, delivery, lead }),
        externalId: messageId,
        lead,
        subject: null,
        body,
        // `date_created` is the contact's; Date and Time of a template name no zone.
        sentAt: null,
        signals: { route: `workflow:${workflowOf(reading)}` },
        labelTag: null,
        payload: keptPayload(payload),
      },
    ],
  }
}

function readingOf(payload: Record<string, unknown>): Reading {
  const custom = new Map<string, string>()
  for (const [name, value] of Object.entries(objectOf(payload.customData)).slice(0, FIELDS_MAX)) {
    const content = resolved(value)
    const normal = normalName(name)
    if (content !== null && !custom.has(normal)) custom.set(normal, content)
  }
  const first = (...values: unknown[]) =>
    values.map(resolved).find((value) => value !== null) ?? null
  const { location, locationId, location_id, contact_id, contactId } = payload
  return {
    payload,
    custom,
    locationId: first(
      objectOf(location).id,
      locationId,
      location_id,
      custom.get('locationid') ?? null,
    ),
    contactId: first(contact_id, contactId, custom.get('contactid'), custom.get('id')),
  }
}

/** Top-level members are the contact's own fields, so only the exact names count there. */
function bodyOf({ payload, custom }: Reading): string | null {
  const { message, body } = payload
  const found =
    resolved(objectOf(message).body) ??
    resolved(message) ??
    resolved(body) ??
    ['message', 'messagebody', 'body', 'text', 'sms'].map((name) => custom.get(name)).find(Boolean)
  if (!found) return null
  const isSms = objectOf(message).type === SMS_TYPE
  const isHtml = !isSms && /<(?:html|body|div|p|br|span|table)\b[^<>]*>/i.test(found)
  return (isHtml ? newTextOf({ html: found }) : tidyText(found)) || null
}

/** Staff messages come on the same URL where a customer built it so. */
function isOutbound({ payload, custom }: Reading): boolean {
  const direction = resolved(payload.direction) ?? custom.get('direction') ?? null
  if (direction !== null) return direction.toLowerCase() === 'outbound'
  return resolved(payload.userId) !== null
}

function messageIdOf({ payload, custom }: Reading): string | null {
  return resolved(payload.messageId) ?? custom.get('messageid') ?? custom.get('msgid') ?? null
}

interface KeyParts {
  scope: string
  messageId: string | null
  body: string
  delivery: Delivery
  lead: LeadFacts
}

function keyOf(reading: Reading, { scope, messageId, body, delivery, lead }: KeyParts) {
  // The app's key: where both are installed, the message is stored once.
  if (messageId) {
    return { dedupeKey: dedupeKey('gohighlevel', scope, messageId), dedupeAliases: [] }
  }
  const who = reading.contactId ?? lead.identities[0]?.value ?? '-'
  const workflow = workflowOf(reading)
  const date = reading.custom.get('date')
  const time = reading.custom.get('time')
  const text = body.toLowerCase().replace(/\s+/g, ' ')
  const clock = date && time ? [date, time] : []
  if (isNear(clock, delivery.receivedAt)) {
    const key = dedupeKey('gohighlevel', scope, who, workflow, ...clock, text)
    return { dedupeKey: key, dedupeAliases: [] }
  }
  return bucketedKey(delivery.receivedAt, (bucket) =>
    dedupeKey('gohighlevel', scope, who, workflow, ...clock, bucket, text),
  )
}

/** Several workflows may tell of one message. */
function workflowOf({ payload }: Reading): string {
  return resolved(objectOf(payload.workflow).id) ?? '-'
}

/**
 * Whether Date and Time can be the message's. A template that fills in the contact's date would make
 * every later "yes" a duplicate of the first.
 */
function isNear(clock: string[], receivedAt: Date): boolean {
  if (clock.length === 0) return false
  const wallClock = clock.join(' ').replace(/(\d)(?:st|nd|rd|th)\b/i, '$1')
  const time = Date.parse(`${wallClock} UTC`)
  return Math.abs(time - receivedAt.getTime()) <= WALL_CLOCK_DIFFERENCE_MAX_MS
}

function leadOf({ payload, custom, contactId }: Reading, scope: string): LeadFacts {
  const first = (...values: unknown[]) =>
    values.map(resolved).find((value) => value !== null) ?? null
  const { first_name, firstName, last_name, lastName, full_name, fullName, name } = payload
  const full = splitName(first(full_name, fullName, name, custom.get('fullname')))
  return {
    identities: [
      ...contactIdentities(scope, contactId, {
        email: first(payload.email, custom.get('email')),
        phone: first(payload.phone, custom.get('phone'), custom.get('phonenumber')),
      }),
      ...linkedinOf(payload, custom),
    ],
    firstName: first(first_name, firstName, custom.get('firstname'), full.firstName),
    lastName: first(last_name, lastName, custom.get('lastname'), full.lastName),
    company: first(payload.company_name, payload.companyName, custom.get('companyname')),
    title: first(payload['Job Title'], payload.job_title, payload.title, custom.get('jobtitle')),
  }
}

/** A custom field named by people: "LinkedIn Profile", "Linkedin URL". */
function linkedinOf(payload: Record<string, unknown>, custom: Map<string, string>): Identity[] {
  for (const [name, value] of [...Object.entries(payload).slice(0, FIELDS_MAX), ...custom]) {
    if (!normalName(name).includes('linkedin')) continue
    const found = identitiesOf({ linkedinUrl: resolved(value) })
    if (found.length > 0) return found
  }
  return []
}

/** Text or null; a merge field that found nothing stays empty or literal (`{{message.body}}`). */
function resolved(value: unknown): string | null {
  const content = textOrNull(value)
  return content === null || /^\{\{[^{}]*\}\}$/.test(content) ? null : content
}

function normalName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

function objectOf(value: unknown): Record<string, unknown> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : {}
}
