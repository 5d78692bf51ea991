/** EmailBison (also sold as Inboxxia): replies, sends, bounces and unsubscribes of its campaigns. */
import { z } from 'zod'
import { identitiesOf, normalizeEmail } from '../identity.ts'
import { htmlToPlainText } from '../text/plain-text.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import {
  decodeJson,
  dedupeKey,
  parseTime,
  rejection,
  splitName,
  storableText,
  textOrNull,
} from './decode.ts'
import type { Delivery, InboundEvent, LeadFacts, ParseResult, Provider } from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import {
  failedRecipientOf,
  isMailRobot,
  machineMailOf,
  messageIdOf,
  parseHeaders,
} from './machine-mail.ts'

const BODY_BYTES_MAX = 36 * 1024 * 1024

const text = z.string().nullish()
const id = z.union([z.number(), z.string()]).nullish()
const flag = z.union([z.boolean(), z.number(), z.string()]).nullish()
const addresses = z.array(z.looseObject({ address: text })).nullish()

const replySchema = z.looseObject({
  id,
  uuid: text,
  email_subject: text,
  subject: text,
  automated_reply: flag,
  html_body: text,
  text_body: text,
  headers: z.unknown(),
  date_received: text,
  created_at: text,
  folder: text,
  from_name: text,
  from_email_address: text,
  primary_to_email_address: text,
  to: addresses,
  raw_message_id: text,
  attachments: z.array(z.unknown()).nullish(),
})
const leadSchema = z.looseObject({
  id,
  email: text,
  first_name: text,
  last_name: text,
  title: text,
  company: text,
  custom_variables: z.array(z.looseObject({ name: text, value: z.unknown() })).nullish(),
})
const dataSchema = z.looseObject({
  reply: replySchema.nullish(),
  lead: leadSchema.nullish(),
  campaign: z.looseObject({ id }).nullish(),
  campaign_event: z.looseObject({ id, created_at: text }).nullish(),
  scheduled_email: z
    .looseObject({ id, email_subject: text, email_body: text, sent_at: text, raw_message_id: text })
    .nullish(),
  sender_email: z.looseObject({ email: text }).nullish(),
})
const envelopeSchema = z.looseObject({
  event: z.looseObject({
    type: z.string(),
    instance_url: z.string().trim().min(1),
    workspace_id: z.union([z.number(), z.string().trim().min(1)]),
  }),
  data: dataSchema,
})
type Data = z.infer<typeof dataSchema>
type Reply = z.infer<typeof replySchema>

/** What one delivery is about, read once. `scope` is instance and workspace: ids repeat outside. */
interface Context {
  type: string
  scope: string
  data: Data
  own: string | null
  payload: unknown
}

export const emailbison: Provider = {
  name: 'emailbison',
  channels: ['email'],
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema: null,
  // No signature exists; the secret is the URL. Reaching this line is a configuration that lies.
  verify: () => ({ ok: false, reason: 'emailbison offers no signature' }),
  parse,
  notStoredStatus: 503,
  answerFormat: 'json',
}

