/** Unipile, LinkedIn: one event name for their messages and ours, and no Content-Type by default. */
import { type Facts, type Format, fullName, own } from './format.ts'

export const unipile: Format = {
  name: 'unipile',
  provider: 'unipile',
  channel: 'linkedin',
  encoding: 'json',
  contentType: null,
  payloads: {
    campaign: { outcome: 'echo', make: ours },
    answer: { outcome: 'echo', make: ours },
    reply: { outcome: 'message', make: theirs },
    out_of_office: { outcome: 'auto_reply', make: theirs },
    opt_out: {
      outcome: 'opt_out',
      make: (facts) => theirs({ ...facts, text: 'Please stop messaging me.' }),
    },
  },
  second: {
    reply: { outcome: 'ignored', make: (facts) => other('message_read', facts) },
  },
  noise: [
    { outcome: 'ignored', make: reaction },
    { outcome: 'ignored', make: (facts) => other('message_delivered', facts) },
    { outcome: 'ignored', make: newRelation },
  ],
}

const account = {
  account_id: 'aZ4pSimuRwqR0T1nWXd7Lw',
  account_type: 'LINKEDIN',
  account_info: { type: 'LINKEDIN', feature: 'classic', user_id: 'ACoAAOwnSimu0001' },
  webhook_name: 'scorer-prod',
}
const ourselves = {
  attendee_id: 'oWnSimu1',
  attendee_provider_id: account.account_info.user_id,
  attendee_name: own.name,
  attendee_profile_url: `https://www.linkedin.com/in/${account.account_info.user_id}`,
}

function theirs(facts: Facts) {
  return { ...received(facts), sender: attendee(facts), is_sender: false }
}

function ours(facts: Facts) {
  return { ...received(facts), sender: ourselves, is_sender: 1 }
}

function received(facts: Facts) {
  const { ids, message, person, text } = facts
  return {
    ...envelope('message_received', facts),
    message: text,
    attendees: [attendee(facts)],
    subject: null,
    attachments: [],
    provider_chat_id: `2-${ids.text(`chat ${person.index}`, 14)}==`,
    provider_message_id: `2-${ids.text(`provider message ${message}`, 14)}==`,
    is_event: 0,
    chat_pinned: 0,
    quoted: null,
    reply_to: null,
    is_forwarded: null,
    chat_content_type: null,
    message_type: 'MESSAGE',
    is_group: false,
    folder: ['INBOX', 'INBOX_LINKEDIN_CLASSIC'],
    event_type: null,
  }
}

function envelope(event: string, { ids, message, person, at }: Facts) {
  return {
    event,
    ...account,
    chat_id: ids.text(`chat ${person.index}`, 20),
    timestamp: at.toISOString(),
    message_id: ids.text(`linkedin ${message}`, 20),
  }
}

function attendee({ ids, person }: Facts) {
  return {
    attendee_id: ids.text(`attendee ${person.index}`, 12),
    attendee_provider_id: person.linkedinId,
    attendee_name: fullName(person),
    attendee_profile_url: person.linkedinUrl,
    attendee_public_identifier: null,
    attendee_specifics: {
      provider: 'LINKEDIN',
      occupation: `${person.title} at ${person.company}`,
      is_company: false,
      network_distance: 'DISTANCE_1',
    },
  }
}

/** It carries the text of OUR message. */
function reaction(facts: Facts) {
  return {
    ...envelope('message_reaction', facts),
    message: 'Great, does Thursday 2pm work?',
    reaction: '👍',
    reaction_sender: attendee(facts),
  }
}

function other(event: string, facts: Facts) {
  return { ...envelope(event, facts), message: facts.text, sender: attendee(facts) }
}

function newRelation({ person }: Facts) {
  return {
    event: 'new_relation',
    account_id: account.account_id,
    account_type: account.account_type,
    webhook_name: 'relations-prod',
    user_provider_id: person.linkedinId,
    user_public_identifier: null,
    user_full_name: fullName(person),
    user_profile_url: person.linkedinUrl,
  }
}
