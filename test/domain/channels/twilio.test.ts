import { createHash, createHmac } from 'node:crypto'
import * as assert from 'uvu/assert'
import { twilio } from '../../../src/domain/channels/twilio.ts'
import {
  assertMeetsExpectation,
  deliveryOf,
  eventOf,
  fixture,
  fixturesOf,
} from '../../support/fixtures.ts'
import { suite } from '../../support/suite.ts'

const test = suite('twilio')
const token = 'test_auth_token_000'

function form(changes: Record<string, string | null> = {}): Buffer {
  const fields = new URLSearchParams(fixture('twilio/inbound_sms.form').toString())
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) fields.delete(name)
    else fields.set(name, value)
  }
  return Buffer.from(fields.toString())
}

const parsed = (changes: Record<string, string | null> = {}) =>
  twilio.parse(deliveryOf(form(changes)))
const changed = (changes: Record<string, string | null>) => eventOf(parsed(changes))

function signed(url: string, body: string): string {
  const pairs = [...new URLSearchParams(body)].sort(([a], [b]) => (a < b ? -1 : 1))
  const text = url + pairs.map(([key, value]) => key + value).join('')
  return createHmac('sha1', token).update(text).digest('base64')
}

for (const file of fixturesOf('twilio')) {
  test(`${file} meets its expectation`, () => assertMeetsExpectation(twilio, file))
}

test('answers TwiML and can be sent again after 503', () => {
  assert.is(twilio.answerFormat, 'twiml')
  assert.is(twilio.notStoredStatus, 503)
  assert.equal(twilio.channels, ['sms'])
})

test('the provider declares opt-out and opt-in; HELP and unknown words are text', () => {
  assert.is(changed({ OptOutType: 'STOP' }).kind, 'opt_out')
  assert.is(changed({ OptOutType: 'START' }).kind, 'opt_in')
  assert.is(changed({ OptOutType: 'HELP' }).kind, 'text')
  assert.is(changed({ Body: 'STOP' }).kind, 'text', 'the word alone is judged later')
})

test('WhatsApp addresses are phones and the profile name is the lead', () => {
  const event = changed({ From: 'whatsapp:+12125550187', ProfileName: 'Dana van Whit' })
  assert.equal(event.lead.identities, [{ kind: 'phone', value: '+12125550187' }])
  assert.is(event.lead.firstName, 'Dana')
  assert.is(event.lead.lastName, 'van Whit')
})

test('a picture without text is a message with an attachment', () => {
  const event = changed({ Body: '', NumMedia: '2' })
  assert.is(event.body, '')
  assert.is(event.signals.attachments, 2)
})

test('attachment counts that are no counts are none', () => {
  for (const NumMedia of ['-1', 'x', '1.5', '']) {
    assert.is(changed({ NumMedia }).signals.attachments, undefined, NumMedia)
  }
  assert.is(changed({ NumMedia: '99999999' }).signals.attachments, 100)
})

test('neither text nor picture is ignored', () => {
  assert.is(parsed({ Body: '' }).outcome, 'ignored')
})

test('whatever is about our own message is ignored', () => {
  assert.is(parsed({ MessageStatus: 'sent' }).outcome, 'ignored')
  assert.is(parsed({ SmsStatus: 'delivered' }).outcome, 'ignored')
  assert.is(parsed({ Body: null }).outcome, 'ignored')
  assert.is(parsed({ SmsStatus: null }).outcome, 'events', 'no status at all, but a text')
})

test('a call is ignored, a form without ids is rejected with the field', () => {
  const call = twilio.parse(deliveryOf('CallSid=CA1&From=%2B12125550187'))
  assert.is(call.outcome, 'ignored')
  assert.equal(twilio.parse(deliveryOf('Body=hello')), {
    outcome: 'rejected',
    reason: 'twilio: MessageSid: takes a text',
    field: 'MessageSid',
  })
})

test('a message without its required part is rejected with the field', () => {
  for (const field of ['AccountSid', 'From']) {
    const result = parsed({ [field]: null })
    assert.is(result.outcome, 'rejected')
    assert.is(result.outcome === 'rejected' && result.field, field)
  }
  assert.is(changed({ MessageSid: null }).externalId?.startsWith('SM'), true, 'SmsSid stands in')
})

