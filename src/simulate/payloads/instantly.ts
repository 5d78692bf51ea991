/** Instantly v2: flat events with the customer's own lead variables beside the reserved keys. */
import { asHtml, type Facts, type Format, own, withQuote } from './format.ts'

export const instantly: Format = {
  name: 'instantly',
  provider: 'instantly',
  channel: 'instantly',
  encoding: 'json',
  contentType: 'application/json',
  payloads: {
    // No event tells of answers by hand.
    campaign: { outcome: 'echo', make: sent },
    reply: { outcome: 'message', make: (facts) => reply('reply_received', 'Re: ', facts) },
    out_of_office: {
      outcome: 'auto_reply',
      make: (facts) =>
        reply('auto_reply_received', 'Automatic reply: ', { ...facts, quoted: null }),
    },
    opt_out: { outcome: 'opt_out', make: (facts) => common('lead_unsubscribed', facts) },
    bounce: { outcome: 'bounce', make: (facts) => common('email_bounced', facts) },
  },
  second: {
    reply: { outcome: 'label', make: (facts) => common('lead_interested', facts) },
    out_of_office: { outcome: 'label', make: (facts) => common('lead_out_of_office', facts) },
  },
  noise: [
    { outcome: 'ignored', make: (facts) => common('email_opened', facts) },
    { outcome: 'ignored', make: (facts) => common('link_clicked', facts) },
    { outcome: 'ignored', make: accountError },
  ],
}

const workspace = {
  workspace: '0195e1aa-0000-7000-8000-00000000a001',
  campaign_id: '0195e1aa-0000-7000-8000-00000000c001',
  campaign_name: 'Logistics Q1',
}

function common(event_type: string, { at, person }: Facts) {
  return {
    timestamp: at.toISOString(),
    event_type,
    ...workspace,
    lead_email: person.email,
    email_account: own.email,
    firstName: person.firstName,
    lastName: person.lastName,
    companyName: person.company,
    'Job Title': person.title,
  }
}

function reply(event_type: string, prefix: string, facts: Facts) {
  const { ids, message, subject, text, person } = facts
  return {
    ...common(event_type, facts),
    unibox_url: 'https://app.instantly.ai/app/unibox?thread_search=simulate',
    step: 1,
    variant: 1,
    is_first: true,
    email_id: ids.uuid(`instantly ${message}`),
    reply_subject: `${prefix}${subject}`,
    reply_text_snippet: text.slice(0, 40),
    reply_text: withQuote(facts),
    email: person.email,
  }
}

function sent(facts: Facts) {
  const { ids, message, subject, text } = facts
  return {
    ...common('email_sent', facts),
    // Numbers in the documentation, text in captures.
    step: '1',
    variant: 'A',
    is_first: true,
    email_id: ids.uuid(`instantly ${message}`),
    email_subject: subject,
    email_text: text,
    email_html: asHtml(text),
  }
}

function accountError({ at }: Facts) {
  return {
    timestamp: at.toISOString(),
    event_type: 'account_error',
    ...workspace,
    email_account: own.email,
  }
}
