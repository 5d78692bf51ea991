/** Generic: our own format, on every channel, with every refusal naming its field. */
import { createHmac } from 'node:crypto'
import * as assert from 'uvu/assert'
import { generic } from '../../../src/domain/channels/generic.ts'
import {
  channels,
  type ParseResult,
  type Provider,
} from '../../../src/domain/channels/inbound-event.ts'
import { suite } from '../../support/suite.ts'
import { delivery, eventOf } from './mail-fixtures.ts'

const test = suite('generic')
const secret = 'a-secret-of-the-connection'
const message = {
  externalId: 'crm-1',
  sentAt: '2026-01-06T09:03:15.250-05:00',
  subject: ' Pricing ',
  body: 'What does it cost?',
  lead: { email: 'Dana.Whit@Harlow.example', firstName: 'Dana', company: ' Harlow ', title: '' },
}

function parse(change: Record<string, unknown>): ParseResult {
  return generic.parse(delivery({ ...message, ...change }))
}

function withLead(lead: unknown): ParseResult {
  return parse({ lead })
}

test('it fits every channel and the registry', () => {
  const provider: Provider = generic
  assert.equal(provider.channels, channels)
  assert.is(provider.bodyBytesMax, 524_288)
})

test('a complete message becomes an inbound event', () => {
  const event = eventOf(parse({}))
  assert.is(event.kind, 'text')
  assert.is(event.direction, 'inbound')
  assert.is(event.subject, 'Pricing')
  assert.is(event.body, 'What does it cost?')
  assert.is(event.sentAt?.toISOString(), '2026-01-06T14:03:15.250Z')
  assert.is(event.externalId, 'crm-1')
  assert.equal(event.lead, {
    identities: [{ kind: 'email', value: 'dana.whit@harlow.example' }],
    firstName: 'Dana',
    lastName: null,
    company: 'Harlow',
    title: null,
  })
})

test('the least it takes is id, body and one identity', () => {
  for (const lead of [
    { email: 'a@b.example' },
    { phone: '+12125550187' },
    { linkedinUrl: 'linkedin.com/in/Dana' },
    { externalId: 7 },
  ]) {
    const event = eventOf(generic.parse(delivery({ externalId: 1, body: 'Hi', lead })))
    assert.is(event.lead.identities.length, 1)
    assert.is(event.sentAt, null)
    assert.is(event.externalId, '1')
  }
})

test('null and empty optional fields are absent', () => {
  const lead = {
    email: 'a@b.example',
    phone: '',
    linkedinUrl: null,
    externalId: '',
    firstName: ' ',
  }
  const event = eventOf(parse({ lead, sentAt: '', subject: null, direction: null }))
  assert.is(event.lead.identities.length, 1)
  assert.is(event.lead.firstName, null)
  assert.is(event.subject, null)
})

test('all identities are kept, the own id in the scope generic', () => {
  const lead = {
    email: 'a@b.example',
    phone: '(212) 555-0187',
    linkedinUrl: 'https://linkedin.com/in/Dana/',
    externalId: 'L-9',
  }
  assert.equal(
    eventOf(withLead(lead)).lead.identities.map((known) => known.value),
    ['generic:L-9', 'a@b.example', '+12125550187', 'https://www.linkedin.com/in/dana'],
  )
})

test('outbound messages are echoes', () => {
  assert.is(eventOf(parse({ direction: 'outbound' })).direction, 'outbound')
})

test('the same id on two connections is two messages', () => {
  const raw = delivery(message)
  const one = eventOf(generic.parse(raw)).dedupeKey
  const other = eventOf(generic.parse({ ...raw, connectionId: 'other' })).dedupeKey
  assert.is(one, 'generic:0197-connection:crm-1')
  assert.is.not(one, other)
})

test('quoted thread is stripped, a text of nothing but quotes is kept as it came', () => {
  assert.is(eventOf(parse({ body: 'Yes\n\n> Shall we?' })).body, 'Yes')
  assert.is(eventOf(parse({ body: '> Shall we?' })).body, '> Shall we?')
})

