/** Postmark: inbound mail, and records of its other webhooks that land on the same URL. */
import * as assert from 'uvu/assert'
import type { ParseResult } from '../../../src/domain/channels/inbound-event.ts'
import { postmark } from '../../../src/domain/channels/postmark.ts'
import { suite } from '../../support/suite.ts'
import {
  assertFixture,
  classified,
  delivery,
  eventOf,
  fixture,
  fixtureObject,
  fixturesOf,
  identity,
} from './mail-fixtures.ts'

const test = suite('postmark')

function parse(body: unknown): ParseResult {
  return postmark.parse(delivery(body))
}

/** The recorded reply, changed. */
function mail(change: Record<string, unknown>): Record<string, unknown> {
  return { ...fixtureObject<Record<string, unknown>>('postmark/inbound_reply.json'), ...change }
}

function headers(...pairs: [string, string][]): { Headers: { Name: string; Value: string }[] } {
  return { Headers: pairs.map(([Name, Value]) => ({ Name, Value })) }
}

for (const expected of fixturesOf('postmark')) {
  test(`${expected.file} becomes ${expected.expect}`, () => assertFixture(postmark, expected))
}

test('the RFC message id is a signal, never the key', () => {
  const event = eventOf(parse(fixture('postmark/inbound_reply.json')))
  assert.is(event.signals.rfcMessageId, 'CAF+demo77@mail.example')
  assert.is(event.externalId, '73e6d360-66eb-11e1-8e72-a8904824019b')
  assert.not.match(event.dedupeKey, 'CAF+demo77')
})

test('an empty StrippedTextReply falls back to own quote stripping, then to the HTML', () => {
  const text = 'Ja, gern.\r\n\r\nAm 05.01.2026 um 09:12 schrieb Sam Reed:\r\n> Hallo'
  assert.is(eventOf(parse(mail({ StrippedTextReply: '', TextBody: text }))).body, 'Ja, gern.')
  const html = '<div>Yes &amp; thanks</div><blockquote>Hi Dana</blockquote>'
  const htmlOnly = mail({ StrippedTextReply: '', TextBody: '', HtmlBody: html })
  assert.is(eventOf(parse(htmlOnly)).body, 'Yes & thanks')
})

test('a malformed date costs the time, not the mail', () => {
  assert.is(eventOf(parse(mail({ Date: 'Tue, 99 Foo' }))).sentAt, null)
})

test('without FromFull the address is read out of From', () => {
  const event = eventOf(parse(mail({ FromFull: null, From: '"Dana" <Dana.Whit@harlow.example>' })))
  assert.is(identity(event, 'email'), 'dana.whit@harlow.example')
  assert.is(event.lead.firstName, 'Dana')
})

test('attachments are counted and their contents never kept', () => {
  const attachments = [
    { Name: 'a.pdf', Content: 'QUJD'.repeat(100_000), ContentType: 'application/pdf' },
  ]
  const event = eventOf(parse(mail({ Attachments: attachments, RawEmail: 'MIME'.repeat(1000) })))
  const kept = JSON.stringify(event.payload)
  assert.is(event.signals.attachments, 1)
  assert.match(kept, 'a.pdf')
  assert.not.match(kept, 'QUJD')
  assert.not.match(kept, 'RawEmail')
})

test('every strong header marks an automatic answer', () => {
  for (const [name, value] of [
    ['auto-submitted', 'auto-generated; owner-email="x@y.example"'],
    ['X-Autoreply', 'yes'],
    ['X-Autorespond', ''],
    ['X-AUTORESPONDER', '1'],
    ['X-AutoReply-From', 'li@orbit.example'],
    ['Precedence', 'auto_reply'],
    ['Return-Path', '<>'],
  ] as [string, string][]) {
    assert.is(eventOf(parse(mail(headers([name, value])))).kind, 'auto_reply', name)
  }
})

