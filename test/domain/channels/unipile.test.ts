import * as assert from 'uvu/assert'
import { unipile } from '../../../src/domain/channels/unipile.ts'
import {
  assertMeetsExpectation,
  deliveryOf,
  eventOf,
  fixtureJson,
  fixturesOf,
  signatureVectors,
} from '../../support/fixtures.ts'
import { suite } from '../../support/suite.ts'

const test = suite('unipile')
const received = fixtureJson('unipile/message_received.json')
const own = fixtureJson('unipile/message_received_own.json')
const sender = received.sender as Record<string, unknown>
const parse = (payload: unknown) => unipile.parse(deliveryOf(payload))
const changed = (changes: Record<string, unknown>) => parse({ ...received, ...changes })

for (const file of fixturesOf('unipile')) {
  test(`${file} meets its expectation`, () => assertMeetsExpectation(unipile, file))
}

test('the headline gives title and company where it is that simple', () => {
  const leadWith = (occupation: unknown) =>
    eventOf(changed({ sender: { ...sender, attendee_specifics: { occupation } } })).lead
  assert.is(leadWith('VP Operations at Harlow Freight').title, 'VP Operations')
  assert.is(leadWith('VP Operations at Harlow Freight').company, 'Harlow Freight')
  const several = 'CEO at Two | Helping founders at scale'
  assert.is(leadWith(several).title, several)
  assert.is(leadWith(several).company, null)
  assert.is(leadWith(undefined).title, null)
  assert.is(leadWith(42).title, '42')
})

test('a vanity name is a second profile URL, the member id stays the first identity', () => {
  const person = { ...sender, attendee_public_identifier: 'Dana-Whit-Demo' }
  assert.equal(eventOf(changed({ sender: person })).lead.identities, [
    { kind: 'provider', value: 'linkedin:ACoAALeadDemo0042' },
    { kind: 'linkedin', value: 'https://www.linkedin.com/in/ACoAALeadDemo0042' },
    { kind: 'linkedin', value: 'https://www.linkedin.com/in/dana-whit-demo' },
  ])
})

test('our own messages are told by the member id or by the flag, in each spelling', () => {
  assert.is(eventOf(parse({ ...own, is_sender: 0 })).direction, 'outbound')
  for (const is_sender of [true, 1, '1', 'true']) {
    const account = { ...own, account_info: undefined, is_sender }
    assert.is(eventOf(parse(account)).direction, 'outbound', String(is_sender))
  }
  for (const is_sender of [false, 0, '0', 'false', null]) {
    assert.is(eventOf(changed({ is_sender })).direction, 'inbound', String(is_sender))
  }
})

test('in a group the sender is the lead; our own message to one names nobody', () => {
  const group = { is_group: true, attendees: [sender, { attendee_provider_id: 'ACoAAOther' }] }
  const event = eventOf(changed(group))
  assert.is(event.lead.identities[0]?.value, 'linkedin:ACoAALeadDemo0042')
  assert.is(parse({ ...own, ...group }).outcome, 'ignored')
  assert.is(parse({ ...own, is_group: true }).outcome, 'ignored')
})

test('the owner among the attendees is not the counterpart', () => {
  const attendees = [own.sender, sender]
  const event = eventOf(parse({ ...own, attendees }))
  assert.is(event.lead.identities[0]?.value, 'linkedin:ACoAALeadDemo0042')
})

test('an attachment without text is a message, nothing at all is none', () => {
  for (const attachments of [[{ id: 'a' }], { id: 'a' }]) {
    const event = eventOf(changed({ message: null, attachments }))
    assert.is(event.body, '')
    assert.is(event.signals.attachments, 1)
  }
  for (const attachments of [[], {}, null, 'x']) {
    assert.is(changed({ message: '', attachments }).outcome, 'ignored')
  }
})

test('account status is ignored and named', () => {
  const status = { account_id: 'a', account_type: 'LINKEDIN', message: 'CREDENTIALS' }
  const result = parse({ AccountStatus: status })
  assert.equal(result, { outcome: 'ignored', reason: 'account status CREDENTIALS' })
  assert.is(parse({ AccountStatus: {} }).outcome, 'ignored')
})

