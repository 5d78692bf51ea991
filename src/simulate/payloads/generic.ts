/** Generic: Leadpulse's own JSON, sent here as a contact form or CRM on the email channel would. */
import type { Facts, Format } from './format.ts'

export const generic: Format = {
  name: 'generic',
  provider: 'generic',
  channel: 'email',
  encoding: 'json',
  contentType: 'application/json',
  payloads: {
    campaign: { outcome: 'echo', make: (facts) => message('outbound', facts) },
    answer: { outcome: 'echo', make: (facts) => message('outbound', facts) },
    reply: { outcome: 'message', make: (facts) => message('inbound', facts) },
    out_of_office: { outcome: 'auto_reply', make: (facts) => message('inbound', facts) },
    opt_out: {
      outcome: 'opt_out',
      make: (facts) => message('inbound', { ...facts, text: 'Unsubscribe me, please.' }),
    },
  },
  second: {},
  noise: [],
}

function message(direction: 'inbound' | 'outbound', facts: Facts) {
  const { ids, person, subject, text, at } = facts
  return {
    externalId: ids.uuid(`generic ${facts.message}`),
    direction,
    sentAt: at.toISOString(),
    subject,
    body: text,
    lead: {
      email: person.email,
      phone: person.phone,
      firstName: person.firstName,
      lastName: person.lastName,
      company: person.company,
      title: person.title,
    },
  }
}
