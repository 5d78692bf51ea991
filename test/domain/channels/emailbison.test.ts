/** EmailBison: what each of its events becomes, and what is refused by name. */
import * as assert from 'uvu/assert'
import { emailbison } from '../../../src/domain/channels/emailbison.ts'
import type { ParseResult } from '../../../src/domain/channels/inbound-event.ts'
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

type Members = Record<string, unknown>
interface Envelope {
  event: Members
  data: { reply: Members; lead: Members; campaign_event: Members; [part: string]: unknown }
}

const test = suite('emailbison')
const scope = 'emailbison:send.northpeak-demo.com:41'

function parse(body: unknown): ParseResult {
  return emailbison.parse(delivery(body))
}

/** The recorded reply, changed. */
function reply(change: Members, event: Members = {}): Envelope {
  const body = fixtureObject<Envelope>('emailbison/lead_replied.json')
  Object.assign(body.event, event)
  Object.assign(body.data.reply, change)
  return body
}

function untracked(change: Members): Envelope {
  const body = reply(change, { type: 'UNTRACKED_REPLY_RECEIVED' })
  const { reply: mail, sender_email } = body.data
  return { ...body, data: { reply: mail, sender_email } as unknown as Envelope['data'] }
}

for (const expected of fixturesOf('emailbison')) {
  test(`${expected.file} becomes ${expected.expect}`, () => assertFixture(emailbison, expected))
}

test('a reply carries provider id, company, title and signals of the lead', () => {
  const event = eventOf(parse(fixture('emailbison/lead_replied.json')))
  assert.is(identity(event, 'provider'), `${scope}:330912`)
  assert.is(event.lead.company, 'Harlow Freight')
  assert.is(event.lead.title, 'VP Operations')
  assert.is(event.externalId, '918273')
  assert.equal(event.signals, {
    route: 'emailbison',
    rfcMessageId: 'CAF+demo918273@mail.example',
  })
})

test('replied, interested and untracked tell of one message under one key', () => {
  const keys = [
    reply({}),
    reply({}, { type: 'LEAD_INTERESTED' }),
    reply({}, { type: 'lead_replied' }),
    untracked({}),
  ].map((body) => eventOf(parse(body)).dedupeKey)
  assert.equal(new Set(keys), new Set([`${scope}:reply:918273`]))
})

test('one reply id on two instances or workspaces gives different keys', () => {
  const keys = [
    reply({}),
    reply({}, { instance_url: 'https://dedi.emailbison.com' }),
    reply({}, { workspace_id: 42 }),
  ].map((body) => eventOf(parse(body)).dedupeKey)
  assert.is(new Set(keys).size, 3)
})

test('the spelling of instance and workspace does not change the key', () => {
  const spelled = reply(
    {},
    { instance_url: 'HTTPS://Send.NorthPeak-Demo.com/', workspace_id: '41' },
  )
  const bare = reply({}, { instance_url: 'send.northpeak-demo.com' })
  assert.is(eventOf(parse(spelled)).dedupeKey, `${scope}:reply:918273`)
  assert.is(eventOf(parse(bare)).dedupeKey, `${scope}:reply:918273`)
})

test('without an id the key falls back to uuid, then to the RFC message id', () => {
  const byUuid = eventOf(parse(reply({ id: null })))
  assert.is(byUuid.dedupeKey, `${scope}:reply:9d7d1f2e-6a52-4b7b-9a57-0f5c8e1d3a10`)
  const byMessageId = eventOf(parse(reply({ id: null, uuid: null })))
  assert.is(byMessageId.dedupeKey, `${scope}:reply:CAF+demo918273@mail.example`)
})

test('envelopes nested by relays are found', () => {
  const body = reply({})
  const key = `${scope}:reply:918273`
  for (const nested of [
    { event: body },
    { data: { event: body.event, data: body.data } },
    { payload: body },
    { data: { payload: body } },
  ]) {
    assert.is(eventOf(parse(nested)).dedupeKey, key)
  }
})

test('a colleague who answers is noted, the lead stays the one who was written to', () => {
  const event = eventOf(parse(reply({ from_email_address: 'Jo.Park@harlow.example' })))
  assert.is(identity(event, 'email'), 'dana.whit@harlow.example')
  assert.is(event.signals.repliedFrom, 'jo.park@harlow.example')
})