test('each wrong field is named', () => {
  const cases: [string, Record<string, unknown>][] = [
    ['externalId', { externalId: undefined }],
    ['externalId', { externalId: '  ' }],
    ['externalId', { externalId: 'x'.repeat(201) }],
    ['externalId', { externalId: { id: 1 } }],
    ['direction', { direction: 'sideways' }],
    ['sentAt', { sentAt: 'yesterday' }],
    ['sentAt', { sentAt: '2026-01-06 09:03' }],
    ['sentAt', { sentAt: '2026-01-06T09:03:15' }],
    ['sentAt', { sentAt: '2026-02-30T09:03:15Z' }],
    ['sentAt', { sentAt: '0000-01-01T00:00:00Z' }],
    ['sentAt', { sentAt: 1767708195 }],
    ['subject', { subject: 5 }],
    ['body', { body: undefined }],
    ['body', { body: null }],
    ['body', { body: ' \u200b\n' }],
    ['body', { body: 'x'.repeat(100_001) }],
    ['lead', { lead: undefined }],
    ['lead', { lead: 'dana@harlow.example' }],
    ['lead', { lead: {} }],
    ['lead', { lead: { firstName: 'Dana', email: '' } }],
    ['lead.email', { lead: { email: 'dana at harlow', phone: '+12125550187' } }],
    ['lead.phone', { lead: { phone: '12', email: 'a@b.example' } }],
    ['lead.linkedinUrl', { lead: { linkedinUrl: 'https://www.linkedin.com/company/harlow' } }],
    ['lead.externalId', { lead: { externalId: 'x'.repeat(201) } }],
    ['lead.firstName', { lead: { email: 'a@b.example', firstName: {} } }],
  ]
  for (const [field, change] of cases) {
    const result = parse(change)
    const label = `${field} ${JSON.stringify(change).slice(0, 80)}`
    assert.is(result.outcome, 'rejected', label)
    assert.is('field' in result && result.field, field, label)
  }
})

test('a refusal says what the field takes', () => {
  const result = withLead({ email: 'dana at harlow' })
  assert.is('reason' in result && result.reason, 'generic: lead.email: takes an e-mail address')
})

test('what is no JSON object is malformed', () => {
  for (const body of ['', '[]', '{"a":', 'a=b']) {
    assert.is(generic.parse(delivery(body)).outcome, 'malformed')
  }
})

function signed(seconds: number, body: string, key = secret): string {
  const digest = createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${digest}`
}

function verify(header: string | undefined, body = '{"a":1}'): boolean {
  return generic.verify(delivery(body, { 'x-leadpulse-signature': header }), { secret }).ok
}

const now = Date.parse('2026-01-06T16:00:00Z') / 1000

test('a fresh signature over the exact bytes is taken, within five minutes either way', () => {
  for (const seconds of [now, now - 300, now + 300]) {
    assert.is(verify(signed(seconds, '{"a":1}')), true)
  }
})

test('during a rotation one fitting signature of several is enough', () => {
  const header = signed(now, '{"a":1}')
  assert.is(verify(`t=${now},v1=${'0'.repeat(64)}, ${header.split(',')[1]}`), true)
})

test('a changed byte, time, key or header is refused', () => {
  const header = signed(now, '{"a":1}')
  assert.is(verify(header, '{"a":2}'), false)
  assert.is(verify(header.replace(`t=${now}`, `t=${now + 1}`)), false)
  assert.is(verify(signed(now, '{"a":1}', 'another secret of someone')), false)
  assert.is(verify(signed(now - 301, '{"a":1}')), false)
  assert.is(verify(signed(now + 301, '{"a":1}')), false)
  for (const wrong of [
    undefined,
    '',
    `t=${now}`,
    header.replace('v1=', 'v2='),
    header.slice(0, -1),
    `${header}00`,
    header.replace(/.$/, 'g'),
    header.replace('t=', 't=-'),
    `t=,${header.split(',')[1]}`,
  ]) {
    assert.is(verify(wrong), false, String(wrong))
  }
})

test('a short secret is refused when the connection is made', () => {
  assert.is(generic.signatureSchema?.safeParse({ secret: 'short' }).success, false)
  assert.is(generic.signatureSchema?.safeParse({ secret }).success, true)
})

test.run()
