import { createPrivateKey, sign } from 'node:crypto'
import * as assert from 'uvu/assert'
import { gohighlevel } from '../../../src/domain/channels/gohighlevel.ts'
import type { Delivery } from '../../../src/domain/channels/inbound-event.ts'
import {
  assertMeetsExpectation,
  deliveryOf,
  eventOf,
  fixture,
  fixtureJson,
  fixturesOf,
  signatureVectors,
} from '../../support/fixtures.ts'
import { suite } from '../../support/suite.ts'

const test = suite('gohighlevel')
const sms = fixtureJson('ghl_app/inbound_sms.json')
const email = fixtureJson('ghl_app/inbound_email.json')
const outbound = fixtureJson('ghl_app/outbound_message.json')
const dnd = fixtureJson('ghl_app/contact_dnd_update.json')
const workflow = fixtureJson('ghl_workflow/inbound_sms.json')
const stop = fixtureJson('ghl_workflow/stop_reply.json')
const custom = fixtureJson('ghl_workflow/custom_webhook.json')

const parse = (payload: unknown, overrides: Partial<Delivery> = {}) =>
  gohighlevel.parse(deliveryOf(payload, overrides))
const without = (payload: Record<string, unknown>, ...names: string[]) =>
  Object.fromEntries(Object.entries(payload).filter(([name]) => !names.includes(name)))
const at = (time: string) => ({ receivedAt: new Date(time) })
const fieldOf = (payload: unknown) => {
  const result = parse(payload)
  return result.outcome === 'rejected' ? result.field : result.outcome
}
const isKept = (payload: unknown) => {
  const result = parse(payload)
  return result.outcome === 'ignored' && result.keep === true
}

for (const file of fixturesOf('gohighlevel')) {
  test(`${file} meets its expectation`, () => assertMeetsExpectation(gohighlevel, file))
}

test('what could not be stored is answered 429, the only status that is sent again', () => {
  assert.is(gohighlevel.notStoredStatus, 429)
})

test('both shapes name the contact alike', () => {
  const ids = [sms, workflow, custom, dnd].map(
    (payload) => eventOf(parse(payload)).lead.identities[0],
  )
  for (const id of ids) {
    assert.equal(id, {
      kind: 'provider',
      value: 'gohighlevel:l1C08ntDemoFjLS0elLI:cI08i1Demo3iTB9bKgFJ',
    })
  }
})

test('an app event inside data, as object or text, is the same message', () => {
  const key = eventOf(parse(sms)).dedupeKey
  assert.is(eventOf(parse({ data: sms })).dedupeKey, key)
  assert.is(eventOf(parse({ data: JSON.stringify(sms) })).dedupeKey, key)
  assert.is(eventOf(parse({ ...without(sms, 'body'), data: { body: 'yes' } })).body, 'yes')
  for (const data of ['no json', 7, [], null]) {
    assert.is(eventOf(parse({ ...sms, data })).dedupeKey, key, String(data))
  }
})

test('type and direction that disagree are kept, never scored', () => {
  assert.ok(isKept({ ...sms, direction: 'outbound' }))
  assert.ok(isKept({ ...outbound, direction: 'inbound' }))
  assert.ok(isKept(without(sms, 'direction')))
})

test('calls, voicemail, reactions and inbox events are ignored', () => {
  for (const messageType of ['CALL', 'VoiceMail']) {
    const call = { ...without(sms, 'body', 'messageTypeString'), messageType }
    assert.is(parse(call).outcome, 'ignored', messageType)
  }
  assert.is(parse({ ...sms, messageTypeString: 'TYPE_SMS_REACTION' }).outcome, 'ignored')
  assert.is(parse({ ...sms, body: '' }).outcome, 'ignored')
  assert.is(parse({ ...sms, body: null }).outcome, 'ignored')
  const unknown = parse({ ...sms, type: `New${'x'.repeat(900)}` })
  assert.ok(unknown.outcome === 'ignored' && unknown.reason.startsWith('event New'))
  assert.ok(unknown.outcome === 'ignored' && unknown.reason.length <= 60)
  assert.is(parse({ type: 'INSTALL', companyId: 'c', appId: 'a' }).outcome, 'ignored')
})

