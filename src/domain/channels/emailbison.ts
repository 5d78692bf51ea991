/** EmailBison (also sold as Inboxxia): replies, sends, bounces and unsubscribes of its campaigns. */
import { normalizeEmail } from '../identity.ts'
import { htmlToPlainText, subjectOf } from '../text/plain-text.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import { storableText } from '../text/storable-text.ts'
import { decodeJson, dedupeKey, parseTime, rejection, textOrNull } from './decode.ts'
import {
  type Data,
  envelopeOf,
  envelopeSchema,
  headerTextOf,
  hostOf,
  isAutomated,
  leadOf,
  personOf,
  type Reply,
  recipientOf,
  signalsOf,
} from './emailbison-payload.ts'
import type {
  Delivery,
  EventKind,
  InboundEvent,
  LeadFacts,
  MessageSignals,
  ParseResult,
  Provider,
} from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import {
  failedRecipientOf,
  isMailRobot,
  machineMailOf,
  messageIdOf,
  parseHeaders,
} from './machine-mail.ts'

const BODY_BYTES_MAX = 36 * 1024 * 1024

/** What one delivery is about, read once. `scope` is instance and workspace: ids repeat outside. */
interface Context {
  type: string
  scope: string
  data: Data
  /** Our mailbox. */
  own: string | null
  lead: LeadFacts | null
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
  if (!found) return missing('envelope', 'event.type', 'takes the name of an event')
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
  const scope = `emailbison:${host}:${String(event.workspace_id).trim()}`
  return handler({
    type,
    scope,
    data,
    lead: leadOf(data, scope),
    own: normalizeEmail(data.sender_email?.email),
    payload: keptPayload(found.envelope, ['raw_body', 'html_body']),
  })
}

function parseReply(context: Context): ParseResult {
  const { data, own, type } = context
  const reply = data.reply
  if (!reply) return missing(type, 'data.reply', 'takes the reply')
  const from = normalizeEmail(reply.from_email_address)
  const folder = reply.folder?.trim().toLowerCase() ?? ''
  if (folder === 'sent' || (from !== null && from === own)) return parseManualSend(context)
  const base = replyEvent(context, reply)
  if (!base) return missing(type, 'data.reply.id', 'takes the id of the reply')
  // A report is read whole: the failed address stands in what looks like quoted thread.
  const report = reply.text_body || (reply.html_body ? htmlToPlainText(reply.html_body) : '')
  const robot = folder === 'bounced' || isMailRobot(from)
  const headers = parseHeaders(headerTextOf(reply))
  const machine = machineMailOf(headers, { robot, subject: base.subject, text: report })
  if (machine.kind === 'receipt') return { outcome: 'ignored', reason: 'mail receipt' }
  if (machine.kind === 'delayed') {
    return { outcome: 'ignored', reason: 'delivery delayed, not failed' }
  }
  if (machine.kind === 'failed') {
    const reportedTo = normalizeEmail(reply.primary_to_email_address)
    const failed = failedRecipientOf({ headers, text: report }, [own, reportedTo])
    const lead = context.lead ?? personOf(failed, null)
    // The bouncer is nobody: without the failed address there is no lead to disqualify.
    if (!lead) return { outcome: 'ignored', reason: 'bounce that names no address', keep: true }
    return stored({ ...base, kind: 'bounce', lead })
  }
  const lead = context.lead ?? personOf(from, reply.from_name)
  if (!lead) return missing(type, 'data.reply.from_email_address', 'takes an e-mail address')
  const isOther =
    from !== null && lead.identities.some((known) => known.kind === 'email' && known.value !== from)
  const signals: MessageSignals = {
    ...base.signals,
    ...(isOther && { repliedFrom: from }),
    ...(machine.bulk && { bulk: true }),
    ...(machine.hint && { autoReplyHint: true }),
  }
  const kind = machine.kind === 'auto_reply' || isAutomated(reply) ? 'auto_reply' : 'text'
  return stored({ ...base, kind, lead, signals })
}

