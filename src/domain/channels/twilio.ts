/** Twilio SMS, MMS and WhatsApp: one form per message, signed over the URL and every parameter. */
import { createHash, createHmac } from 'node:crypto'
import { z } from 'zod'
import { identitiesOf } from '../identity.ts'
import { tidyText } from '../text/plain-text.ts'
import { decodeForm, dedupeKey, splitName, textOrNull } from './decode.ts'
import type {
  Delivery,
  EventKind,
  InboundEvent,
  ParseResult,
  Provider,
  Verification,
} from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import { isAnyOf, refused, secretsSchema, verified } from './signatures.ts'

const BODY_BYTES_MAX = 512 * 1024
/** Twilio sends at most ten media; more is a typing error somewhere. */
const ATTACHMENTS_MAX = 100

/** Sub-accounts have their own token, and a token has a primary and a secondary. */
const signatureSchema = z.strictObject({ authTokens: secretsSchema })
type Signature = z.infer<typeof signatureSchema>

export const twilio: Provider<Signature> = {
  name: 'twilio',
  channels: ['sms'],
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema,
  verify,
  parse,
  notStoredStatus: 503,
  answerFormat: 'twiml',
}

function verify(delivery: Delivery, { authTokens }: Signature): Verification {
  const given = delivery.headers['x-twilio-signature']
  if (!given) return refused('x-twilio-signature: missing')
  const bodySha256 = /[?&]bodySHA256=([^&]*)/.exec(delivery.url)?.[1]
  if (bodySha256 !== undefined && !hasDigest(delivery.rawBody, bodySha256)) {
    return refused('bodySHA256: does not fit the body')
  }
  const parameters = bodySha256 === undefined ? signedParameters(delivery.rawBody) : ''
  const accepted = authTokens.flatMap((token) =>
    urlSpellings(delivery.url).map((url) =>
      createHmac('sha1', token)
        .update(url + parameters, 'utf8')
        .digest('base64'),
    ),
  )
  if (!isAnyOf(given, accepted)) {
    return refused('x-twilio-signature: does not fit URL, parameters and token')
  }
  return verified
}

/** The query names the digest of a body that is no form; the signature then covers the URL only. */
function hasDigest(rawBody: Buffer, hex: string): boolean {
  return isAnyOf(hex.toLowerCase(), createHash('sha256').update(rawBody).digest('hex'))
}

/** Everything received, known or not: Twilio adds parameters without notice and signs them too. */
function signedParameters(rawBody: Buffer): string {
  const values = new Map<string, Set<string>>()
  for (const [key, value] of new URLSearchParams(rawBody.toString('utf8'))) {
    values.set(key, (values.get(key) ?? new Set()).add(value))
  }
  return [...values.keys()]
    .sort()
    .flatMap((key) => [...(values.get(key) ?? [])].sort().map((value) => key + value))
    .join('')
}

/** Twilio signs with the port or without it, whatever the URL says; its own library tries both. */
function urlSpellings(url: string): string[] {
  const parts = /^(https?):\/\/([^/?#]+?)(:\d{1,5})?([/?].*)?$/s.exec(url)
  if (!parts) return [url]
  const [, scheme, host, , rest = ''] = parts
  const port = scheme === 'https' ? '443' : '80'
  const spellings = [url, `${scheme}://${host}${rest}`]
  if (!parts[3]) spellings.push(`${scheme}://${host}:${port}${rest}`)
  return spellings
}

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeForm(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const fields = new Map([...decoded.value].map(([key, values]) => [key, values[0] ?? '']))
  const field = (name: string) => textOrNull(fields.get(name))
  const messageSid = field('MessageSid') ?? field('SmsSid') ?? field('SmsMessageSid')
  if (!messageSid) {
    const call = field('CallSid') ? 'a call' : null
    return call ? { outcome: 'ignored', reason: `${call}, no message` } : missing('MessageSid')
  }
  const status = field('MessageStatus') ?? field('SmsStatus')
  if (fields.has('MessageStatus') || (status && status !== 'received') || !fields.has('Body')) {
    return { outcome: 'ignored', reason: `status of our message: ${status?.slice(0, 40) ?? '?'}` }
  }
  const accountSid = field('AccountSid')
  const from = field('From')
  if (!accountSid) return missing('AccountSid')
  if (!from) return missing('From')
  const body = tidyText(fields.get('Body') ?? '')
  const attachments = attachmentsOf(field('NumMedia'))
  if (body === '' && attachments === 0) {
    return { outcome: 'ignored', reason: 'message without text' }
  }
  const identities = identitiesOf({ phone: from })
  if (identities.length === 0) {
    // Short codes and names ("72345", "AMAZON") are senders of notices; nobody reads an answer.
    return { outcome: 'ignored', reason: `sender ${from.slice(0, 40)} is no phone`, keep: true }
  }
  const event: InboundEvent = {
    kind: kindOf(field('OptOutType')),
    direction: 'inbound',
    dedupeKey: dedupeKey('twilio', accountSid, messageSid),
    dedupeAliases: [],
    externalId: messageSid,
    lead: { identities, ...splitName(field('ProfileName')), company: null, title: null },
    subject: null,
    body,
    // The request carries no time.
    sentAt: null,
    signals: { route: 'twilio', ...(attachments > 0 && { attachments }) },
    labelTag: null,
    payload: keptPayload(Object.fromEntries(fields)),
  }
  return { outcome: 'events', events: [event] }
}

/** Only with Advanced Opt-Out; without it the word itself decides, on the stored message. */
function kindOf(optOutType: string | null): EventKind {
  if (optOutType?.toUpperCase() === 'STOP') return 'opt_out'
  return optOutType?.toUpperCase() === 'START' ? 'opt_in' : 'text'
}

function attachmentsOf(numMedia: string | null): number {
  const count = Number(numMedia ?? 0)
  return Number.isInteger(count) ? Math.min(Math.max(count, 0), ATTACHMENTS_MAX) : 0
}

function missing(field: string): ParseResult {
  return { outcome: 'rejected', reason: `twilio: ${field}: takes a text`, field }
}
