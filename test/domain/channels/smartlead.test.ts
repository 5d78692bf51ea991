import * as assert from 'uvu/assert'
import { smartlead } from '../../../src/domain/channels/smartlead.ts'
import {
  assertMeetsExpectation,
  deliveryOf,
  eventOf,
  fixtureJson,
  fixturesOf,
} from '../../support/fixtures.ts'
import { suite } from '../../support/suite.ts'

const test = suite('smartlead')
const reply = fixtureJson('smartlead/email_reply.json')
const category = fixtureJson('smartlead/lead_category_updated_ooo.json')
const unsubscribed = fixtureJson('smartlead/lead_unsubscribed.json')
const untracked = fixtureJson('smartlead/untracked_replies.json')
const sent = fixtureJson('smartlead/email_sent.json')
const parse = (payload: unknown) => smartlead.parse(deliveryOf(payload))
const changed = (changes: Record<string, unknown>) => parse({ ...reply, ...changes })
const repliedBy = (replyReceivedFrom: string, changes: Record<string, unknown> = {}) =>
  eventOf(
    changed({
      leadCorrespondence: { targetLeadEmail: 'dana.whit@harlow.example', replyReceivedFrom },
      ...changes,
    }),
  )
const fieldOf = (payload: unknown) => {
  const result = parse(payload)
  return result.outcome === 'rejected' ? result.field : result.outcome
}

for (const file of fixturesOf('smartlead')) {
  test(`${file} meets its expectation`, () => assertMeetsExpectation(smartlead, file))
}

test('the lead is never our mailbox, whichever field is missing', () => {
  const without = (...names: string[]) => {
    const rest = Object.fromEntries(Object.entries(reply).filter(([name]) => !names.includes(name)))
    return eventOf(parse(rest)).lead.identities.find(({ kind }) => kind === 'email')?.value
  }
  assert.is(without('leadCorrespondence'), 'dana.whit@harlow.example')
  assert.is(without('leadCorrespondence', 'sl_lead_email'), 'dana.whit@harlow.example')
  assert.is(
    without('leadCorrespondence', 'sl_lead_email', 'lead_email'),
    'dana.whit@harlow.example',
  )
})

test('a colleague answers: the lead stays, the replier is noted', () => {
  const event = repliedBy('Jo Lowe <jo.lowe@harlow.example>')
  assert.is(event.direction, 'inbound')
  assert.is(event.signals.repliedFrom, 'jo.lowe@harlow.example')
  assert.is(event.lead.identities.find(({ kind }) => kind === 'email')?.value, reply.sl_lead_email)
  assert.is(eventOf(parse(reply)).signals.repliedFrom, undefined)
})

test('our mailbox or a colleague of ours in the thread is an echo', () => {
  for (const from of ['sam@northpeak-mail.com', 'Pat@Northpeak-Mail.com']) {
    const event = repliedBy(from)
    assert.is(event.direction, 'outbound', from)
    assert.is(event.lead.identities[1]?.value, 'dana.whit@harlow.example')
    assert.is(event.signals.repliedFrom, undefined)
  }
})

test('a common domain proves nothing at a mail host or at the lead', () => {
  const atHost = { from_email: 'northpeak@gmail.com' }
  assert.is(repliedBy('jo.lowe@gmail.com', atHost).direction, 'inbound')
  assert.is(repliedBy('northpeak@gmail.com', atHost).direction, 'outbound')
  const atLead = { from_email: 'us@harlow.example' }
  assert.is(repliedBy('jo.lowe@harlow.example', atLead).direction, 'inbound')
})

test('the opposite reading of from and to still finds a person', () => {
  const opposite = { from_email: 'dana.whit@harlow.example', to_email: 'sam@northpeak-mail.com' }
  assert.is(repliedBy('dana.whit@harlow.example', opposite).direction, 'inbound')
  assert.is(repliedBy('sam@northpeak-mail.com', opposite).direction, 'outbound')
  assert.is(repliedBy('dana.whit@harlow.example', opposite).lead.firstName, null, 'to_name is ours')
})

