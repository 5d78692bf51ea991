/** What every provider's file of this folder offers: its payloads, by what happens. */
import type { Channel, ProviderName } from '../../domain/channels/inbound-event.ts'
import type { Ids } from '../ids.ts'
import type { Person } from '../people.ts'

export const formatNames = [
  'emailbison',
  'postmark',
  'gohighlevel app',
  'gohighlevel workflow',
  'twilio',
  'unipile',
  'smartlead',
  'instantly',
  'generic',
] as const
export type FormatName = (typeof formatNames)[number]

/** `campaign` the first message of ours · `answer` a later one, by a person. */
export type Occasion = 'reply' | 'out_of_office' | 'opt_out' | 'bounce' | 'campaign' | 'answer'

/**
 * What the service makes of a payload: the first five are stored, `label` annotates the lead,
 * `ignored` and `label` are both answered as ignored.
 */
export type Outcome =
  | 'message'
  | 'auto_reply'
  | 'opt_out'
  | 'bounce'
  | 'echo'
  | 'duplicate'
  | 'label'
  | 'ignored'

/** Everything a payload is made of. */
export interface Facts {
  person: Person
  /** Names the message: two events about one message have one number. */
  message: number
  /** Names the delivery. */
  delivery: number
  at: Date
  text: string
  subject: string
  /** Our message that this one answers. */
  quoted: { text: string; at: Date } | null
  ids: Ids
}

export interface Payload {
  outcome: Outcome
  make: (facts: Facts) => Record<string, unknown>
}

export interface Format {
  name: FormatName
  provider: ProviderName
  channel: Channel
  encoding: 'json' | 'form'
  contentType: string | null
  /** Absent: the provider tells nothing of it. */
  payloads: Readonly<Partial<Record<Occasion, Payload>>>
  /** The same message told again as another event. */
  second: Readonly<Partial<Record<Occasion, Payload>>>
  /** Events that say nothing of a lead's mind. */
  noise: readonly Payload[]
  /** The provider's own id of a message where its answer cannot carry ours (TwiML). */
  externalId?: (facts: Facts) => string
}

/** Our side, the same in every run. */
export const own = {
  name: 'Sam Reed',
  firstName: 'Sam',
  email: 'sam.reed@northpeak.example',
  phone: '+15125550142',
  company: 'Northpeak',
} as const

export const OUT_OF_OFFICE_SUBJECT = 'Automatic reply: '

/** As Gmail quotes: line ends as they arrive, and a footer that must not count as the lead's wish. */
export function withQuote({ text, quoted }: Facts): string {
  if (!quoted) return text
  const day = new Intl.DateTimeFormat('en-US', {
    weekday: 'short',
    month: 'short',
    day: 'numeric',
    year: 'numeric',
    timeZone: 'UTC',
  }).format(quoted.at)
  const lines = [...quoted.text.split('\n'), 'To stop hearing from me reply unsubscribe']
  const thread = lines.map((line) => `> ${line}`).join('\r\n')
  return `${text}\r\n\r\nOn ${day} at 9:12 AM ${own.name} <${own.email}> wrote:\r\n${thread}`
}

export function asHtml(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<div>${escaped.replaceAll('\n', '<br>')}</div>`
}

export function fullName({ firstName, lastName }: Person): string {
  return `${firstName} ${lastName}`
}

/** Message-ID of the lead's mail, in angle brackets as mail has it. */
export function rfcId({ ids, message, person }: Facts): string {
  return `<CA+${ids.text(`rfc ${message}`, 20)}@${person.domain}>`
}

/** Message-ID of our mail. */
export function ownRfcId({ ids, message }: Facts): string {
  return `<${ids.text(`rfc ${message}`, 20)}@northpeak.example>`
}
