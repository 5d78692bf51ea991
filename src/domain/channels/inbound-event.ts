/**
 * What a provider's delivery becomes before it is stored: the contract between the provider files
 * of this folder and the ingest. A provider file turns bytes into `InboundEvent`s and decides
 * nothing about storage; text rules (STOP words, out-of-office phrases) run later on the stored
 * message (`../message-rules.ts`), so a new rule also reaches messages that wait for their job.
 */
import type { ZodType } from 'zod'
import type { Identity } from '../identity.ts'
import type { SentimentTag } from '../sentiment-tag.ts'

export const channels = ['email', 'sms', 'linkedin', 'smartlead', 'instantly'] as const
export type Channel = (typeof channels)[number]

export const providerNames = [
  'emailbison',
  'postmark',
  'gohighlevel',
  'twilio',
  'unipile',
  'smartlead',
  'instantly',
  'generic',
] as const
export type ProviderName = (typeof providerNames)[number]

/**
 * `text` a person wrote it · `auto_reply` a machine answered for the person · `opt_out` / `opt_in`
 * the provider says so · `bounce` mail to the lead cannot be delivered · `label` somebody tagged
 * the lead at the provider: no message, the lead is annotated and not scored again.
 */
export type EventKind = 'text' | 'auto_reply' | 'opt_out' | 'opt_in' | 'bounce' | 'label'

/** What the payload itself tells of the counterparty. Absent facts are null, never ''. */
export interface LeadFacts {
  /** Normalised (see identity.ts). May be empty only where `kind` says nobody can be named. */
  identities: Identity[]
  firstName: string | null
  lastName: string | null
  company: string | null
  title: string | null
}

/** Facts about a mail that only its headers or the provider know; rules read them later. */
export interface MessageSignals {
  /** RFC 5322 Message-ID without angle brackets. */
  rfcMessageId?: string
  /** A person answered from another address than the lead's, e.g. a colleague. */
  repliedFrom?: string
  attachments?: number
  /** Newsletter or mailing list headers were present: a machine, not a person. */
  bulk?: boolean
  /** Which way it came, where several may bring the same message (`../ingest/twins.ts`). */
  route?: string
  /** Only a weak sign of an automatic answer; needs a second one (providers.md section 10). */
  autoReplyHint?: boolean
}

export interface InboundEvent {
  kind: EventKind
  /** `outbound` is an echo of what our side wrote: stored, starts no job, never counts as interest. */
  direction: 'inbound' | 'outbound'
  /**
   * Names this message inside its workspace: provider, provider's tenant and message id. Two
   * deliveries of one message have one key. At most 300 characters (`dedupeKey()` hashes longer).
   */
  dedupeKey: string
  /** Other keys under which the same message may already be stored (e.g. the previous time bucket). */
  dedupeAliases: string[]
  /** The provider's own id of the message, as text. */
  externalId: string | null
  lead: LeadFacts
  subject: string | null
  /** Plain text without quoted thread, signature delimiter block and HTML; null: event has no text. */
  body: string | null
  /** When it was written; null when the payload has no usable time (receipt time is used then). */
  sentAt: Date | null
  signals: MessageSignals
  /** For `label`: our tag for the provider's label; null when it has no counterpart. */
  labelTag: SentimentTag | null
  /** What is kept of the delivery for people and later re-parsing; without attachments. */
  payload: unknown
}

export type ParseResult =
  | { outcome: 'events'; events: [InboundEvent, ...InboundEvent[]] }
  /** Authentic and understood, but nothing to store. `keep` files it with the rejected deliveries. */
  | { outcome: 'ignored'; reason: string; keep?: boolean }
  /** Authentic but not understood: kept for a person. `field` names what is missing or wrong. */
  | { outcome: 'rejected'; reason: string; field?: string }
  /** The bytes are not the format at all (broken JSON, no form): answered 400. */
  | { outcome: 'malformed'; reason: string }

export interface Delivery {
  /** The bytes as received: signatures cover exactly these. */
  rawBody: Buffer
  /** Names lower-cased; repeated headers joined with ', '. */
  headers: Readonly<Record<string, string | undefined>>
  /** Public URL of this request as the sender knows it (PUBLIC_URL + path + query). */
  url: string
  receivedAt: Date
  connectionId: string
}

export type Verification = { ok: true } | { ok: false; reason: string }

/** One provider. `Signature` is the shape of what a connection stores sealed for verification. */
export interface Provider<Signature = unknown> {
  name: ProviderName
  channels: readonly Channel[]
  /** Largest body that is read, in bytes; more is answered 413. */
  bodyBytesMax: number
  /** What `POST /api/v1/connections` takes as `signature`; null: the provider offers none. */
  signatureSchema: ZodType<Signature> | null
  /** Called only when the connection has a signature configured. Constant-time comparisons. */
  verify(delivery: Delivery, signature: Signature): Verification
  parse(delivery: Delivery): ParseResult
  /** Status that makes this provider send again when we could not store: 503, GoHighLevel 429. */
  notStoredStatus: 503 | 429
  /** Body of every 200: our JSON, or TwiML. */
  answerFormat: 'json' | 'twiml'
}