test('a picture without text is a message with an attachment', () => {
  const event = eventOf(parse({ ...sms, body: '', attachments: ['https://x.example/1.jpg'] }))
  assert.is(event.body, '')
  assert.is(event.signals.attachments, 1)
})

test('every status change of an outbound message has one key', () => {
  const later = { ...outbound, status: 'delivered', webhookId: 'another' }
  assert.is(eventOf(parse(later)).dedupeKey, eventOf(parse(outbound)).dedupeKey)
})

test('a message without id is told by its time, without time by the minute of receipt', () => {
  const nameless = without(sms, 'messageId')
  const key = eventOf(parse(nameless)).dedupeKey
  assert.is(eventOf(parse(nameless, at('2026-01-06T16:00:00Z'))).dedupeKey, key)
  assert.is.not(eventOf(parse({ ...nameless, body: 'no' })).dedupeKey, key)
  const later = { ...nameless, dateAdded: '2026-01-07T10:00:00.000Z' }
  assert.is.not(eventOf(parse(later)).dedupeKey, key)
  const timeless = without(nameless, 'dateAdded')
  const one = eventOf(parse(timeless, at('2026-01-06T14:31:50Z')))
  const two = eventOf(parse(timeless, at('2026-01-06T14:32:10Z')))
  assert.equal(two.dedupeAliases, [one.dedupeKey])
})

test('an e-mail to several names no address of the lead', () => {
  const mail = { ...email, type: 'OutboundMessage', direction: 'outbound' }
  const kinds = (to: unknown) =>
    eventOf(parse({ ...mail, to })).lead.identities.map(({ kind }) => kind)
  assert.equal(kinds(['dana.whit@harlow.example']), ['provider', 'email'])
  assert.equal(kinds('dana.whit@harlow.example'), ['provider', 'email'])
  assert.equal(kinds(['a@b.example', 'c@d.example']), ['provider'])
  assert.equal(kinds(undefined), ['provider'])
})

test('do-not-disturb on any channel is an opt-out, off on all an opt-in', () => {
  const kindOf = (changes: Record<string, unknown>) => eventOf(parse({ ...dnd, ...changes })).kind
  const status = (...statuses: string[]) =>
    Object.fromEntries(statuses.map((name, i) => [`channel${i}`, { status: name }]))
  assert.is(kindOf({ dndSettings: status('inactive', 'active') }), 'opt_out')
  assert.is(kindOf({ dndSettings: status('permanent') }), 'opt_out')
  assert.is(kindOf({ dndSettings: status('inactive', 'inactive') }), 'opt_in')
  assert.is(kindOf({ dnd: true, dndSettings: {} }), 'opt_out')
  assert.is(kindOf({ dnd: true, dndSettings: status('inactive') }), 'opt_out')
  assert.is(kindOf({ dnd: false, dndSettings: undefined }), 'opt_in')
  assert.is(fieldOf({ ...dnd, dnd: undefined, dndSettings: {} }), 'dndSettings')
  assert.is(fieldOf({ ...dnd, dnd: false, dndSettings: status('paused') }), 'dndSettings')
})

test('do-not-disturb without webhookId is told by time and state', () => {
  const bare = without(dnd, 'webhookId')
  const on = eventOf(parse(bare))
  const off = eventOf(parse({ ...bare, dndSettings: { SMS: { status: 'inactive' } } }))
  assert.is.not(on.dedupeKey, off.dedupeKey)
  assert.is(eventOf(parse(without(bare, 'timestamp'))).dedupeAliases.length, 1)
})

test('an app event without its required part is rejected with the field', () => {
  assert.is(fieldOf(without(dnd, 'id')), 'id')
  assert.is(fieldOf({ ...sms, locationId: ' ' }), 'locationId')
  assert.is(fieldOf({ ...without(sms, 'locationId') }), 'locationId')
  assert.is(fieldOf(without(sms, 'contactId', 'from')), 'contactId')
  assert.is(eventOf(parse(without(sms, 'contactId'))).lead.identities[0]?.kind, 'phone')
})