test('short codes and names are kept, not made leads', () => {
  for (const From of ['72345', 'AMAZON']) {
    const result = parsed({ From })
    assert.ok(result.outcome === 'ignored' && result.keep, From)
  }
})

test('bytes that are no form are malformed', () => {
  for (const body of ['', '{"Body":"x"}', '[1]', 'hello', '\u0000']) {
    assert.is(twilio.parse(deliveryOf(body)).outcome, 'malformed', body)
  }
})

test('text that PostgreSQL refuses is made storable', () => {
  assert.is(changed({ Body: 'a\u0000b 👍' }).body, 'ab 👍')
})

test('identical texts in two messages have two keys', () => {
  const one = changed({ MessageSid: 'SM1' })
  assert.is.not(one.dedupeKey, changed({ MessageSid: 'SM2' }).dedupeKey)
  assert.is.not(one.dedupeKey, changed({ MessageSid: 'SM1', AccountSid: 'AC2' }).dedupeKey)
})

test('signatures with and without the explicit port are taken', () => {
  const body = 'Body=x&MessageSid=SM1'
  const verified = (url: string, signedUrl: string) =>
    twilio.verify(
      deliveryOf(body, { url, headers: { 'x-twilio-signature': signed(signedUrl, body) } }),
      { authTokens: [token] },
    ).ok
  assert.ok(verified('https://a.example/w?k=1', 'https://a.example:443/w?k=1'))
  assert.ok(verified('http://a.example/w', 'http://a.example:80/w'))
  assert.ok(verified('https://a.example:8443/w', 'https://a.example/w'))
  assert.ok(verified('https://a.example:8443/w', 'https://a.example:8443/w'))
  assert.ok(verified('https://[::1]/w', 'https://[::1]:443/w'))
  assert.not(verified('https://a.example:8443/w', 'https://a.example:9443/w'))
  assert.not(verified('https://a.example/w', 'https://a.example:80/w'))
  assert.not(verified('https://a.example/w', 'http://a.example/w'))
  assert.not(verified('https://A.example/w', 'https://a.example/w'))
})

test('repeated parameters are signed once per value, in order of the values', () => {
  const url = 'https://a.example/w'
  const signature = createHmac('sha1', token).update(`${url}Body1Body2Zz`).digest('base64')
  const headers = { 'x-twilio-signature': signature }
  const verified = (body: string) =>
    twilio.verify(deliveryOf(body, { url, headers }), { authTokens: [token] }).ok
  assert.ok(verified('Body=2&Z=z&Body=1&Body=2'))
  assert.not(verified('Body=2&Z=z&Body=1&Body=3'))
})

test('a hidden NUL is part of what is signed', () => {
  const url = 'https://a.example/w'
  const headers = { 'x-twilio-signature': signed(url, 'Body=ab') }
  assert.not(twilio.verify(deliveryOf('Body=a%00b', { url, headers }), { authTokens: [token] }).ok)
})

test('a body that is no form is signed by its digest in the URL', () => {
  const body = '{"a":1}'
  const digest = createHash('sha256').update(body).digest('hex')
  const url = `https://a.example/w?bodySHA256=${digest}`
  const headers = { 'x-twilio-signature': signed(url, '') }
  const verified = (raw: string) =>
    twilio.verify(deliveryOf(raw, { url, headers }), { authTokens: [token] }).ok
  assert.ok(verified(body))
  assert.not(verified('{"a":2}'))
})

test('each of up to three tokens counts, none refuses', () => {
  const url = 'https://a.example/w'
  const headers = { 'x-twilio-signature': signed(url, 'Body=x') }
  const delivery = deliveryOf('Body=x', { url, headers })
  assert.ok(twilio.verify(delivery, { authTokens: ['old', 'other', token] }).ok)
  assert.not(twilio.verify(delivery, { authTokens: ['old'] }).ok)
  assert.not(twilio.verify(delivery, { authTokens: [] }).ok)
  const schema = twilio.signatureSchema
  assert.ok(schema?.safeParse({ authTokens: [token] }).success)
  for (const wrong of [{}, { authTokens: [] }, { authTokens: token }, { authToken: token }]) {
    assert.not(schema?.safeParse(wrong).success, JSON.stringify(wrong))
  }
})

test.run()
