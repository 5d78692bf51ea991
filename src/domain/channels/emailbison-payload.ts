/** What EmailBison sends: its shapes, and the reading of the parts that several events share. */
import { z } from 'zod'
import { identitiesOf, normalizeEmail } from '../identity.ts'
import { splitName, textOrNull } from './decode.ts'
import type { LeadFacts, MessageSignals } from './inbound-event.ts'
import { keptPayload } from './kept-payload.ts'
import { messageIdOf } from './machine-mail.ts'

const text = z.string().nullish()
const id = z.union([z.number(), z.string()]).nullish()
const flag = z.union([z.boolean(), z.number(), z.string()]).nullish()
/** Parts we can do without: another shape of them must not cost the message. */
const addresses = z
  .array(z.looseObject({ address: text }))
  .nullish()
  .catch(null)

const replySchema = z.looseObject({
  id,
  uuid: text,
  email_subject: text,
  subject: text,
  automated_reply: flag,
  html_body: text,
  text_body: text,
  headers: z.unknown().optional(),
  date_received: text,
  created_at: text,
  folder: text,
  from_name: text,
  from_email_address: text,
  primary_to_email_address: text,
  to: addresses,
  raw_message_id: text,
  attachments: z.array(z.unknown()).nullish().catch(null),
})
const leadSchema = z.looseObject({
  id,
  email: text,
  first_name: text,
  last_name: text,
  title: text,
  company: text,
  custom_variables: z
    .array(z.looseObject({ name: text, value: z.unknown().optional() }))
    .nullish()
    .catch(null),
})
const dataSchema = z.looseObject({
  reply: replySchema.nullish(),
  lead: leadSchema.nullish(),
  campaign: z.looseObject({ id }).nullish().catch(null),
  campaign_event: z.looseObject({ id, created_at: text }).nullish(),
  scheduled_email: z
    .looseObject({ id, email_subject: text, email_body: text, sent_at: text, raw_message_id: text })
    .nullish(),
  sender_email: z.looseObject({ email: text }).nullish(),
})
export const envelopeSchema = z.looseObject({
  event: z.looseObject({
    type: z.string(),
    instance_url: z.string().trim().min(1),
    workspace_id: z.union([z.number(), z.string().trim().min(1)]),
  }),
  data: dataSchema,
})
export type Data = z.infer<typeof dataSchema>
export type Reply = z.infer<typeof replySchema>

/** Some relays wrap the provider's envelope; the first member that looks like one is it. */
export function envelopeOf(
  body: Record<string, unknown>,
): { type: string; envelope: unknown } | null {
  const nested = [body, body.event, body.data, body.payload, member(body.data, 'payload')]
  for (const envelope of nested) {
    const type = member(member(envelope, 'event'), 'type')
    if (typeof type === 'string' && type.trim()) return { type, envelope }
  }
  return null
}

/** Host of the instance in lower case; null when it is no URL. */
export function hostOf(instanceUrl: string): string | null {
  const url = instanceUrl.includes('://') ? instanceUrl : `https://${instanceUrl}`
  return URL.canParse(url) ? new URL(url).host || null : null
}

/** `data.lead` as facts; null when it is missing or names nobody. */
export function leadOf(data: Data, scope: string): LeadFacts | null {
  const lead = data.lead
  if (!lead) return null
  const linkedinUrl = lead.custom_variables?.find(({ name }) =>
    /^linked[ _-]?in(?:[ _-]?(?:profile|url|link)){0,2}$/i.test(name?.trim() ?? ''),
  )?.value
  const identities = identitiesOf({
    provider: { scope, id: lead.id },
    email: lead.email,
    linkedinUrl: textOrNull(linkedinUrl),
  })
  if (identities.length === 0) return null
  return {
    identities,
    firstName: textOrNull(lead.first_name),
    lastName: textOrNull(lead.last_name),
    company: textOrNull(lead.company),
    title: textOrNull(lead.title),
  }
}

/** Somebody known by address only; null without one. */
export function personOf(email: string | null, name: string | null | undefined): LeadFacts | null {
  if (!email) return null
  return {
    identities: identitiesOf({ email }),
    ...splitName(textOrNull(name)),
    company: null,
    title: null,
  }
}

/** To whom a mail of our side went, apart from our own mailbox. */
export function recipientOf(reply: Reply, own: string | null): string | null {
  const recipients = [reply.primary_to_email_address, ...(reply.to ?? []).map((to) => to.address)]
  const addresses = recipients.map((address) => normalizeEmail(address))
  return addresses.find((address) => address !== null && address !== own) ?? null
}

export function signalsOf(reply: Reply): MessageSignals {
  const rfcMessageId = messageIdOf(reply.raw_message_id)
  const attachments = reply.attachments?.length ?? 0
  return {
    route: 'emailbison',
    ...(rfcMessageId && { rfcMessageId }),
    ...(attachments > 0 && { attachments }),
  }
}

/** The documentation says "encoded string"; an object of headers costs nothing to take. */
export function headerTextOf(reply: Reply): string {
  if (typeof reply.headers === 'string') return reply.headers
  return reply.headers ? JSON.stringify(keptPayload(reply.headers)) : ''
}

export function isAutomated(reply: Reply): boolean {
  return /^(?:true|1)$/i.test(String(reply.automated_reply ?? ''))
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined
}
