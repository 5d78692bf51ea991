/**
 * Instantly (API v2): replies, sends, labels and opt-outs of its campaigns. Customers' own lead
 * variables lie beside the reserved keys of every event, so only the reserved keys decide; variables
 * add a name or a position at most.
 */
import { z } from 'zod'
import { identitiesOf, normalizeEmail } from '../identity.ts'
import type { SentimentTag } from '../sentiment-tag.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import { decodeJson, dedupeKey, parseTime, rejection, sha256, textOrNull } from './decode.ts'
import type {
  Delivery,
  EventKind,
  InboundEvent,
  LeadFacts,
  ParseResult,
  Provider,
  Verification,
} from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import { isAnyOf, refused, secretOrSecretsSchema, verified } from './signatures.ts'

const BODY_BYTES_MAX = 512 * 1024
const TYPE_CHARACTERS_MAX = 60

const signatureSchema = z.strictObject({
  header: z.string('takes a text').regex(/^[\w-]{1,100}$/, 'takes the name of a header'),
  value: secretOrSecretsSchema,
})
type Signature = z.infer<typeof signatureSchema>

const text = z.unknown().optional().transform(textOrNull)
const eventSchema = z.looseObject({
  event_type: z.string('takes the name of an event').trim().min(1, 'takes the name of an event'),
  timestamp: text,
  workspace: text,
  campaign_id: text,
  lead_email: text,
  email_id: text,
  email_subject: text,
  email_text: text,
  email_html: text,
  reply_subject: text,
  reply_text: text,
  reply_html: text,
  reply_text_snippet: text,
})
type Event = z.infer<typeof eventSchema>

interface Reading {
  kind: EventKind
  direction: 'inbound' | 'outbound'
  content: 'reply' | 'email' | null
}

const readings = new Map<string, Reading>([
  ['reply_received', { kind: 'text', direction: 'inbound', content: 'reply' }],
  ['auto_reply_received', { kind: 'auto_reply', direction: 'inbound', content: 'reply' }],
  ['email_sent', { kind: 'text', direction: 'outbound', content: 'email' }],
  ['lead_unsubscribed', { kind: 'opt_out', direction: 'inbound', content: null }],
  ['email_bounced', { kind: 'bounce', direction: 'inbound', content: null }],
])
const label: Reading = { kind: 'label', direction: 'inbound', content: null }

/** null: a label without a counterpart among our tags. */
const labelTags = new Map<string, SentimentTag | null>([
  ['lead_interested', 'Interested'],
  ['lead_not_interested', 'Not Interested'],
  ['lead_neutral', 'Neutral'],
  ['lead_meeting_booked', 'Meeting Booked'],
  ['lead_meeting_completed', 'Meeting Booked'],
  ['lead_no_show', 'Follow Up'],
  ['lead_out_of_office', 'Out of Office'],
  ['lead_wrong_person', 'Not Interested'],
  ['lead_closed', null],
])
const ignoredTypes =
  /^(?:email_opened|(?:email_)?link_clicked|account_error|campaign_completed|supersearch_enrichment_completed)$/

export const instantly: Provider<Signature> = {
  name: 'instantly',
  channels: ['instantly'],
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema,
  verify,
  parse,
  notStoredStatus: 503,
  answerFormat: 'json',
}