const handlers = new Map<string, (context: Context) => ParseResult>([
  ['LEAD_REPLIED', parseReply],
  ['LEAD_INTERESTED', parseReply],
  ['UNTRACKED_REPLY_RECEIVED', parseReply],
  ['MANUAL_EMAIL_SENT', parseManualSend],
  ['EMAIL_SENT', parseCampaignSend],
  ['EMAIL_BOUNCED', (context) => parseFact(context, 'bounce')],
  ['LEAD_UNSUBSCRIBED', (context) => parseFact(context, 'opt_out')],
])
/** Known and without a message: the send is told by EMAIL_SENT, the rest is about our side. */
const ignoredTypes =
  /^(?:LEAD_FIRST_CONTACTED|EMAIL_OPENED|EMAIL_SEND_FAILED|EMAIL_ACCOUNT_\w+|TAG_(?:ATTACHED|REMOVED)|WARMUP_DISABLED_\w+|BLACKLISTED_(?:DOMAIN|EMAIL)_ADDED)$/

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeJson(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const found = envelopeOf(decoded.value)
  if (!found) return missing('emailbison', 'event.type', 'takes the name of an event')
  const type = found.type.trim().toUpperCase()
  const handler = handlers.get(type)
  if (!handler) {
    const known = ignoredTypes.test(type) ? '' : 'unknown '
    return { outcome: 'ignored', reason: `${known}event ${storableText(type).slice(0, 60)}` }
  }
  const parsed = envelopeSchema.safeParse(found.envelope)
  if (!parsed.success) return rejection(parsed.error, type)
  const { event, data } = parsed.data
  const host = hostOf(event.instance_url)
  if (!host) return missing(type, 'event.instance_url', 'takes the URL of the instance')
  return handler({
    type,
    scope: `emailbison:${host}:${String(event.workspace_id).trim()}`,
    data,
    own: normalizeEmail(data.sender_email?.email),
    payload: keptPayload(found.envelope, ['raw_body', 'html_body']),
  })
}

/** Some relays wrap the provider's envelope; the first member that looks like one is it. */
function envelopeOf(body: Record<string, unknown>): { type: string; envelope: unknown } | null {
  const nested = [body, body.event, body.data, body.payload, member(body.data, 'payload')]
  for (const envelope of nested) {
    const type = member(member(envelope, 'event'), 'type')
    if (typeof type === 'string' && type.trim()) return { type, envelope }
  }
  return null
}

function parseReply(context: Context): ParseResult {
  const { data, own, type } = context
  const reply = data.reply
  if (!reply) return missing(type, 'data.reply', 'takes the reply')
  const from = normalizeEmail(reply.from_email_address)
  const folder = reply.folder?.trim().toLowerCase() ?? ''
  if (folder === 'sent' || (from !== null && from === own)) return parseManualSend(context)
  const key = replyKey(context, reply)
  if (!key) return missing(type, 'data.reply.id', 'takes the id of the reply')
  const headers = parseHeaders(headerText(reply.headers))
  const subject = textOrNull(reply.email_subject) ?? textOrNull(reply.subject)
  const body = newTextOf({ text: reply.text_body, html: reply.html_body })
  // A report is read whole: the failed address stands in what looks like quoted thread.
  const report = reply.text_body || (reply.html_body ? htmlToPlainText(reply.html_body) : '')
  const robot = folder === 'bounced' || isMailRobot(from)
  const machine = machineMailOf(headers, { robot, subject, text: report })
  if (machine.kind === 'receipt') return { outcome: 'ignored', reason: 'mail receipt' }
  if (machine.kind === 'delayed') {
    return { outcome: 'ignored', reason: 'delivery delayed, not failed' }
  }
  const lead = leadOf(context)
  const signals = {
    ...signalsOf(reply),
    ...(from && lead.email && from !== lead.email && { repliedFrom: from }),
    ...(machine.bulk && { bulk: true }),
    ...(machine.hint && { autoReplyHint: true }),
  }
  const event = { ...eventOf(context, reply, key), subject, body, signals }
  if (machine.kind === 'failed') {
    const failed = failedRecipientOf({ headers, text: report }, [own, ownRecipientOf(reply)])
    const facts = lead.named ? lead.facts : person(failed, null)
    if (facts.identities.length === 0) {
      return { outcome: 'ignored', reason: 'bounce that names no address', keep: true }
    }
    return stored({ ...event, signals: signalsOf(reply), kind: 'bounce', lead: facts })
  }
  const facts = lead.named ? lead.facts : person(from, reply.from_name)
  if (facts.identities.length === 0) {
    return missing(type, 'data.reply.from_email_address', 'takes an e-mail address')
  }
  const automatic = machine.kind === 'auto_reply' || isSet(reply.automated_reply)
  return stored({ ...event, kind: automatic ? 'auto_reply' : 'text', lead: facts })
}