test('a workflow text is found as object, text or under any spelling of customData', () => {
  const body = (payload: Record<string, unknown>) => eventOf(parse(payload)).body
  const bare = without(workflow, 'message', 'customData')
  assert.is(body({ ...bare, message: 'Yes' }), 'Yes')
  assert.is(body({ ...bare, body: 'Yes' }), 'Yes')
  for (const name of ['Message', ' message', 'MESSAGE BODY', 'message_body', 'Text']) {
    assert.is(body({ ...bare, customData: { [name]: ' Yes ' } }), 'Yes', name)
  }
  assert.is(body({ ...bare, message: { type: 2, body: '1 < 2 <b>' } }), '1 < 2 <b>')
  assert.is(body({ ...bare, message: { type: 3, body: '<div>Hi&amp;bye</div>' } }), 'Hi&bye')
})

test('merge fields that found nothing and contact fields of that name are no text', () => {
  const bare = without(workflow, 'message', 'customData')
  for (const message of ['{{message.body}}', '', '  ', null, { type: 2 }, { body: '' }, []]) {
    assert.is(parse({ ...bare, message }).outcome, 'ignored', JSON.stringify(message))
  }
  assert.is(parse({ ...bare, Message: 'a form field of the contact' }).outcome, 'ignored')
  assert.is(parse({ ...bare, customData: { message: '{{ x }}' } }).outcome, 'ignored')
})

test('staff messages on the same URL are echoes', () => {
  const direction = (changes: Record<string, unknown>) =>
    eventOf(parse({ ...custom, direction: undefined, ...changes })).direction
  assert.is(direction({ direction: 'outbound' }), 'outbound')
  assert.is(direction({ userId: 'u5Demo' }), 'outbound')
  assert.is(direction({ customData: { Direction: 'Outbound' } }), 'outbound')
  assert.is(direction({ direction: 'inbound', userId: 'u5Demo' }), 'inbound')
  assert.is(direction({}), 'inbound')
})

test('a template with a message id meets the app’s message', () => {
  const customData = { 'Message ID': 'Kx9QkDemo2mN7pR4sT6u' }
  const event = eventOf(parse({ ...workflow, customData }))
  assert.is(event.dedupeKey, eventOf(parse(sms)).dedupeKey)
  assert.is(event.externalId, 'Kx9QkDemo2mN7pR4sT6u')
})

test('without date the minute of receipt decides, and the minute before is an alias', () => {
  const key = (time: string) => eventOf(parse(stop, at(time)))
  const one = key('2026-01-06T14:31:02Z')
  assert.is(key('2026-01-06T14:31:59Z').dedupeKey, one.dedupeKey)
  assert.equal(key('2026-01-06T14:32:00Z').dedupeAliases, [one.dedupeKey])
  const later = key('2026-01-06T14:33:00Z')
  assert.is.not(later.dedupeKey, one.dedupeKey)
  assert.not(later.dedupeAliases.includes(one.dedupeKey), 'a second yes is a new message')
})

test('a date far from the receipt is not the message’s and proves no duplicate', () => {
  const trusted = eventOf(parse(workflow))
  assert.equal(trusted.dedupeAliases, [])
  assert.is(eventOf(parse(workflow, at('2026-01-06T14:45:00Z'))).dedupeKey, trusted.dedupeKey)
  const weeksLater = eventOf(parse(workflow, at('2026-02-06T14:31:50Z')))
  assert.is.not(weeksLater.dedupeKey, trusted.dedupeKey)
  assert.is(weeksLater.dedupeAliases.length, 1)
  const customData = { message: 'Yes', Date: 'some day', Time: 'later' }
  assert.is(eventOf(parse({ ...workflow, customData })).dedupeAliases.length, 1)
})

test('equal texts of two contacts, workflows or locations are distinct', () => {
  const key = (changes: Record<string, unknown>) =>
    eventOf(parse({ ...stop, ...changes })).dedupeKey
  const keys = [{}, { contact_id: 'x' }, { workflow: { id: 'x' } }, { location: { id: 'x' } }]
  assert.is(new Set(keys.map(key)).size, keys.length)
})

