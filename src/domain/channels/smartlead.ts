/**
 * SmartLead: replies, sends, bounces, opt-outs and categories of its campaigns. The payload names no
 * account; the URL does.
 */
import { z } from 'zod'
import { identitiesOf, normalizeEmail } from '../identity.ts'
import type { SentimentTag } from '../sentiment-tag.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import { decodeJson, dedupeKey, parseTime, rejection, splitName } from './decode.ts'
import type {
  Delivery,
  InboundEvent,
  LeadFacts,
  ParseResult,
  Provider,
  Verification,
} from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import { messageIdOf } from './machine-mail.ts'
import { bucketedKey } from './receipt-bucket.ts'
import { isAnyOf, refused, secretOrSecretsSchema, verified } from './signatures.ts'
import {
  eventSchema,
  isOurs,
  leadEmailOf,
  leadOf,
  messageKey,
  replyIdOf,
  replyTextOf,
  type SmartleadEvent,
  substituteId,
  untrackedKey,
} from './smartlead-payload.ts'

const BODY_BYTES_MAX = 512 * 1024
const NAMED_CHARACTERS_MAX = 60
/** The secrets of this webhook. */
const secretMembers = ['secret_key', 'webhook_url']
/** Copies of a text that the payload has in plain form as well. */
const copies = ['html', 'reply_body', 'sent_message_body']

const signatureSchema = z.strictObject({ secretKey: secretOrSecretsSchema })
type Signature = z.infer<typeof signatureSchema>

/** What one delivery is about, read once. */
interface Context {
  type: string
  event: SmartleadEvent
  email: string
  lead: LeadFacts
  payload: unknown
  receivedAt: Date
}

const aliases = new Map([
  ['EMAIL_REPLIED', 'EMAIL_REPLY'],
  ['LEAD_REPLIED', 'EMAIL_REPLY'],
  ['EMAIL_UNSUBSCRIBED', 'LEAD_UNSUBSCRIBED'],
  ['EMAIL_BOUNCED', 'EMAIL_BOUNCE'],
])
const handlers = new Map<string, (context: Context) => ParseResult>([
  ['EMAIL_REPLY', parseReply],
  ['EMAIL_SENT', parseSend],
  ['LEAD_UNSUBSCRIBED', parseUnsubscribe],
  ['EMAIL_BOUNCE', parseBounce],
  ['LEAD_CATEGORY_UPDATED', parseCategory],
])
/** FIRST_EMAIL_SENT is told by EMAIL_SENT as well. */
const ignoredTypes =
  /^(?:FIRST_EMAIL_SENT|EMAIL_OPEN(?:ED)?|EMAIL_LINK_CLICK(?:ED)?|CAMPAIGN_STATUS_CHANGED|MANUAL_STEP_REACHED)$/

/** By name, since ids differ per account. A customer's own category has no counterpart. */
const categoryTags = new Map<string, SentimentTag>([
  ['interested', 'Interested'],
  ['meeting request', 'Meeting Requested'],
  ['meeting booked', 'Meeting Booked'],
  ['information request', 'Information Requested'],
  ['not interested', 'Not Interested'],
  ['wrong person', 'Not Interested'],
  ['out of office', 'Out of Office'],
])

export const smartlead: Provider<Signature> = {
  name: 'smartlead',
  channels: ['smartlead'],
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema,
  verify,
  parse,
  notStoredStatus: 503,
  answerFormat: 'json',
}

