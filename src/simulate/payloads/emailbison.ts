/** EmailBison: an envelope of event and data; one reply comes as up to two events. */
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

export const emailbison: Format = {
  name: 'emailbison',
  provider: 'emailbison',
  channel: 'email',
  encoding: 'json',
  contentType: 'application/json',
  payloads: {
    campaign: { outcome: 'echo', make: campaignSend },
    answer: { outcome: 'echo', make: manualSend },
    reply: { outcome: 'message', make: (facts) => replied('LEAD_REPLIED', facts) },
    out_of_office: { outcome: 'auto_reply', make: outOfOffice },
    opt_out: { outcome: 'opt_out', make: (facts) => fact('LEAD_UNSUBSCRIBED', facts) },
    bounce: { outcome: 'bounce', make: (facts) => fact('EMAIL_BOUNCED', facts) },
  },
  second: {
    reply: { outcome: 'duplicate', make: (facts) => replied('LEAD_INTERESTED', facts) },
  },
  noise: [
    { outcome: 'ignored', make: (facts) => fact('EMAIL_OPENED', facts) },
    { outcome: 'ignored', make: () => envelope('EMAIL_ACCOUNT_DISCONNECTED', { sender_email }) },
    { outcome: 'ignored', make: tagAttached },
  ],
}

const sender_email = {
  id: 88,
  name: own.name,
  email: own.email,
  status: 'Connected',
  type: 'google_workspace_oauth',
  daily_limit: 30,
}
const campaign = { id: 612, name: 'Logistics Q1' }

function envelope(type: string, data: Record<string, unknown>) {
  const name = type.replace(/[A-Z]+/g, (word) => word.charAt(0) + word.slice(1).toLowerCase())
  return {
    event: {
      type,
      name: name.replaceAll('_', ' '),
      instance_url: 'https://send.northpeak.example',
      workspace_id: 41,
      workspace_name: 'Northpeak Outbound',
    },
    data,
  }
}

function replied(type: string, facts: Facts) {
  const reply = replyOf(facts)
  return envelope(type, {
    reply: { ...reply, interested: type === 'LEAD_INTERESTED' },
    campaign_event: campaignEvent('replied', facts),
    lead: leadOf(facts),
    campaign,
    sender_email,
  })
}

function outOfOffice(facts: Facts) {
  const reply = {
    ...replyOf(facts),
    email_subject: `Automatic reply: ${facts.subject}`,
    automated_reply: true,
    text_body: facts.text,
    html_body: null,
    headers: 'Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n',
  }
  return envelope('LEAD_REPLIED', { reply, lead: leadOf(facts), campaign, sender_email })
}

/** A person of ours answers from the inbox: it looks like a reply. */
function manualSend(facts: Facts) {
  const { person } = facts
  const reply = {
    ...replyOf({ ...facts, quoted: null }),
    folder: 'Sent',
    type: 'Outgoing Email',
    from_name: own.name,
    from_email_address: own.email,
    primary_to_email_address: person.email,
    to: [{ name: fullName(person), address: person.email }],
    raw_message_id: ownRfcId(facts),
    headers: null,
  }
  return envelope('MANUAL_EMAIL_SENT', { reply, lead: leadOf(facts), campaign, sender_email })
}

function campaignSend(facts: Facts) {
  const { ids, message, subject, text, at } = facts
  const lead = leadOf(facts)
  return envelope('EMAIL_SENT', {
    scheduled_email: {
      id: ids.number(`scheduled ${message}`),
      lead_id: lead.id,
      sequence_step_id: 2200,
      sequence_step_order: 1,
      email_subject: subject,
      email_body: asHtml(text),
      status: 'sent',
      sent_at: microseconds(at),
      raw_message_id: ownRfcId(facts),
    },
    campaign_event: campaignEvent('sent', facts),
    lead,
    campaign,
    sender_email,
  })
}

/** About the lead, without a mail. */
function fact(type: string, facts: Facts) {
  const kind = type.toLowerCase().replace(/^(?:lead|email)_/, '')
  return envelope(type, {
    campaign_event: campaignEvent(kind, facts),
    lead: leadOf(facts),
    campaign,
    sender_email,
  })
}

function tagAttached({ ids, person }: Facts) {
  return envelope('TAG_ATTACHED', {
    tag_id: 7,
    tag_name: 'Q1',
    taggable_id: ids.number(`emailbison lead ${person.index}`),
    taggable_type: 'Lead',
  })
}

function replyOf(facts: Facts) {
  const { ids, message, person, subject, text, at } = facts
  return {
    id: ids.number(`reply ${message}`),
    uuid: ids.uuid(`reply ${message}`),
    email_subject: `Re: ${subject}`,
    interested: false,
    automated_reply: false,
    html_body: `${asHtml(text)}<blockquote>Hi ${person.firstName}, ...</blockquote>`,
    text_body: withQuote(facts),
    raw_body: null,
    headers: `From: ${fullName(person)} <${person.email}>\r\nMessage-ID: ${rfcId(facts)}\r\n`,
    date_received: microseconds(at),
    type: 'Tracked Reply',
    folder: 'Inbox',
    from_name: fullName(person),
    from_email_address: person.email,
    primary_to_email_address: own.email,
    to: [{ name: own.name, address: own.email }],
    cc: null,
    bcc: null,
    parent_id: null,
    raw_message_id: rfcId(facts),
    created_at: microseconds(at),
    updated_at: microseconds(at),
    attachments: [],
  }
}

function leadOf({ ids, person }: Facts) {
  return {
    id: ids.number(`emailbison lead ${person.index}`),
    email: person.email,
    first_name: person.firstName,
    last_name: person.lastName,
    status: 'verified',
    title: person.title,
    company: person.company,
    custom_variables: [{ name: 'linkedin_url', value: person.linkedinUrl }],
  }
}

function campaignEvent(type: string, { ids, delivery, at }: Facts) {
  return {
    id: ids.number(`campaign event ${delivery}`),
    type,
    created_at: microseconds(at),
    created_at_local: at.toISOString().replace('Z', '000'),
    local_timezone: 'UTC',
  }
}

/** Six digits after the second, as it sends them. */
function microseconds(at: Date): string {
  return at.toISOString().replace('Z', '000Z')
}
