/** GoHighLevel marketplace app: flat camelCase events, no name and no e-mail in a message. */
import { type Facts, type Format, own } from './format.ts'

export const gohighlevelApp: Format = {
  name: 'gohighlevel app',
  provider: 'gohighlevel',
  channel: 'sms',
  encoding: 'json',
  contentType: 'application/json',
  payloads: {
    campaign: { outcome: 'echo', make: (facts) => outbound('sent', facts) },
    answer: { outcome: 'echo', make: (facts) => outbound('sent', facts) },
    reply: { outcome: 'message', make: inbound },
    out_of_office: { outcome: 'auto_reply', make: inbound },
    opt_out: { outcome: 'opt_out', make: (facts) => inbound({ ...facts, text: 'STOP' }) },
  },
  second: {
    // The status of a sent message changes: the same message once more.
    campaign: { outcome: 'duplicate', make: (facts) => outbound('delivered', facts) },
    answer: { outcome: 'duplicate', make: (facts) => outbound('delivered', facts) },
    // What a texted STOP sets off besides the message.
    opt_out: { outcome: 'opt_out', make: doNotDisturb },
  },
  noise: [
    { outcome: 'ignored', make: unreadUpdate },
    { outcome: 'ignored', make: call },
  ],
}

/** The account, shared with the workflow webhook: both name a contact alike. */
export const locationId = 'l1C08ntSimuFjLS0elLI'

export function contactIdOf({ ids, person }: Facts): string {
  return ids.text(`contact ${person.index}`, 20)
}

function inbound(facts: Facts) {
  const { person, at, ids, delivery } = facts
  return {
    ...message('InboundMessage', facts),
    direction: 'inbound',
    status: 'delivered',
    conversationProviderId: 'cI08i1SimuTB9bKgF01',
    from: person.phone,
    to: own.phone,
    timestamp: at.toISOString(),
    webhookId: ids.uuid(`webhook ${delivery}`),
  }
}

function outbound(status: string, facts: Facts) {
  return {
    ...message('OutboundMessage', facts),
    direction: 'outbound',
    source: 'app',
    status,
    userId: 'u5SimulateSamReed001',
    from: own.phone,
    to: facts.person.phone,
  }
}

function message(type: string, facts: Facts) {
  const { ids, text, at, person } = facts
  return {
    type,
    locationId,
    attachments: [],
    body: text,
    contactId: contactIdOf(facts),
    contentType: 'text/plain',
    conversationId: ids.text(`conversation ${person.index}`, 20),
    dateAdded: at.toISOString(),
    messageType: 'SMS',
    messageTypeId: 2,
    messageTypeString: 'TYPE_SMS',
    messageId: ids.text(`sms ${facts.message}`, 20),
  }
}

function doNotDisturb(facts: Facts) {
  const { ids, delivery, person, at } = facts
  const blocked = { status: 'permanent', message: 'STOP_KEYWORD' }
  return {
    type: 'ContactDndUpdate',
    locationId,
    id: contactIdOf(facts),
    dnd: false,
    dndSettings: { SMS: blocked, RCS: blocked },
    phone: person.phone,
    email: person.email,
    name: `${person.firstName} ${person.lastName}`,
    firstName: person.firstName,
    lastName: person.lastName,
    tags: ['q1'],
    dateAdded: '2025-11-26T12:41:02.193Z',
    attachments: [],
    customFields: [],
    timestamp: at.toISOString(),
    webhookId: ids.uuid(`webhook ${delivery}`),
  }
}

function unreadUpdate(facts: Facts) {
  return {
    type: 'ConversationUnreadUpdate',
    locationId,
    id: facts.ids.text(`conversation ${facts.person.index}`, 20),
    contactId: contactIdOf(facts),
    unreadCount: 1,
    inbox: true,
    starred: false,
    deleted: false,
  }
}

/** A call is an inbound message without a body. */
function call(facts: Facts) {
  const { body: _none, ...rest } = inbound(facts)
  return {
    ...rest,
    messageType: 'CALL',
    messageTypeId: 1,
    messageTypeString: 'TYPE_CALL',
    callDuration: 41,
    callStatus: 'completed',
  }
}