test('an untracked reply makes its sender the lead', () => {
  const event = eventOf(
    parse(untracked({ from_name: 'Jo van Park', from_email_address: 'jo@b.example' })),
  )
  assert.equal(event.lead.identities, [{ kind: 'email', value: 'jo@b.example' }])
  assert.is(event.lead.firstName, 'Jo')
  assert.is(event.lead.lastName, 'van Park')
})

test('a mail of our own side is an echo, whatever event brings it', () => {
  const byFolder = eventOf(parse(reply({ folder: 'Sent' })))
  const byAddress = eventOf(parse(reply({ from_email_address: 'Sam@northpeak-mail.com' })))
  const byEvent = eventOf(parse(reply({ folder: null }, { type: 'MANUAL_EMAIL_SENT' })))
  for (const event of [byFolder, byAddress, byEvent]) {
    assert.is(event.direction, 'outbound')
    assert.is(event.kind, 'text')
    assert.is(identity(event, 'email'), 'dana.whit@harlow.example')
  }
})

test('an own mail without lead belongs to its recipient, without recipient to nobody', () => {
  const sent = { folder: 'Sent', from_email_address: 'sam@northpeak-mail.com' }
  const known = untracked({ ...sent, primary_to_email_address: 'jo@b.example', to: null })
  assert.is(identity(eventOf(parse(known)), 'email'), 'jo@b.example')
  const unknown = parse(untracked({ ...sent, to: null }))
  assert.is(unknown.outcome, 'ignored')
})

test('headers of an absence notice or a newsletter are read from the header string', () => {
  const automatic = eventOf(parse(reply({ headers: 'Auto-Submitted:\r\n auto-replied; x=y\r\n' })))
  assert.is(automatic.kind, 'auto_reply')
  const no = eventOf(parse(reply({ headers: 'Auto-Submitted: no\r\n' })))
  assert.is(no.kind, 'text')
  const asJson = eventOf(parse(reply({ headers: '[{"name":"X-Autoreply","value":"yes"}]' })))
  assert.is(asJson.kind, 'auto_reply')
  const newsletter = eventOf(
    parse(untracked({ headers: 'List-Unsubscribe: <mailto:x@y.example>' })),
  )
  assert.is(newsletter.signals.bulk, true)
  assert.is(classified(newsletter).kind, 'auto_reply')
})

test('a bounce disqualifies the address its report names, never the bouncer', () => {
  const robot = { from_email_address: 'mailer-daemon@googlemail.com', folder: 'Inbox' }
  for (const text_body of [
    "Address not found\n\nYour message wasn't delivered to li.chen@orbit.example because the address",
    'Final-Recipient: rfc822; Li.Chen@orbit.example\nAction: failed\nStatus: 5.1.1',
    'Your message to li.chen@orbit.example couldn’t be delivered.',
    'Delivery to the following recipient failed permanently:\r\n\r\n     li.chen@orbit.example\r\n',
    '<li.chen@orbit.example>: host mx.orbit.example said: 550 5.1.1 User unknown',
  ]) {
    const event = eventOf(parse(untracked({ ...robot, text_body })))
    assert.is(event.kind, 'bounce')
    assert.equal(event.lead.identities, [{ kind: 'email', value: 'li.chen@orbit.example' }])
  }
})

test('a bounce report that names only our mailbox or the daemon names nobody', () => {
  const result = parse(
    untracked({
      folder: 'Bounced',
      text_body:
        "Your message wasn't delivered to sam@northpeak-mail.com or mailer-daemon@x.example",
    }),
  )
  assert.is(result.outcome, 'ignored')
  assert.is('keep' in result && result.keep, true)
})

test('a delayed delivery disqualifies nobody', () => {
  const result = parse(
    untracked({
      from_email_address: 'mailer-daemon@googlemail.com',
      text_body: 'Final-Recipient: rfc822; li.chen@orbit.example\nAction: delayed\nStatus: 4.4.1',
    }),
  )
  assert.is(result.outcome, 'ignored')
  assert.is('keep' in result, false)
})

test('EMAIL_BOUNCED is a bounce of its lead', () => {
  const event = eventOf(parse(reply({ text_body: 'No such user' }, { type: 'EMAIL_BOUNCED' })))
  assert.is(event.kind, 'bounce')
  assert.is(identity(event, 'email'), 'dana.whit@harlow.example')
  assert.is(event.dedupeKey, `${scope}:email_bounced:5510021`)
})