test('without a location the connection is the scope', () => {
  const { connectionId } = deliveryOf('')
  const event = eventOf(parse(without(stop, 'location')))
  assert.is(
    event.lead.identities[0]?.value,
    `gohighlevel:connection:${connectionId}:${stop.contact_id}`,
  )
})

test('nobody named is rejected, bytes that are no JSON object are malformed', () => {
  for (const payload of [{}, { message: 'Yes' }, { message: 'Yes', phone: 'no phone' }]) {
    assert.is(fieldOf(payload), 'contact_id', JSON.stringify(payload))
  }
  for (const body of ['', '{', '[]', 'a=b']) assert.is(parse(body).outcome, 'malformed', body)
})

const [vector] = signatureVectors('ghl-ed25519')
const [rsa] = signatureVectors('ghl-rsa')
const ed25519PublicKey = vector?.publicKeyPem ?? ''
const rsaPublicKey = rsa?.publicKeyPem ?? ''

function signedAt(payload: unknown, receivedAt: Date): Delivery {
  const delivery = deliveryOf(payload, { receivedAt })
  const key = createPrivateKey(vector?.privateKeyPemTestOnly ?? '')
  const signature = sign(null, delivery.rawBody, key).toString('base64')
  return { ...delivery, headers: { 'x-ghl-signature': signature } }
}

test('the legacy header counts only without the current one and with a key', () => {
  const verified = (headers: Record<string, string>, keys: Record<string, string>) =>
    gohighlevel.verify(deliveryOf(fixture('ghl_app/inbound_sms.json'), { headers }), keys).ok
  const current = { 'x-ghl-signature': vector?.signature ?? '' }
  const legacy = { 'x-wh-signature': rsa?.signature ?? '' }
  const both = { ed25519PublicKey, rsaPublicKey }
  assert.ok(verified(current, both))
  assert.ok(verified({ ...current, ...legacy }, both))
  assert.ok(verified(legacy, both))
  assert.not(verified(legacy, { ed25519PublicKey }))
  assert.not(verified({ ...legacy, 'x-ghl-signature': 'N/A' }, both))
  assert.not(verified({ ...legacy, 'x-ghl-signature': '' }, both))
  assert.not(verified({ ...legacy, 'x-ghl-signature': 'AAAA' }, both))
  assert.not(verified({ 'x-wh-signature': 'N/A' }, both))
  assert.not(verified(current, { rsaPublicKey }))
  assert.not(verified({}, both))
})

test('a delivery older or newer than two hours is refused, a late retry is not', () => {
  const sentAt = new Date(String(sms.timestamp)).getTime()
  const verified = (minutes: number, payload: unknown = sms) =>
    gohighlevel.verify(signedAt(payload, new Date(sentAt + minutes * 60_000)), {
      ed25519PublicKey,
    }).ok
  assert.ok(verified(0))
  assert.ok(verified(71), 'the sixth retry')
  assert.ok(verified(120))
  assert.ok(verified(-120))
  assert.not(verified(121))
  assert.not(verified(-121))
  assert.not(verified(121, { data: JSON.stringify(sms) }))
  assert.ok(verified(100_000, without(sms, 'timestamp')), 'no timestamp: the id stops replays')
})

test('a signature configuration takes one key or both, each of its kind', () => {
  const schema = gohighlevel.signatureSchema
  assert.ok(schema?.safeParse({ ed25519PublicKey }).success)
  assert.ok(schema?.safeParse({ rsaPublicKey }).success)
  assert.ok(schema?.safeParse({ ed25519PublicKey, rsaPublicKey }).success)
  for (const wrong of [
    {},
    { ed25519PublicKey: rsaPublicKey },
    { rsaPublicKey: ed25519PublicKey },
    { ed25519PublicKey: 'x' },
    { ed25519PublicKey, other: 1 },
  ]) {
    assert.not(schema?.safeParse(wrong).success, JSON.stringify(wrong))
  }
})

test.run()