/** A person of our side answered from the inbox: it looks like a reply and never is one. */
function parseManualSend(context: Context): ParseResult {
  const { data, own, type } = context
  const reply = data.reply
  if (!reply) return missing(type, 'data.reply', 'takes the sent mail')
  const base = replyEvent(context, reply)
  if (!base) return missing(type, 'data.reply.id', 'takes the id of the mail')
  const lead = context.lead ?? personOf(recipientOf(reply, own), null)
  if (!lead) return { outcome: 'ignored', reason: 'own mail that names no recipient' }
  return stored({ ...base, direction: 'outbound', lead })
}

function parseCampaignSend(context: Context): ParseResult {
  const { data, lead, scope, type } = context
  const sent = data.scheduled_email
  const sentId = textOrNull(sent?.id)
  if (!sent || !sentId) return missing(type, 'data.scheduled_email.id', 'takes the id of the mail')
  if (!lead) return missing(type, 'data.lead', 'takes a lead with id or e-mail')
  const rfcMessageId = messageIdOf(sent.raw_message_id)
  return stored({
    ...blankEvent(context, dedupeKey(scope, 'scheduled_email', sentId)),
    externalId: sentId,
    direction: 'outbound',
    lead,
    subject: subjectOf(sent.email_subject),
    body: newTextOf({ html: sent.email_body }),
    sentAt: parseTime(sent.sent_at) ?? parseTime(data.campaign_event?.created_at),
    signals: rfcMessageId ? { rfcMessageId } : {},
  })
}

/** The event is the fact; a mail beside it is only the provider's evidence. */
function parseFact(context: Context, kind: EventKind): ParseResult {
  const { data, lead, scope, type } = context
  if (!lead) return missing(type, 'data.lead', 'takes a lead with id or e-mail')
  const eventId = textOrNull(data.campaign_event?.id)
  const known = textOrNull(data.lead?.id) ?? normalizeEmail(data.lead?.email) ?? ''
  const parts = eventId ? [eventId] : [known, textOrNull(data.campaign?.id) ?? '']
  const evidence = newTextOf({ text: data.reply?.text_body, html: data.reply?.html_body })
  return stored({
    ...blankEvent(context, dedupeKey(scope, type.toLowerCase(), ...parts)),
    kind,
    externalId: eventId,
    lead,
    subject: subjectOf(data.reply?.email_subject),
    body: evidence || null,
    sentAt: parseTime(data.campaign_event?.created_at) ?? parseTime(data.reply?.date_received),
  })
}

/** Its key has no event type: replied, interested and untracked tell of one message. */
function replyEvent(context: Context, reply: Reply): Omit<InboundEvent, 'lead'> | null {
  const replyId =
    textOrNull(reply.id) ?? textOrNull(reply.uuid) ?? messageIdOf(reply.raw_message_id)
  if (!replyId) return null
  return {
    ...blankEvent(context, dedupeKey(context.scope, 'reply', replyId)),
    externalId: replyId,
    subject: subjectOf(reply.email_subject) ?? subjectOf(reply.subject),
    body: newTextOf({ text: reply.text_body, html: reply.html_body }),
    sentAt: parseTime(reply.date_received) ?? parseTime(reply.created_at),
    signals: signalsOf(reply),
  }
}

function blankEvent({ payload }: Context, key: string): Omit<InboundEvent, 'lead'> {
  return {
    kind: 'text',
    direction: 'inbound',
    dedupeKey: key,
    dedupeAliases: [],
    externalId: null,
    subject: null,
    body: null,
    sentAt: null,
    signals: {},
    labelTag: null,
    payload,
  }
}

function stored(event: InboundEvent): ParseResult {
  return { outcome: 'events', events: [event] }
}

function missing(context: string, field: string, takes: string): ParseResult {
  return { outcome: 'rejected', reason: `${context}: ${field}: ${takes}`, field }
}
