/** SmartLead: flat events in the perspective of the campaign's mail; even a reply is "from" us. */
import {
  asHtml,
  type Facts,
  type Format,
  fullName,
  own,
  ownRfcId,
  rfcId,
  withQuote,
} from './format.ts'

export const smartlead: Format = {
  name: 'smartlead',
  provider: 'smartlead',
  channel: 'smartlead',
  encoding: 'json',
  contentType: 'application/json',
  payloads: {
    campaign: { outcome: 'echo', make: sent },
    answer: { outcome: 'echo', make: sent },
    reply: { outcome: 'message', make: (facts) => reply(facts, `Re: ${facts.subject}`) },
    out_of_office: {
      outcome: 'auto_reply',
      make: (facts) => reply({ ...facts, quoted: null }, `Automatic reply: ${facts.subject}`),
    },
    opt_out: { outcome: 'opt_out', make: unsubscribed },
    bounce: { outcome: 'bounce', make: bounced },
  },
  second: {
    reply: { outcome: 'label', make: (facts) => category(1, 'Interested', facts) },
    // Names the reply it is about, which is stored already.
    out_of_office: { outcome: 'duplicate', make: (facts) => category(6, 'Out Of Office', facts) },
  },
  noise: [
    { outcome: 'ignored', make: (facts) => ({ ...sent(facts), event_type: 'EMAIL_OPEN' }) },
    { outcome: 'ignored', make: (facts) => ({ ...sent(facts), event_type: 'EMAIL_LINK_CLICK' }) },
    { outcome: 'ignored', make: statusChanged },
  ],
}

const campaign = {
  campaign_id: 1904512,
  campaign_name: 'Logistics Q1',
  campaign_status: 'ACTIVE',
  client_id: null,
}

function common(event_type: string, { at, person, subject }: Facts) {
  return {
    webhook_id: 118822,
    webhook_name: 'scorer',
    event_type,
    event_timestamp: offset(at),
    ...campaign,
    sequence_number: 1,
    from_email: own.email,
    to_email: person.email,
    to_name: fullName(person),
    subject,
  }
}

function reply(facts: Facts, subject: string) {
  const { text, person, at } = facts
  const html = asHtml(text)
  return {
    ...common('EMAIL_REPLY', facts),
    ...campaignLead(facts),
    subject,
    time_replied: offset(at),
    cc_emails: [],
    sent_message: sentMessage(facts),
    reply_message: { message_id: rfcId(facts), html, text: withQuote(facts), time: offset(at) },
    reply_body: html,
    preview_text: text.slice(0, 27),
    message_id: rfcId(facts),
    reply_category: null,
    secret_key: '9b1d0c7e-simulate',
    description: `${person.email} replied to Email 1 of campaign ${campaign.campaign_name}`,
    metadata: { webhook_created_at: '2025-12-20T10:00:00.000Z' },
    leadCorrespondence: {
      targetLeadEmail: person.email,
      replyReceivedFrom: person.email,
      repliedCompanyDomain: 'SameCompany',
    },
  }
}

function sent(facts: Facts) {
  const { text, subject, at } = facts
  const message_id = ownRfcId(facts)
  return {
    ...common('EMAIL_SENT', facts),
    ...campaignLead(facts),
    time_sent: offset(at),
    custom_subject: subject,
    custom_email_message: asHtml(text),
    sent_message: { message_id, html: asHtml(text), text, time: offset(at) },
    message_id,
  }
}

function campaignLead({ ids, person }: Facts) {
  return {
    stats_id: ids.uuid(`stats ${person.index}`),
    // Digits as text, but the map id is a number.
    sl_email_lead_id: String(ids.number(`smartlead lead ${person.index}`)),
    sl_email_lead_map_id: ids.number(`smartlead map ${person.index}`),
    sl_lead_email: person.email,
  }
}

function sentMessage({ ids, person, quoted, at }: Facts) {
  const text = quoted?.text ?? `Hi ${person.firstName}`
  return {
    message_id: `<${ids.text(`first mail ${person.index}`, 20)}@northpeak.example>`,
    html: asHtml(text),
    text,
    time: offset(quoted?.at ?? at),
  }
}

function unsubscribed(facts: Facts) {
  const { person, at } = facts
  return {
    ...common('LEAD_UNSUBSCRIBED', facts),
    event_timestamp: at.toISOString(),
    lead_email: person.email,
    lead_name: fullName(person),
    unsubscribed_client_id_map: {},
    sent_message: sentMessage(facts),
    secret_key: '9b1d0c7e-simulate',
    description: `${person.email} unsubscribed`,
  }
}

function bounced(facts: Facts) {
  return {
    ...common('EMAIL_BOUNCE', facts),
    ...campaignLead(facts),
    is_bounced: true,
    is_sender_originated_bounce: false,
    bounce_reply_message_id: `<${facts.ids.text(`rfc ${facts.message}`, 20)}@mail.example>`,
    bounce_reply_email: 'mailer-daemon@mail.example',
    bounce_message: { text: 'Address not found' },
    sent_message: sentMessage(facts),
  }
}

/** Somebody tags the lead; `lastReply` repeats the message that made him do it. */
function category(id: number, name: string, facts: Facts) {
  const { ids, person, text, subject, at } = facts
  const message = { message_id: rfcId(facts), time: at.toISOString(), email_body: asHtml(text) }
  return {
    ...common('LEAD_CATEGORY_UPDATED', facts),
    event_timestamp: at.toISOString(),
    lead_id: ids.number(`smartlead lead ${person.index}`),
    from: own.email,
    to: person.email,
    lead_email: person.email,
    lead_name: fullName(person),
    category: name,
    lead_category_id: id,
    lead_category: { old_id: null, old_name: null, new_id: id, new_name: name },
    lead_data: {
      email: person.email,
      first_name: person.firstName,
      last_name: person.lastName,
      phone_number: null,
      company_name: person.company,
      linkedin_profile: null,
      custom_fields: {},
    },
    history: [{ type: 'REPLY', ...message, subject: `Re: ${subject}` }],
    lastReply: message,
  }
}

function statusChanged({ at }: Facts) {
  return {
    webhook_id: 118822,
    event_type: 'CAMPAIGN_STATUS_CHANGED',
    event_timestamp: at.toISOString(),
    ...campaign,
    campaign_status: 'PAUSED',
  }
}

/** It writes `+00:00` where others write Z. */
function offset(at: Date): string {
  return at.toISOString().replace('Z', '+00:00')
}