function verify(delivery: Delivery, { header, value }: Signature): Verification {
  const name = header.toLowerCase()
  return isAnyOf(delivery.headers[name], value) ? verified : refused(`${name}: does not fit`)
}

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeJson(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const parsed = eventSchema.safeParse(decoded.value)
  if (!parsed.success) return rejection(parsed.error, 'instantly')
  const event = parsed.data
  const type = event.event_type.toLowerCase()
  const reading = readings.get(type) ?? (labelTags.has(type) ? label : null)
  if (!reading) {
    // Customers' own labels arrive as event types too: the list is open.
    const known = ignoredTypes.test(type) ? '' : 'unknown '
    const name = type.slice(0, TYPE_CHARACTERS_MAX).toWellFormed()
    return { outcome: 'ignored', reason: `${known}event ${name}` }
  }
  const email = normalizeEmail(event.lead_email)
  if (!email) return missing(type, 'lead_email', 'takes an e-mail address')
  const content = contentOf(event, reading.content)
  if (reading.content === 'reply' && !content.subject && !content.body) {
    return missing(type, 'reply_text', 'takes the text of the reply')
  }
  const key = keyOf(event, { type, email, content: content.raw, delivery })
  if (!key) return missing(type, 'timestamp', 'takes an ISO 8601 time')
  const message: InboundEvent = {
    kind: reading.kind,
    direction: reading.direction,
    dedupeKey: key,
    // The API knows a sent mail by its id alone: it may be stored from there already.
    dedupeAliases:
      type === 'email_sent' && event.email_id
        ? [sentMailKey(tenantOf(event, delivery), event.email_id)]
        : [],
    externalId: event.email_id,
    lead: leadOf(decoded.value, email),
    subject: content.subject,
    body: content.body,
    sentAt: parseTime(event.timestamp),
    signals: {},
    labelTag: labelTags.get(type) ?? null,
    payload: keptPayload(decoded.value, [
      ...(event.email_text ? ['email_html'] : []),
      ...(event.reply_text ? ['reply_html'] : []),
    ]),
  }
  return { outcome: 'events', events: [message] }
}

interface Content {
  subject: string | null
  body: string | null
  /** As sent, for telling two messages apart. */
  raw: string
}

function contentOf(event: Event, content: Reading['content']): Content {
  if (content === 'email') {
    const { email_subject: subject, email_text, email_html } = event
    const body = newTextOf({ text: email_text, html: email_html })
    return { subject, body, raw: email_text ?? email_html ?? '' }
  }
  if (content === null) return { subject: null, body: null, raw: '' }
  const { reply_subject: subject, reply_text, reply_html, reply_text_snippet: snippet } = event
  const body = newTextOf({ text: reply_text, html: reply_html }) || newTextOf({ text: snippet })
  return { subject, body, raw: reply_text ?? reply_html ?? snippet ?? '' }
}

interface KeyParts {
  type: string
  email: string
  content: string
  delivery: Delivery
}

/**
 * Right whether `email_id` names the reply or the mail it answers: type and time are part of it.
 * The receipt time is never taken: a repeated delivery would not be recognised.
 */
function keyOf(event: Event, { type, email, content, delivery }: KeyParts): string | null {
  const { email_id, campaign_id, timestamp } = event
  const tenant = tenantOf(event, delivery)
  if (email_id) return dedupeKey('instantly', tenant, type, email_id, timestamp ?? sha256(content))
  if (!timestamp) return null
  return dedupeKey('instantly', tenant, type, campaign_id ?? '-', email, timestamp)
}

const tenantOf = ({ workspace }: Event, { connectionId }: Delivery) => workspace ?? connectionId

/** Of a sent mail, whoever tells of it: the id names one mail there. */
export const sentMailKey = (tenant: string, emailId: string) =>
  dedupeKey('instantly', tenant, 'email_sent', emailId)

function leadOf(payload: Record<string, unknown>, email: string): LeadFacts {
  const variables = new Map<string, string>()
  for (const [name, value] of Object.entries(payload)) {
    const normal = name.toLowerCase().replace(/[^a-z0-9]/g, '')
    const content = textOrNull(value)
    if (content && !variables.has(normal)) variables.set(normal, content)
  }
  const first = (...names: string[]) =>
    names.map((name) => variables.get(name)).find((value) => value !== undefined) ?? null
  return {
    // A phone variable is often the company's: as an identity it would join strangers.
    identities: identitiesOf({
      email,
      linkedinUrl: first('linkedin', 'linkedinurl', 'linkedinprofile', 'linkedinprofileurl'),
    }),
    firstName: first('firstname'),
    lastName: first('lastname'),
    company: first('companyname', 'company'),
    title: first('jobtitle', 'title'),
  }
}

function missing(type: string, field: string, takes: string): ParseResult {
  return { outcome: 'rejected', reason: `instantly ${type}: ${field}: ${takes}`, field }
}
