/** Postmark inbound stream: one mail per delivery, and what its other webhooks say of an address. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { identitiesOf, normalizeEmail } from '../identity.ts'
import { subjectOf } from '../text/plain-text.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import { storableText } from '../text/storable-text.ts'
import { decodeJson, dedupeKey, parseTime, rejection, splitName, textOrNull } from './decode.ts'
import type {
  Delivery,
  EventKind,
  InboundEvent,
  MessageSignals,
  ParseResult,
  Provider,
  Verification,
} from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import {
  failedRecipientOf,
  headersOfPairs,
  isMailRobot,
  type MachineMail,
  type MailHeaders,
  machineMailOf,
  messageIdOf,
} from './machine-mail.ts'

/** Mail providers inline attachments: 25 MB of mail are 34 MB of base64. */
const BODY_BYTES_MAX = 36 * 1024 * 1024
const HEADERS_MAX = 500

const signatureSchema = z.strictObject({
  username: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^:]*$/, 'takes no colon'),
  password: z.string().min(1).max(200),
})
type Signature = z.infer<typeof signatureSchema>

const text = z.string().nullish()
const address = z.looseObject({ Email: text, Name: text }).nullish()
const mailSchema = z.looseObject({
  From: text,
  FromName: text,
  FromFull: address,
  ToFull: z.array(address).nullish(),
  OriginalRecipient: text,
  Subject: text,
  MessageID: text,
  Date: text,
  TextBody: text,
  HtmlBody: text,
  StrippedTextReply: text,
  Headers: z.array(z.looseObject({ Name: z.string(), Value: text })).nullish(),
  Attachments: z.array(z.unknown()).nullish(),
})
type Mail = z.infer<typeof mailSchema>

const recordSchema = z.looseObject({
  RecordType: z.string(),
  MessageID: text,
  Recipient: text,
  Email: text,
  Type: text,
  SuppressSending: z.boolean().nullish(),
  SuppressionReason: text,
  ChangedAt: text,
  BouncedAt: text,
})
type MailRecord = z.infer<typeof recordSchema>

export const postmark: Provider<Signature> = {
  name: 'postmark',
  channels: ['email'],
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema,
  verify,
  parse,
  notStoredStatus: 503,
  answerFormat: 'json',
}

function verify(delivery: Delivery, { username, password }: Signature): Verification {
  const header = delivery.headers.authorization
  const credentials = /^basic ([a-z0-9+/=_-]+)$/i.exec(header?.trim() ?? '')?.[1]
  if (!credentials) return { ok: false, reason: 'authorization: takes HTTP Basic credentials' }
  const given = createHash('sha256').update(Buffer.from(credentials, 'base64')).digest()
  const wanted = createHash('sha256').update(`${username}:${password}`).digest()
  // Digests have one length, so the comparison tells nothing of the length of the secret either.
  if (!timingSafeEqual(given, wanted)) {
    return { ok: false, reason: 'authorization: wrong credentials' }
  }
  return { ok: true }
}

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeJson(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const body = decoded.value
  if (typeof body.RecordType === 'string') {
    const record = recordSchema.safeParse(body)
    return record.success ? parseRecord(record.data) : rejection(record.error, 'postmark record')
  }
  const mail = mailSchema.safeParse(body)
  return mail.success ? parseMail(mail.data) : rejection(mail.error, 'postmark mail')
}

function parseMail(mail: Mail): ParseResult {
  const from = normalizeEmail(mail.FromFull?.Email) ?? normalizeEmail(mail.From)
  const headers = headersOfPairs(
    (mail.Headers ?? []).slice(0, HEADERS_MAX).map(({ Name, Value }) => [Name, Value ?? '']),
  )
  const rfcMessageId = messageIdOf(headers.get('message-id')?.[0])
  const id = textOrNull(mail.MessageID) ?? rfcMessageId
  if (!id) return missing('MessageID', 'takes the id of the message')
  const body = newTextOf({ text: mail.StrippedTextReply }) || bodyOf(mail)
  const subject = subjectOf(mail.Subject)
  // A report is read whole: the failed address stands in what looks like quoted thread.
  const report = mail.TextBody || body
  const robot = isMailRobot(from)
  const machine = machineMailOf(headers, { robot, subject, text: report })
  if (machine.kind === 'receipt') return { outcome: 'ignored', reason: 'mail receipt' }
  if (machine.kind === 'delayed')
    return { outcome: 'ignored', reason: 'delivery delayed, not failed' }
  const event = {
    dedupeKey: dedupeKey('postmark', id),
    dedupeAliases: [],
    externalId: id,
    subject,
    body,
    sentAt: parseTime(mail.Date),
    signals: signalsOf(mail, machine, rfcMessageId),
    direction: 'inbound',
    labelTag: null,
    payload: keptMail(mail),
  } satisfies Partial<InboundEvent>
  if (machine.kind === 'failed') return bounced(mail, event, headers, report)
  if (!from) return missing('From', 'takes an e-mail address')
  const lead = {
    identities: identitiesOf({ email: from }),
    ...splitName(textOrNull(mail.FromFull?.Name) ?? textOrNull(mail.FromName)),
    company: null,
    title: null,
  }
  const kind: EventKind = machine.kind === 'auto_reply' ? 'auto_reply' : 'text'
  return { outcome: 'events', events: [{ ...event, kind, lead }] }
}