/** The nearest thing to a signature: a shared secret inside the body. */
function verify(delivery: Delivery, { secretKey }: Signature): Verification {
  const decoded = decodeJson(delivery.rawBody)
  const given = decoded.ok ? decoded.value.secret_key : undefined
  return typeof given === 'string' && isAnyOf(given, secretKey)
    ? verified
    : refused('secret_key: does not fit')
}

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeJson(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const parsed = eventSchema.safeParse(decoded.value)
  if (!parsed.success) return rejection(parsed.error, 'smartlead')
  const event = parsed.data
  const named = event.event_type.toUpperCase()
  const type = aliases.get(named) ?? named
  const hasText = Boolean(event.reply_message?.text ?? event.sent_message?.text)
  const payload = keptPayload(decoded.value, [...secretMembers, ...(hasText ? copies : [])])
  if (type === 'UNTRACKED_REPLIES') return parseUntracked(event, payload)
  const handler = handlers.get(type)
  if (!handler) {
    const known = ignoredTypes.test(type) ? '' : 'unknown '
    return { outcome: 'ignored', reason: `${known}event ${cut(type)}` }
  }
  const email = leadEmailOf(event)
  if (!email) return missing(type, 'lead_email', 'takes an e-mail address')
  const lead = leadOf(event, email)
  return handler({ type, event, email, lead, payload, receivedAt: delivery.receivedAt })
}

function parseReply({ type, event, email, lead, payload }: Context): ParseResult {
  const replier = normalizeEmail(event.leadCorrespondence?.replyReceivedFrom) ?? email
  const body = replyTextOf(event)
  if (!body && !event.subject) return missing(type, 'reply_message', 'takes the reply')
  const id = replyIdOf(event)
  const keyId = id ?? substituteId(event, type, body)
  if (!keyId) return missing(type, 'message_id', 'takes the id of the reply')
  const isOwn = isOurs(replier, event, email)
  const { reply_message, time_replied, event_timestamp } = event
  return eventsOf({
    ...blank(lead, payload),
    direction: isOwn ? 'outbound' : 'inbound',
    dedupeKey: messageKey(event, keyId),
    dedupeAliases: id ? [untrackedKey(id)] : [],
    externalId: id,
    subject: event.subject,
    body,
    sentAt: parseTime(reply_message?.time) ?? parseTime(time_replied) ?? parseTime(event_timestamp),
    signals: {
      ...(id && { rfcMessageId: id }),
      ...(!isOwn && replier !== email && { repliedFrom: replier }),
    },
  })
}

/** Mail of somebody outside the campaigns: no lead and no campaign are named, the sender is. */
function parseUntracked(event: SmartleadEvent, payload: unknown): ParseResult {
  const type = 'UNTRACKED_REPLIES'
  const email = normalizeEmail(event.sender_detail)
  if (!email) return missing(type, 'sender_detail', 'takes Name <address>')
  const body = replyTextOf(event)
  if (!body && !event.subject) return missing(type, 'visible_text', 'takes the text of the mail')
  const id = replyIdOf(event)
  const keyId = id ?? substituteId(event, type, body)
  if (!keyId) return missing(type, 'reply_message.message_id', 'takes the id of the mail')
  const name = /^([^<]*)</.exec(event.sender_detail ?? '')?.[1]?.replaceAll('"', '') ?? null
  const identities = identitiesOf({ email })
  return eventsOf({
    ...blank({ identities, ...splitName(name), company: null, title: null }, payload),
    dedupeKey: untrackedKey(keyId),
    externalId: id,
    subject: event.subject,
    body,
    sentAt: parseTime(event.reply_message?.time) ?? parseTime(event.event_timestamp),
    signals: id ? { rfcMessageId: id } : {},
  })
}

function parseSend({ type, event, lead, payload }: Context): ParseResult {
  const { sent_message: sent, custom_email_message: html } = event
  const id = messageIdOf(sent?.message_id) ?? messageIdOf(event.message_id)
  const body = newTextOf({ text: sent?.text, html: sent?.html ?? html })
  const keyId = id ?? substituteId(event, type, body)
  if (!keyId) return missing(type, 'message_id', 'takes the id of the mail')
  return eventsOf({
    ...blank(lead, payload),
    direction: 'outbound',
    dedupeKey: messageKey(event, keyId),
    externalId: id,
    subject: event.subject ?? event.custom_subject,
    body,
    sentAt: parseTime(sent?.time) ?? parseTime(event.time_sent) ?? parseTime(event.event_timestamp),
    signals: id ? { rfcMessageId: id } : {},
  })
}