/** A person of our side answered from the inbox: it looks like a reply and never is one. */
function parseManualSend(context: Context): ParseResult {
  const { data, own, type } = context
  const reply = data.reply
  if (!reply) return missing(type, 'data.reply', 'takes the sent mail')
  const key = replyKey(context, reply)
  if (!key) return missing(type, 'data.reply.id', 'takes the id of the mail')
  const lead = leadOf(context)
  const recipients = [reply.primary_to_email_address, ...(reply.to ?? []).map((to) => to.address)]
  const to = recipients.map(normalizeEmail).find((address) => address !== null && address !== own)
  const facts = lead.named ? lead.facts : person(to ?? null, null)
  if (facts.identities.length === 0) {
    return { outcome: 'ignored', reason: 'own mail that names no recipient' }
  }
  return stored({
    ...eventOf(context, reply, key),
    direction: 'outbound',
    subject: textOrNull(reply.email_subject) ?? textOrNull(reply.subject),
    body: newTextOf({ text: reply.text_body, html: reply.html_body }),
    signals: signalsOf(reply),
    lead: facts,
  })
}

function parseCampaignSend(context: Context): ParseResult {
  const { data, scope, type } = context
  const sent = data.scheduled_email
  const sentId = textOrNull(sent?.id)
  if (!sent || !sentId) return missing(type, 'data.scheduled_email.id', 'takes the id of the mail')
  const lead = leadOf(context)
  if (!lead.named) return missing(type, 'data.lead', 'takes a lead with id or e-mail')
  const rfcMessageId = messageIdOf(sent.raw_message_id)
  return stored({
    ...blankEvent(context, dedupeKey(scope, 'scheduled_email', sentId), sentId),
    direction: 'outbound',
    lead: lead.facts,
    subject: textOrNull(sent.email_subject),
    body: newTextOf({ html: sent.email_body }),
    sentAt: parseTime(sent.sent_at) ?? parseTime(data.campaign_event?.created_at),
    signals: rfcMessageId ? { rfcMessageId } : {},
  })
}

/** The event is the fact; a text beside it is only the provider's evidence. */
function parseFact(context: Context, kind: 'bounce' | 'opt_out'): ParseResult {
  const { data, scope, type } = context
  const lead = leadOf(context)
  if (!lead.named) return missing(type, 'data.lead', 'takes a lead with id or e-mail')
  const eventId = textOrNull(data.campaign_event?.id)
  const leadId = textOrNull(data.lead?.id) ?? lead.email ?? ''
  const parts = eventId ? [eventId] : [leadId, textOrNull(data.campaign?.id) ?? '']
  const key = dedupeKey(scope, type.toLowerCase(), ...parts)
  const evidence = newTextOf({ text: data.reply?.text_body, html: data.reply?.html_body })
  return stored({
    ...blankEvent(context, key, eventId),
    kind,
    lead: lead.facts,
    subject: kind === 'bounce' ? textOrNull(data.reply?.email_subject) : null,
    body: kind === 'bounce' ? evidence || null : null,
    sentAt: parseTime(data.campaign_event?.created_at) ?? parseTime(data.reply?.date_received),
  })
}

function eventOf(context: Context, reply: Reply, key: string): InboundEvent {
  const externalId = textOrNull(reply.id) ?? textOrNull(reply.uuid)
  const sentAt = parseTime(reply.date_received) ?? parseTime(reply.created_at)
  return { ...blankEvent(context, key, externalId), sentAt }
}

function blankEvent(context: Context, key: string, externalId: string | null): InboundEvent {
  return {
    kind: 'text',
    direction: 'inbound',
    dedupeKey: key,
    dedupeAliases: [],
    externalId,
    lead: person(null, null),
    subject: null,
    body: null,
    sentAt: null,
    signals: {},
    labelTag: null,
    payload: context.payload,
  }
}

/** The reply's key has no event type: replied, interested and untracked tell of one message. */
function replyKey({ scope }: Context, reply: Reply): string | null {
  const replyId =
    textOrNull(reply.id) ?? textOrNull(reply.uuid) ?? messageIdOf(reply.raw_message_id)
  return replyId ? dedupeKey(scope, 'reply', replyId) : null
}