test('older names of the events are understood in any case', () => {
  const types: [Record<string, unknown>, string, string][] = [
    [reply, 'EMAIL_REPLIED', 'text'],
    [reply, 'lead_replied', 'text'],
    [unsubscribed, 'EMAIL_UNSUBSCRIBED', 'opt_out'],
    [reply, 'email_bounced', 'bounce'],
  ]
  for (const [payload, event_type, kind] of types) {
    assert.is(eventOf(parse({ ...payload, event_type })).kind, kind, event_type)
  }
  assert.is(
    eventOf(parse({ ...reply, event_type: 'LEAD_REPLIED' })).dedupeKey,
    eventOf(parse(reply)).dedupeKey,
  )
})

test('the text comes from the whole reply, the snippet only if nothing else is there', () => {
  const body = (changes: Record<string, unknown>) => eventOf(changed(changes)).body
  const whole = 'Sure, send me times and pricing for 40 seats.'
  const message = reply.reply_message as Record<string, unknown>
  assert.is(body({ reply_message: { ...message, text: null } }), whole)
  assert.is(body({ reply_message: null }), whole)
  assert.is(body({ reply_message: null, reply_body: null }), 'Sure, send me times and pri')
  const empty = { reply_message: null, reply_body: null, preview_text: null }
  assert.is(body(empty), '', 'a subject alone is still a message')
  assert.is(fieldOf({ ...reply, ...empty, subject: null }), 'reply_message')
})

test('a reply without id is told by time and text, never by the text alone', () => {
  const nameless = { reply_message: { text: 'Yes' }, message_id: null }
  const one = eventOf(changed(nameless))
  assert.is(one.externalId, null)
  assert.is(eventOf(changed(nameless)).dedupeKey, one.dedupeKey)
  const later = { ...nameless, event_timestamp: '2026-01-07T09:00:00.000Z' }
  assert.is.not(eventOf(changed(later)).dedupeKey, one.dedupeKey)
  assert.is(fieldOf({ ...reply, ...nameless, event_timestamp: null }), 'message_id')
})

test('the id of the mail that was answered is not the id of the reply', () => {
  const event = eventOf(
    changed({ reply_message: { text: 'Yes' }, message_id: '<s1@northpeak-mail.com>' }),
  )
  assert.is(event.externalId, null)
  assert.is.not(event.dedupeKey, eventOf(parse(sent)).dedupeKey)
})

test('one mail told as reply and as untracked reply is found again', () => {
  const event = eventOf(parse(untracked))
  const asReply = eventOf(changed({ reply_message: untracked.reply_message }))
  assert.equal(asReply.dedupeAliases, [event.dedupeKey])
})

test('out of office: the reply under its own key, then the label', () => {
  const result = parse(category)
  assert.ok(result.outcome === 'events')
  const [message, label] = result.outcome === 'events' ? result.events : []
  const asReply = eventOf(
    parse({ ...reply, reply_message: { message_id: '<ooo-1@orbit.example>', text: 'Away' } }),
  )
  assert.is(message?.dedupeKey, asReply.dedupeKey)
  assert.is(message?.kind, 'auto_reply')
  assert.is(message?.subject, 'Automatic reply: Quick question')
  assert.is(label?.kind, 'label')
  assert.is(label?.labelTag, 'Out of Office')
  assert.is.not(label?.dedupeKey, message?.dedupeKey)
  const bare = eventOf(parse({ ...category, lastReply: null }))
  assert.is(bare.kind, 'label')
  assert.is(bare.labelTag, 'Out of Office')
})

test('each category becomes its tag, do not contact an opt-out', () => {
  const named = (new_name: string) => eventOf(parse({ ...category, lead_category: { new_name } }))
  const tags = {
    Interested: 'Interested',
    'Meeting Request': 'Meeting Requested',
    'Not Interested': 'Not Interested',
    'Information Request': 'Information Requested',
    'Wrong Person': 'Not Interested',
    'meeting-request': 'Meeting Requested',
    'Our own category': null,
    constructor: null,
  }
  for (const [name, tag] of Object.entries(tags)) {
    const event = named(name)
    assert.is(event.kind, 'label', name)
    assert.is(event.labelTag, tag, name)
    assert.is(event.body, null, name)
    assert.ok(event.lead.identities.length > 0, name)
  }
  assert.is(named('Do Not Contact').kind, 'opt_out')
  assert.is(named('Do Not Contact').labelTag, null)
  const flat = { ...category, lead_category: null, category: 'Interested' }
  assert.is(eventOf(parse(flat)).labelTag, 'Interested')
})

