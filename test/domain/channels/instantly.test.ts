import * as assert from 'uvu/assert'
import { instantly } from '../../../src/domain/channels/instantly.ts'
import {
  assertMeetsExpectation,
  deliveryOf,
  eventOf,
  fixtureJson,
  fixturesOf,
} from '../../support/fixtures.ts'
import { suite } from '../../support/suite.ts'

const test = suite('instantly')
const reply = fixtureJson('instantly/reply_received.json')
const parse = (payload: unknown) => instantly.parse(deliveryOf(payload))
const changed = (changes: Record<string, unknown>) => parse({ ...reply, ...changes })
const fieldOf = (changes: Record<string, unknown>) => {
  const result = changed(changes)
  return result.outcome === 'rejected' ? result.field : result.outcome
}

for (const file of fixturesOf('instantly')) {
  test(`${file} meets its expectation`, () => assertMeetsExpectation(instantly, file))
}

test('customers variables add facts and never replace a reserved key', () => {
  const event = eventOf(
    changed({ email: 'other@elsewhere.example', Workspace: 'w', LEAD_EMAIL: 'x@y.example' }),
  )
  assert.equal(event.lead, {
    identities: [{ kind: 'email', value: 'dana.whit@harlow.example' }],
    firstName: 'Dana',
    lastName: 'Whit',
    company: 'Harlow Freight',
    title: 'VP Operations',
  })
})

test('a personal profile URL is an identity, a company URL and a phone are none', () => {
  const kinds = (changes: Record<string, unknown>) =>
    eventOf(changed(changes)).lead.identities.map(({ kind }) => kind)
  assert.equal(kinds({ linkedIn: 'https://linkedin.com/in/dana-whit' }), ['email', 'linkedin'])
  assert.equal(kinds({ linkedIn: 'https://linkedin.com/company/harlow' }), ['email'])
  assert.equal(kinds({ phone: '+12125550187' }), ['email'])
})

test('each label becomes its tag', () => {
  const tags = {
    lead_interested: 'Interested',
    lead_not_interested: 'Not Interested',
    lead_neutral: 'Neutral',
    lead_meeting_booked: 'Meeting Booked',
    lead_meeting_completed: 'Meeting Booked',
    lead_no_show: 'Follow Up',
    lead_out_of_office: 'Out of Office',
    lead_wrong_person: 'Not Interested',
    lead_closed: null,
  }
  for (const [event_type, tag] of Object.entries(tags)) {
    const event = eventOf(changed({ event_type }))
    assert.is(event.kind, 'label', event_type)
    assert.is(event.direction, 'inbound', event_type)
    assert.is(event.labelTag, tag, event_type)
    assert.is(event.body, null, event_type)
    assert.ok(event.lead.identities.length > 0, event_type)
  }
})

test('a label about a reply has another key than the reply', () => {
  const label = eventOf(changed({ event_type: 'lead_interested' }))
  assert.is.not(label.dedupeKey, eventOf(parse(reply)).dedupeKey)
})

test('a bounce names the lead and carries no text', () => {
  const event = eventOf(changed({ event_type: 'email_bounced' }))
  assert.is(event.kind, 'bounce')
  assert.is(event.body, null)
  assert.is(event.lead.identities[0]?.value, 'dana.whit@harlow.example')
})

test('our own events and labels nobody knows are ignored by name', () => {
  assert.equal(changed({ event_type: 'link_clicked' }), {
    outcome: 'ignored',
    reason: 'event link_clicked',
  })
  assert.equal(changed({ event_type: 'Hot Lead 🔥' }), {
    outcome: 'ignored',
    reason: 'unknown event hot lead 🔥',
  })
  for (const event_type of ['email_opened', 'campaign_completed', 'constructor', '__proto__']) {
    assert.is(changed({ event_type }).outcome, 'ignored', event_type)
  }
  const long = changed({ event_type: 'x'.repeat(9000) })
  assert.ok(long.outcome === 'ignored' && long.reason.length < 100)
})