/** A delivery report is about the lead it names; its sender never becomes a lead. */
function bounced(
  mail: Mail,
  event: Omit<InboundEvent, 'kind' | 'lead'>,
  headers: MailHeaders,
  report: string,
): ParseResult {
  const own = [mail.OriginalRecipient, ...(mail.ToFull ?? []).map((to) => to?.Email)]
  const failed = failedRecipientOf({ headers, text: report }, own.map(normalizeEmail))
  if (!failed) {
    return { outcome: 'ignored', reason: 'bounce that names no address', keep: true }
  }
  return { outcome: 'events', events: [{ ...event, kind: 'bounce', lead: personOf(failed) }] }
}

function bodyOf(mail: Mail): string {
  return newTextOf({ text: mail.TextBody, html: mail.HtmlBody })
}

function signalsOf(mail: Mail, machine: MachineMail, rfcMessageId: string | null): MessageSignals {
  const attachments = mail.Attachments?.length ?? 0
  return {
    route: routeOf(mail),
    ...(rfcMessageId && { rfcMessageId }),
    ...(attachments > 0 && { attachments }),
    ...(machine.bulk && { bulk: true }),
    ...(machine.hint && { autoReplyHint: true }),
  }
}

/** A mail to several addresses comes once for each that is ours, each time with another id. */
function routeOf({ OriginalRecipient }: Mail): string {
  return `postmark:${normalizeEmail(OriginalRecipient) ?? '-'}`
}

function keptMail(mail: Mail): unknown {
  return keptPayload(mail, ['Content', 'RawEmail', 'HtmlBody', 'StrippedTextReply'])
}

/** Somebody pointed a webhook of the outbound stream here; what it says of an address is true. */
function parseRecord(record: MailRecord): ParseResult {
  const type = record.RecordType
  const kind = kindOfRecord(record)
  if (!kind) return { outcome: 'ignored', reason: ignoredRecordReason(record) }
  const field = type === 'SubscriptionChange' ? 'Recipient' : 'Email'
  const email = normalizeEmail(record[field])
  if (!email) return missing(field, 'takes an e-mail address')
  const time = record.ChangedAt ?? record.BouncedAt
  const id = textOrNull(record.MessageID)
  const event: InboundEvent = {
    kind,
    direction: 'inbound',
    // Suppressions come without a message id; then the time tells two changes apart.
    dedupeKey: dedupeKey('postmark', type, id?.replace(/^0{8}-.*/, '') || (time ?? ''), email),
    dedupeAliases: [],
    externalId: id,
    lead: personOf(email),
    subject: null,
    body: null,
    sentAt: parseTime(time),
    signals: {},
    labelTag: null,
    payload: keptPayload(record, ['Content']),
  }
  return { outcome: 'events', events: [event] }
}

function kindOfRecord(record: MailRecord): 'opt_out' | 'bounce' | null {
  if (record.RecordType === 'SpamComplaint') return 'opt_out'
  if (record.RecordType === 'SubscriptionChange') {
    if (!record.SuppressSending) return null
    return record.SuppressionReason === 'HardBounce' ? 'bounce' : 'opt_out'
  }
  if (record.RecordType !== 'Bounce') return null
  if (record.Type === 'HardBounce' || record.Type === 'BadEmailAddress') return 'bounce'
  return record.Type === 'Unsubscribe' || record.Type === 'SpamComplaint' ? 'opt_out' : null
}

function ignoredRecordReason(record: MailRecord): string {
  const detail = record.RecordType === 'Bounce' ? ` (${record.Type ?? 'no type'})` : ''
  return `${storableText(record.RecordType).slice(0, 60)}${detail}: no message of a lead`
}

function personOf(email: string) {
  return {
    identities: identitiesOf({ email }),
    firstName: null,
    lastName: null,
    company: null,
    title: null,
  }
}

function missing(field: string, takes: string): ParseResult {
  return { outcome: 'rejected', reason: `postmark: ${field}: ${takes}`, field }
}