test('headers that say no, and a weak one alone, leave a person a person', () => {
  for (const [name, value] of [
    ['Auto-Submitted', 'no'],
    ['X-Autoreply', 'no'],
    ['X-Auto-Response-Suppress', 'All'],
    ['Precedence', 'first-class'],
  ] as [string, string][]) {
    const event = eventOf(parse(mail(headers([name, value]))))
    assert.is(classified(event).kind, 'text', name)
  }
})

test('a weak header and the subject together mark an automatic answer', () => {
  const event = eventOf(
    parse(
      mail({ Subject: 'Automatic reply: Hi', ...headers(['X-Auto-Response-Suppress', 'OOF']) }),
    ),
  )
  assert.is(event.kind, 'text')
  assert.is(classified(event).kind, 'auto_reply')
})

test('a mailing list is no person', () => {
  for (const [name, value] of [
    ['List-Id', '<news.orbit.example>'],
    ['Precedence', 'bulk'],
  ] as [string, string][]) {
    assert.is(classified(eventOf(parse(mail(headers([name, value]))))).kind, 'auto_reply', name)
  }
})

test('a delivery report is a bounce of the address it names', () => {
  const report = {
    FromFull: { Email: 'MAILER-DAEMON@mx.example', Name: 'Mail Delivery System' },
    StrippedTextReply: '',
    TextBody:
      'I could not deliver.\n\nFinal-Recipient: rfc822;li.chen@orbit.example\nAction: failed',
    ...headers(['Content-Type', 'multipart/report; report-type=delivery-status']),
  }
  const event = eventOf(parse(mail(report)))
  assert.is(event.kind, 'bounce')
  assert.equal(event.lead.identities, [{ kind: 'email', value: 'li.chen@orbit.example' }])
  const byHeader = eventOf(
    parse(mail({ ...report, TextBody: 'no', ...headers(['X-Failed-Recipients', 'a@b.example']) })),
  )
  assert.is(identity(byHeader, 'email'), 'a@b.example')
})

test('a report that names nobody is kept for a person; receipts and delays are not', () => {
  const daemon = { FromFull: { Email: 'postmaster@mx.example' }, StrippedTextReply: '' }
  const unnamed = parse(mail({ ...daemon, TextBody: 'Undeliverable' }))
  assert.equal(unnamed, {
    outcome: 'ignored',
    reason: 'bounce that names no address',
    keep: true,
  })
  const delayed = parse(mail({ ...daemon, TextBody: 'Action: delayed' }))
  assert.is(delayed.outcome, 'ignored')
  const receipt = parse(
    mail(headers(['Content-Type', 'multipart/report; report-type=disposition-notification'])),
  )
  assert.equal(receipt, { outcome: 'ignored', reason: 'mail receipt' })
})

test('a megabyte of a hostile report is read in bounded time', () => {
  const daemon = { FromFull: { Email: 'postmaster@mx.example' }, StrippedTextReply: '' }
  for (const piece of ['a', 'a@', 'a@b.c ', 'message to a@b.c ', '<a@b>: ', 'this person ', ' ']) {
    const start = performance.now()
    parse(mail({ ...daemon, TextBody: piece.repeat(1e6 / piece.length) }))
    assert.ok(performance.now() - start < 2000, piece)
  }
})

test('a mailto List-Unsubscribe is an opt-out', () => {
  const empty = { TextBody: '', HtmlBody: '', StrippedTextReply: '' }
  for (const Subject of ['unsubscribe', 'Unsubscribe: a1b2-c3', 'UNSUBSCRIBE request']) {
    const event = eventOf(parse(mail({ ...empty, Subject })))
    assert.is(event.body, '')
    assert.is(classified(event).kind, 'opt_out', Subject)
  }
})