/**
 * The mails named in it are ours: the event alone is the fact. A wish to stop is kept also when it
 * names no time.
 */
function parseUnsubscribe(context: Context): ParseResult {
  const time = context.event.event_timestamp
  if (time) return eventsOf(factOf(context, 'opt_out', [time]))
  const fact = factOf(context, 'opt_out', [])
  const keys = bucketedKey(context.receivedAt, (bucket) => dedupeKey(fact.dedupeKey, bucket))
  return eventsOf({ ...fact, ...keys })
}

function parseBounce(context: Context): ParseResult {
  const { event, type } = context
  if (isTrue(event.is_sender_originated_bounce)) {
    return { outcome: 'ignored', reason: 'bounce caused by our mailbox, not by the lead' }
  }
  const id =
    messageIdOf(event.bounce_reply_message_id) ??
    messageIdOf(event.message_id) ??
    event.event_timestamp
  if (!id) return missing(type, 'message_id', 'takes the id of the mail')
  return eventsOf(factOf(context, 'bounce', [id]))
}

function parseCategory(context: Context): ParseResult {
  const { event, type } = context
  const category = event.lead_category?.new_name ?? event.category
  if (!category) return missing(type, 'lead_category.new_name', 'takes the name of a category')
  const name = category
    .toLowerCase()
    .replace(/[^a-z]+/g, ' ')
    .trim()
  const parts = [cut(category), event.event_timestamp ?? event.lastReply?.message_id ?? '-']
  if (name === 'do not contact') return eventsOf(factOf(context, 'opt_out', parts))
  const label = {
    ...factOf(context, 'label', parts),
    labelTag: categoryTags.get(name) ?? null,
  }
  if (name !== 'out of office') return eventsOf(label)
  const reply = lastReplyOf(context)
  return reply ? { outcome: 'events', events: [reply, label] } : eventsOf(label)
}

/**
 * The reply that was called out of office. It may be stored already from EMAIL_REPLY: the keys are
 * equal, and the label beside it still tags the lead.
 */
function lastReplyOf({ event, lead, payload }: Context): InboundEvent | null {
  const reply = event.lastReply
  const id = messageIdOf(reply?.message_id)
  if (!reply || !id) return null
  const mail = event.history?.find((entry) => messageIdOf(entry.message_id) === id)
  return {
    ...blank(lead, payload),
    kind: 'auto_reply',
    dedupeKey: messageKey(event, id),
    dedupeAliases: [untrackedKey(id)],
    externalId: id,
    subject: mail?.subject ?? null,
    body: newTextOf({ html: reply.email_body }),
    sentAt: parseTime(reply.time),
    signals: { rfcMessageId: id },
  }
}

/** What the provider says of a lead, without a text. */
function factOf(
  { type, event, email, lead, payload }: Context,
  kind: 'opt_out' | 'bounce' | 'label',
  parts: string[],
): InboundEvent {
  const key = dedupeKey('smartlead', type, event.campaign_id ?? '-', email, ...parts)
  return { ...blank(lead, payload), kind, dedupeKey: key, sentAt: parseTime(event.event_timestamp) }
}

function blank(lead: LeadFacts, payload: unknown): InboundEvent {
  return {
    kind: 'text',
    direction: 'inbound',
    dedupeKey: '',
    dedupeAliases: [],
    externalId: null,
    lead,
    subject: null,
    body: null,
    sentAt: null,
    signals: {},
    labelTag: null,
    payload,
  }
}

function eventsOf(event: InboundEvent): ParseResult {
  return { outcome: 'events', events: [event] }
}

function isTrue(raw: unknown): boolean {
  return raw === true || raw === 1 || raw === 'true'
}

function cut(name: string): string {
  return name.slice(0, NAMED_CHARACTERS_MAX).toWellFormed()
}

function missing(type: string, field: string, takes: string): ParseResult {
  return { outcome: 'rejected', reason: `smartlead ${type}: ${field}: ${takes}`, field }
}