test('chat events, other networks and other events are ignored', () => {
  assert.is(changed({ is_event: 1 }).outcome, 'ignored')
  assert.is(changed({ account_type: 'WHATSAPP' }).outcome, 'ignored')
  for (const event of ['message_read', 'message_edited', 'message_deleted', 'whatever']) {
    assert.equal(changed({ event }), { outcome: 'ignored', reason: `event ${event}` })
  }
  const long = changed({ event: 'x'.repeat(5000) })
  assert.ok(long.outcome === 'ignored' && long.reason.length <= 100)
})

test('a company page is kept and is no lead', () => {
  const company = { ...sender, attendee_specifics: { is_company: true } }
  const result = changed({ sender: company })
  assert.ok(result.outcome === 'ignored' && result.keep)
})

test('messages of version 2 are kept, its other events are not', () => {
  assert.equal(parse({ type: 'message.new', payload: {} }), {
    outcome: 'ignored',
    reason: 'version 2 event message.new',
    keep: true,
  })
  const account = parse({ type: 'account.connected' })
  assert.ok(account.outcome === 'ignored' && !account.keep)
})

test('a message without its required part is rejected with the field', () => {
  const fieldOf = (payload: Record<string, unknown>) => {
    const result = parse(payload)
    return result.outcome === 'rejected' ? result.field : result.outcome
  }
  assert.is(fieldOf({ ...received, message_id: undefined }), 'message_id')
  assert.is(fieldOf({ ...received, account_id: '' }), 'account_id')
  assert.is(fieldOf({ ...received, sender: null }), 'sender')
  assert.is(fieldOf({ ...received, sender: 'Dana' }), 'sender')
  assert.is(fieldOf({ ...own, attendees: [] }), 'attendees')
  assert.is(fieldOf({}), 'event')
})

test('bytes that are no JSON object are malformed', () => {
  for (const body of ['', 'event=message_received', '[]', 'null', '"x"']) {
    assert.is(parse(body).outcome, 'malformed', body)
  }
})

test('a time that is none leaves the receipt time', () => {
  assert.is(eventOf(changed({ timestamp: 'yesterday' })).sentAt, null)
  assert.is(eventOf(changed({ timestamp: null })).sentAt, null)
})

test('version 1 compares the header that was agreed on', () => {
  const schema = unipile.signatureSchema
  const standard = schema?.parse({ secret: 'geheim' })
  const custom = schema?.parse({ secret: ['alt', 'geheim'], header: 'X-Mine' })
  assert.ok(standard && custom)
  const with_ = (headers: Record<string, string>) => deliveryOf(received, { headers })
  assert.ok(unipile.verify(with_({ 'unipile-auth': 'geheim' }), standard).ok)
  assert.ok(unipile.verify(with_({ 'x-mine': 'geheim' }), custom).ok)
  assert.ok(unipile.verify(with_({ 'x-mine': 'alt' }), custom).ok)
  assert.not(unipile.verify(with_({ 'unipile-auth': 'geheim' }), custom).ok)
  assert.not(unipile.verify(with_({ 'unipile-auth': 'Geheim' }), standard).ok)
  assert.not(unipile.verify(with_({ 'unipile-auth': '' }), standard).ok)
  assert.not(unipile.verify(with_({}), standard).ok)
})

test('version 2 allows 300 seconds either way, and every live secret', () => {
  const [vector] = signatureVectors('unipile-v2')
  assert.ok(vector?.timestamp && vector.secret && vector.body)
  const { timestamp, secret, body, signature } = vector
  const at = (seconds: number, signingSecret: string | string[] = secret) =>
    unipile.verify(
      deliveryOf(body, {
        headers: { 'unipile-signature': signature },
        receivedAt: new Date((timestamp + seconds) * 1000),
      }),
      { signingSecret },
    ).ok
  assert.ok(at(300))
  assert.ok(at(-300))
  assert.not(at(301))
  assert.not(at(-301))
  assert.ok(at(0, ['new', secret]))
  assert.not(at(0, ['new', 'newer']))
})

test('a signature configuration is one of the two forms', () => {
  const schema = unipile.signatureSchema
  assert.ok(schema?.safeParse({ signingSecret: 'x' }).success)
  for (const wrong of [
    {},
    { secret: '' },
    { secret: 'a', signingSecret: 'b' },
    { secret: 'a', header: 'not a header' },
    { signingSecret: [] },
  ]) {
    assert.not(schema?.safeParse(wrong).success, JSON.stringify(wrong))
  }
})

test.run()
