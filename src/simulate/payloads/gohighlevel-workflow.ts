/** GoHighLevel workflow webhook: the contact in snake_case, no message id, a wall clock without zone. */
import { type Facts, type Format, fullName } from './format.ts'
import { contactIdOf, locationId } from './gohighlevel-app.ts'

export const gohighlevelWorkflow: Format = {
  name: 'gohighlevel workflow',
  provider: 'gohighlevel',
  channel: 'sms',
  encoding: 'json',
  contentType: 'application/json',
  payloads: {
    campaign: { outcome: 'echo', make: staffMessage },
    answer: { outcome: 'echo', make: staffMessage },
    reply: { outcome: 'message', make: inbound },
    out_of_office: { outcome: 'auto_reply', make: inbound },
    opt_out: { outcome: 'opt_out', make: (facts) => inbound({ ...facts, text: 'STOP' }) },
  },
  second: {},
  noise: [{ outcome: 'ignored', make: (facts) => ({ ...contact(facts), customData: {} }) }],
}

function contact(facts: Facts) {
  const { person } = facts
  return {
    contact_id: contactIdOf(facts),
    first_name: person.firstName,
    last_name: person.lastName,
    full_name: fullName(person),
    email: person.email,
    phone: person.phone,
    tags: 'q1,ai responded',
    country: 'US',
    date_created: '2025-11-26T12:41:02.193Z',
    full_address: '',
    contact_type: 'lead',
    company_name: person.company,
    'Job Title': person.title,
    location: { id: locationId, name: 'Northpeak', city: 'Austin', state: 'TX', country: 'US' },
    workflow: { id: 'f0a1simu-0000-4000-8000-000000000001', name: 'Inbound SMS to scorer' },
    triggerData: {},
    contact: { attributionSource: { sessionSource: 'CRM UI', medium: 'manual' } },
    attributionSource: {},
  }
}

function inbound(facts: Facts) {
  const { person, text, at } = facts
  return {
    ...contact(facts),
    message: { type: 2, body: text },
    customData: {
      ID: contactIdOf(facts),
      'Phone Number': person.phone,
      // Typed by a person, leading blank and all.
      ' message': text,
      ...wallClock(at),
      Client: 'Northpeak',
    },
  }
}

/** A Custom Webhook that the customer also fires for what his own people write. */
function staffMessage(facts: Facts) {
  return {
    type: 'OutboundMessage',
    contactId: contactIdOf(facts),
    locationId,
    phone: facts.person.phone,
    message: facts.text,
    direction: 'outbound',
    customData: wallClock(facts.at),
  }
}

/** `January 6th, 2026` and `8:31 AM`. */
function wallClock(at: Date) {
  const part = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-US', { ...options, timeZone: 'UTC' }).format(at)
  const day = at.getUTCDate()
  const isTeen = day > 10 && day < 14
  const ending = (!isTeen && ['th', 'st', 'nd', 'rd'][day % 10]) || 'th'
  return {
    Date: `${part({ month: 'long' })} ${day}${ending}, ${at.getUTCFullYear()}`,
    Time: part({ hour: 'numeric', minute: '2-digit' }).replace(/\s/g, ' '),
  }
}