test('a bounce is the lead’s, unless our mailbox caused it', () => {
  const bounce = { ...sent, event_type: 'EMAIL_BOUNCE', bounce_reply_message_id: '<b1@x.example>' }
  const event = eventOf(parse(bounce))
  assert.is(event.kind, 'bounce')
  assert.ok(event.dedupeKey.includes('b1@x.example'))
  assert.is.not(event.dedupeKey, eventOf(parse(sent)).dedupeKey)
  assert.is(parse({ ...bounce, is_sender_originated_bounce: true }).outcome, 'ignored')
  assert.is(eventOf(parse({ ...bounce, is_sender_originated_bounce: false })).kind, 'bounce')
})

test('events that carry no message are ignored by name', () => {
  for (const event_type of ['FIRST_EMAIL_SENT', 'EMAIL_OPEN', 'EMAIL_LINK_CLICK']) {
    assert.equal(changed({ event_type }), { outcome: 'ignored', reason: `event ${event_type}` })
  }
  assert.equal(changed({ event_type: 'SOMETHING_NEW' }), {
    outcome: 'ignored',
    reason: 'unknown event SOMETHING_NEW',
  })
  const long = changed({ event_type: 'x'.repeat(9000) })
  assert.ok(long.outcome === 'ignored' && long.reason.length < 100)
})

test('a wish to stop is kept without a time, once a minute', () => {
  const timeless = { ...unsubscribed, event_timestamp: null }
  const event = eventOf(parse(timeless))
  assert.is(event.kind, 'opt_out')
  assert.is(event.sentAt, null)
  assert.is(event.dedupeKey, eventOf(parse(timeless)).dedupeKey)
  const later = deliveryOf(timeless, { receivedAt: new Date('2031-01-01T00:00:00Z') })
  assert.is.not(event.dedupeKey, eventOf(smartlead.parse(later)).dedupeKey)
})

test('an event without its required part is rejected with the field', () => {
  assert.is(fieldOf({ event: 'EMAIL_REPLIED', lead: {}, reply: {} }), 'event_type')
  assert.is(fieldOf({ event_type: 'EMAIL_REPLY', campaign_id: 1 }), 'lead_email')
  assert.is(fieldOf({ ...untracked, sender_detail: 'Pat Lowe' }), 'sender_detail')
  assert.is(fieldOf({ ...category, lead_category: null, category: null }), 'lead_category.new_name')
  const nameless = { ...sent, sent_message: null, message_id: null, event_timestamp: null }
  assert.is(fieldOf(nameless), 'message_id')
})

test('bytes that are no JSON object are malformed', () => {
  for (const body of ['', '{', '[]', 'a=b']) assert.is(parse(body).outcome, 'malformed', body)
})

test('the secrets of the webhook are not kept', () => {
  const kept = JSON.stringify(eventOf(parse(reply)).payload)
  assert.not(kept.includes('9b1d0c7e-demo'))
  assert.not(kept.includes('hooks.example.com'))
  assert.ok(kept.includes('Logistics Q1'))
})

test('the secret in the body is compared', () => {
  const verified = (payload: unknown, secretKey: string | string[] = '9b1d0c7e-demo') =>
    smartlead.verify(deliveryOf(payload), { secretKey }).ok
  assert.ok(verified(reply))
  assert.ok(verified(reply, ['new', '9b1d0c7e-demo']))
  assert.not(verified(reply, 'another'))
  assert.not(verified({ ...reply, secret_key: undefined }))
  assert.not(verified({ ...reply, secret_key: '' }, ''))
  assert.not(verified({ ...reply, secret_key: ['9b1d0c7e-demo'] }))
  assert.not(verified('no json'))
  assert.not(smartlead.signatureSchema?.safeParse({ secretKey: '' }).success)
  assert.not(smartlead.signatureSchema?.safeParse({ secret_key: 'a' }).success)
})

test.run()