test('an unsubscribe without campaign event is keyed by lead and campaign', () => {
  const body = fixtureObject<Envelope>('emailbison/lead_unsubscribed.json')
  const event = eventOf(parse({ ...body, data: { ...body.data, campaign_event: null } }))
  assert.is(event.dedupeKey, `${scope}:lead_unsubscribed:330950:612`)
  assert.is(event.sentAt, null)
})

test('raw MIME, HTML and attachments are not kept', () => {
  const kept = JSON.stringify(eventOf(parse(reply({ raw_body: 'x'.repeat(5e6) }))).payload)
  assert.not.match(kept, 'raw_body')
  assert.not.match(kept, 'html_body')
  assert.match(kept, '918273')
  assert.ok(kept.length < 10_000)
})

test('however large the payload, what is kept stays small', () => {
  const huge = reply({ extra: Array.from({ length: 5000 }, () => ({ a: 'y'.repeat(100) })) })
  assert.ok(JSON.stringify(eventOf(parse(huge)).payload).length < 100_000)
})

test('NUL bytes and half an emoji do not reach the message', () => {
  const event = eventOf(parse(reply({ text_body: 'Sounds\u0000 good \ud83d' })))
  assert.is(event.body, 'Sounds good \ufffd')
  const named = eventOf(parse(reply({ 'a\u0000b': 1, '__pro\u0000to__': { x: 1 } })))
  assert.not.match(JSON.stringify(named.payload), 'u0000')
})

test('nullable and oddly shaped side parts do not cost the message', () => {
  const body = reply({ to: 'sam', attachments: {}, text_body: null, date_received: 'yesterday' })
  Object.assign(body.data.lead, { custom_variables: {}, last_name: null, title: '' })
  const event = eventOf(parse({ ...body, data: { ...body.data, campaign: [] } }))
  assert.is(event.body, 'Sure, can you do Thursday 2pm ET? What does it cost for 40 seats?')
  assert.is(event.lead.lastName, null)
  assert.is(event.lead.title, null)
  assert.is(event.sentAt?.toISOString(), '2026-01-06T14:03:21.000Z')
})

test('an unknown event is ignored by name, also without data', () => {
  const result = parse({ event: { type: 'lead_danced' } })
  assert.equal(result, { outcome: 'ignored', reason: 'unknown event LEAD_DANCED' })
})

test('a known event without its part is rejected with the field', () => {
  const body = reply({})
  const sent = fixtureObject<Envelope>('emailbison/email_sent.json')
  const cases: [string, unknown][] = [
    ['data.reply', { ...body, data: { ...body.data, reply: null } }],
    ['data.reply.id', reply({ id: null, uuid: '', raw_message_id: null })],
    ['data.reply.from_email_address', untracked({ from_email_address: 'nobody' })],
    ['data.reply.text_body', reply({ text_body: { html: 1 } })],
    ['data', { event: body.event }],
    ['data.lead', { ...sent, data: { ...sent.data, lead: null } }],
    ['data.scheduled_email.id', { ...sent, data: { ...sent.data, scheduled_email: {} } }],
    ['data.lead', { ...body, event: { ...body.event, type: 'LEAD_UNSUBSCRIBED' }, data: {} }],
    ['event.instance_url', reply({}, { instance_url: undefined })],
    ['event.instance_url', reply({}, { instance_url: 'https://' })],
    ['event.workspace_id', reply({}, { workspace_id: null })],
    ['event.type', { hello: 'world' }],
    ['event.type', { event: 'LEAD_REPLIED', data: {} }],
  ]
  for (const [field, payload] of cases) {
    const result = parse(payload)
    assert.is(result.outcome, 'rejected', field)
    assert.is('field' in result && result.field, field)
  }
})

test('what is no JSON object is malformed', () => {
  for (const body of ['', '[]', 'null', '"x"', '{"event":', 'a=b']) {
    assert.is(parse(body).outcome, 'malformed', body)
  }
})

test('a signature that cannot exist is never taken as verified', () => {
  assert.is(emailbison.signatureSchema, null)
  assert.is(emailbison.verify(delivery({}), undefined).ok, false)
})

test.run()
