/**
 * What SmartLead sends: its shape, and who is who in it. From and to are those of the campaign's
 * mail: in a reply too, `from_email` is our mailbox.
 */
import { z } from 'zod'
import { identitiesOf, normalizeEmail } from '../identity.ts'
import { newTextOf } from '../text/quoted-thread.ts'
import { dedupeKey, sha256, splitName, textOrNull } from './decode.ts'
import type { LeadFacts } from './inbound-event.ts'
import { messageIdOf } from './machine-mail.ts'

/** Strangers share these hosts, so a common domain there says nothing of who somebody is. */
const sharedDomain =
  /^(?:gmail|googlemail|outlook|hotmail|live|msn|yahoo|ymail|icloud|me|mac|aol|gmx|web|proton|protonmail|zoho|mail|fastmail|yandex|qq|163)\.[a-z.]{2,6}$/

/** Another type than expected costs the part, never the message. */
const text = z.unknown().optional().transform(textOrNull)
const mail = z.looseObject({ message_id: text, html: text, text, time: text }).nullish().catch(null)

export const eventSchema = z.looseObject({
  event_type: z.string('takes the name of an event').trim().min(1, 'takes the name of an event'),
  event_timestamp: text,
  time_replied: text,
  time_sent: text,
  campaign_id: text,
  sl_email_lead_id: text,
  sl_email_lead_map_id: text,
  lead_id: text,
  sl_lead_email: text,
  lead_email: text,
  lead_name: text,
  from_email: text,
  to_email: text,
  to_name: text,
  sender_detail: text,
  subject: text,
  custom_subject: text,
  custom_email_message: text,
  sent_message: mail,
  reply_message: mail,
  reply_body: text,
  visible_text: text,
  preview_text: text,
  message_id: text,
  bounce_reply_message_id: text,
  is_sender_originated_bounce: z.unknown().optional(),
  category: text,
  lead_category: z.looseObject({ new_name: text }).nullish().catch(null),
  lead_data: z
    .looseObject({
      first_name: text,
      last_name: text,
      company_name: text,
      linkedin_profile: text,
    })
    .nullish()
    .catch(null),
  history: z
    .array(z.looseObject({ message_id: text, subject: text }))
    .nullish()
    .catch(null),
  lastReply: z
    .looseObject({ message_id: text, email_body: text, time: text })
    .nullish()
    .catch(null),
  leadCorrespondence: z
    .looseObject({ targetLeadEmail: text, replyReceivedFrom: text })
    .nullish()
    .catch(null),
})
export type SmartleadEvent = z.infer<typeof eventSchema>

export function leadEmailOf(event: SmartleadEvent): string | null {
  return (
    normalizeEmail(event.leadCorrespondence?.targetLeadEmail) ??
    normalizeEmail(event.sl_lead_email) ??
    normalizeEmail(event.lead_email) ??
    normalizeEmail(event.to_email)
  )
}

export function leadOf(event: SmartleadEvent, email: string): LeadFacts {
  const data = event.lead_data
  const isAddressee = normalizeEmail(event.to_email) === email
  const name = splitName(event.lead_name ?? (isAddressee ? event.to_name : null))
  return {
    identities: identitiesOf({
      provider: { scope: 'smartlead', id: event.sl_email_lead_id ?? event.lead_id },
      email,
      // No phone: the imported one is often the company's and would join strangers.
      linkedinUrl: data?.linkedin_profile,
    }),
    firstName: data?.first_name ?? name.firstName,
    lastName: data?.last_name ?? name.lastName,
    company: data?.company_name ?? null,
    title: null,
  }
}

/**
 * Our own people add mails to the thread outside SmartLead, and they arrive as replies. A common
 * domain counts only where it is a company's and not the lead's.
 */
export function isOurs(replier: string, event: SmartleadEvent, leadEmail: string): boolean {
  if (replier === leadEmail) return false
  const from = normalizeEmail(event.from_email)
  // One consumer reports the opposite direction: then the lead is the sender and `to` is ours.
  const own = from === leadEmail ? normalizeEmail(event.to_email) : from
  if (!own || own === leadEmail) return false
  const domain = domainOf(own)
  if (replier === own) return true
  if (domain === domainOf(leadEmail) || sharedDomain.test(domain)) return false
  return domainOf(replier) === domain
}

/** The whole reply; `preview_text` is a snippet cut anywhere, better than nothing. */
export function replyTextOf(event: SmartleadEvent): string {
  const { reply_message: reply, visible_text, reply_body, preview_text } = event
  return (
    newTextOf({ text: reply?.text ?? visible_text, html: reply?.html }) ||
    newTextOf({ text: visible_text, html: reply_body }) ||
    newTextOf({ text: preview_text })
  )
}

/** The reply's RFC Message-ID; `message_id` may be that of the mail it answers. */
export function replyIdOf(event: SmartleadEvent): string | null {
  const own = messageIdOf(event.reply_message?.message_id)
  if (own) return own
  const id = messageIdOf(event.message_id)
  return id === messageIdOf(event.sent_message?.message_id) ? null : id
}

/** Without the event type: a reply and the category given to it are one message. */
export function messageKey(event: SmartleadEvent, messageId: string): string {
  return dedupeKey('smartlead', event.campaign_id ?? '-', messageId)
}

/** For mails outside campaigns; a reply looks here too, since SmartLead may send it as both. */
export function untrackedKey(messageId: string): string {
  return dedupeKey('smartlead', 'untracked', messageId)
}

/** Stands for a missing message id; null without a time, for equal texts are legitimate. */
export function substituteId(event: SmartleadEvent, type: string, content: string): string | null {
  const { campaign_id, sl_email_lead_map_id, event_timestamp } = event
  if (!event_timestamp) return null
  const who = sl_email_lead_map_id ?? leadEmailOf(event) ?? event.sender_detail
  return sha256(JSON.stringify([type, campaign_id, who, event_timestamp, content]))
}

function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1)
}