test('records of other webhooks become what they say of an address', () => {
  const record = fixtureObject<Record<string, unknown>>('postmark/subscription_change.json')
  const id = { MessageID: 'm-1', Email: 'Li.Chen@orbit.example' }
  const cases: [string, Record<string, unknown>][] = [
    ['bounce', { ...record, SuppressionReason: 'HardBounce' }],
    ['opt_out', { RecordType: 'SpamComplaint', ...id }],
    ['bounce', { RecordType: 'Bounce', Type: 'HardBounce', ...id }],
    ['opt_out', { RecordType: 'Bounce', Type: 'Unsubscribe', ...id }],
  ]
  for (const [kind, body] of cases) {
    const event = eventOf(parse(body))
    assert.is(event.kind, kind)
    assert.equal(event.lead.identities, [{ kind: 'email', value: 'li.chen@orbit.example' }])
    assert.is(event.body, null)
  }
})

test('soft bounces, reactivations, opens and unknown records are ignored with a reason', () => {
  for (const body of [
    { RecordType: 'Bounce', Type: 'Transient', MessageID: 'm', Email: 'a@b.example' },
    { RecordType: 'SubscriptionChange', SuppressSending: false, Recipient: 'a@b.example' },
    { RecordType: 'Open', MessageID: 'm' },
    { RecordType: 'Brandnew' },
  ]) {
    const result = parse(body)
    assert.is(result.outcome, 'ignored')
    assert.match('reason' in result ? result.reason : '', body.RecordType)
  }
})

test('two suppressions without a message id are told apart by their time', () => {
  const record = {
    ...fixtureObject<Record<string, unknown>>('postmark/subscription_change.json'),
    MessageID: '00000000-0000-0000-0000-000000000000',
  }
  const first = eventOf(parse(record)).dedupeKey
  const second = eventOf(parse({ ...record, ChangedAt: '2026-02-01T00:00:00Z' })).dedupeKey
  assert.is.not(first, second)
})

test('a mail without sender or id, or of the wrong shape, is rejected with the field', () => {
  const cases: [string, unknown][] = [
    ['MessageID', {}],
    ['From', mail({ From: 'undisclosed', FromFull: {} })],
    ['MessageID', mail({ MessageID: '', Headers: [] })],
    ['TextBody', mail({ TextBody: 5 })],
    ['Headers.0.Name', mail({ Headers: [{ Value: 'x' }] })],
    ['Recipient', { RecordType: 'SubscriptionChange', SuppressSending: true, Recipient: 'x' }],
    ['Email', { RecordType: 'SpamComplaint', MessageID: 'm' }],
  ]
  for (const [field, body] of cases) {
    const result = parse(body)
    assert.is(result.outcome, 'rejected', field)
    assert.is('field' in result && result.field, field)
  }
})

test('what is no JSON object is malformed', () => {
  for (const body of ['', '[]', '{', 'From=a']) assert.is(parse(body).outcome, 'malformed')
})

test('only the configured credentials are taken', () => {
  const signature = { username: 'hook', password: 'pa:ss wörd' }
  const verify = (authorization?: string) =>
    postmark.verify(delivery({}, { authorization }), signature).ok
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  assert.is(verify(basic('hook:pa:ss wörd')), true)
  assert.is(verify(basic('hook:pa:ss wörd').replace('Basic', 'basic')), true)
  for (const wrong of [
    undefined,
    '',
    'Basic ',
    basic('hook:'),
    basic('hook:pa:ss wörd '),
    basic('Hook:pa:ss wörd'),
    basic('hook'),
    `Bearer ${Buffer.from('hook:pa:ss wörd').toString('base64')}`,
    `${basic('hook:pa:ss wörd')}, Basic x`,
  ]) {
    assert.is(verify(wrong), false, String(wrong))
  }
})

test('a user name with a colon could never match and is refused', () => {
  const schema = postmark.signatureSchema
  assert.ok(schema)
  assert.is(schema.safeParse({ username: 'a:b', password: 'c' }).success, false)
  assert.is(schema.safeParse({ username: 'a', password: '' }).success, false)
  assert.is(schema.safeParse({ username: 'a', password: 'c' }).success, true)
})

test.run()