test('the key holds without workspace, time or e-mail id, as far as something names it', () => {
  const keyOf = (changes: Record<string, unknown>) => eventOf(changed(changes)).dedupeKey
  assert.is(keyOf({}), keyOf({}))
  assert.is.not(keyOf({ workspace: undefined }), keyOf({}))
  assert.is(keyOf({ timestamp: undefined }), keyOf({ timestamp: undefined }))
  assert.is.not(
    keyOf({ timestamp: undefined }),
    keyOf({ timestamp: undefined, reply_text: 'Another answer to the same mail' }),
  )
  assert.is.not(
    keyOf({ email_id: undefined }),
    keyOf({ email_id: undefined, timestamp: '2026-01-06T14:03:16.000Z' }),
  )
  assert.is(fieldOf({ email_id: undefined, timestamp: undefined }), 'timestamp')
})

test('HTML stands in for a missing text, the snippet for both', () => {
  const html = { reply_text: undefined, reply_html: '<p>Call me</p>' }
  assert.is(eventOf(changed(html)).body, 'Call me')
  assert.is(eventOf(changed({ reply_text: '' })).body, 'Sure, can you do Thursday?')
})

test('an empty reply with a subject is stored, without one it is rejected', () => {
  const empty = { reply_text: '', reply_text_snippet: '' }
  const event = eventOf(changed({ ...empty, reply_subject: 'unsubscribe' }))
  assert.is(event.body, '')
  assert.is(event.subject, 'unsubscribe')
  assert.is(fieldOf({ ...empty, reply_subject: '' }), 'reply_text')
})

test('an event without its required part is rejected with the field', () => {
  assert.is(fieldOf({ event_type: undefined }), 'event_type')
  assert.is(fieldOf({ event_type: 7 }), 'event_type')
  assert.is(fieldOf({ event_type: '  ' }), 'event_type')
  assert.is(fieldOf({ lead_email: undefined }), 'lead_email')
  assert.is(fieldOf({ lead_email: 'not an address' }), 'lead_email')
  assert.is(fieldOf({ event_type: 'lead_unsubscribed', lead_email: '' }), 'lead_email')
})

test('bytes that are no JSON object are malformed', () => {
  for (const body of ['', '{', '[]', 'a=b']) assert.is(parse(body).outcome, 'malformed', body)
})

test('a time that is none leaves the receipt time', () => {
  assert.is(eventOf(changed({ timestamp: 'soon' })).sentAt, null)
})

test('long HTML beside a text is not kept', () => {
  const reply_html = `<p>${'x'.repeat(200_000)}</p>`
  const kept = JSON.stringify(eventOf(changed({ reply_html })).payload)
  assert.ok(kept.length < 5000)
  const only = JSON.stringify(eventOf(changed({ reply_html, reply_text: undefined })).payload)
  assert.ok(only.length > 10_000 && only.length < 70_000)
})

test('the agreed header is compared', () => {
  const signature = instantly.signatureSchema?.parse({ header: 'X-Token', value: ['a1', 'b2'] })
  assert.ok(signature)
  const verified = (headers: Record<string, string>) =>
    instantly.verify(deliveryOf(reply, { headers }), signature).ok
  assert.ok(verified({ 'x-token': 'a1' }))
  assert.ok(verified({ 'x-token': 'b2' }))
  assert.not(verified({ 'x-token': 'a1, b2' }))
  assert.not(verified({ 'x-token': 'A1' }))
  assert.not(verified({ 'x-other': 'a1' }))
  assert.not(verified({}))
  for (const wrong of [{}, { header: 'X-Token' }, { value: 'a' }, { header: 'a b', value: 'a' }]) {
    assert.not(instantly.signatureSchema?.safeParse(wrong).success, JSON.stringify(wrong))
  }
})

test.run()
