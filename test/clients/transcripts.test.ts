import * as assert from 'uvu/assert'
import { outbound } from '../../src/clients/outbound.ts'
import { transcriptSources } from '../../src/clients/transcript-sources.ts'
import { decodeJson } from '../../src/domain/channels/decode.ts'
import { emailbison } from '../../src/domain/channels/emailbison.ts'
import type { InboundEvent, Provider } from '../../src/domain/channels/inbound-event.ts'
import { instantly } from '../../src/domain/channels/instantly.ts'
import { smartlead } from '../../src/domain/channels/smartlead.ts'
import { unipile } from '../../src/domain/channels/unipile.ts'
import type { SentMessage } from '../../src/domain/post-process/outside.ts'
import {
  ANSWER_LIMIT_MS,
  type FakeProvider,
  fakeProvider,
  faults,
  json,
} from '../support/fake-provider.ts'
import { suite } from '../support/suite.ts'

const test = suite('what our side sent, by the providers’ APIs')
let server: FakeProvider
test.before(async () => {
  server = await fakeProvider()
})
test.after(() => server.close())

const sources = transcriptSources(outbound({ timeoutMs: ANSWER_LIMIT_MS, allowsPrivate: true }))
const never = new AbortController().signal

const payloads = {
  emailbison: {
    event: { instance_url: 'https://send.northpeak.example', workspace_id: 7 },
    data: { lead: { id: 501 } },
  },
  gohighlevel: { locationId: 'loc1', contactId: 'con1', conversationId: 'cnv1' },
  smartlead: { campaign_id: 1904512, sl_email_lead_id: '2204918833' },
  instantly: { workspace: 'ws1', lead_email: 'dana@harlow.example' },
  unipile: { account_id: 'acc1', chat_id: 'chat1' },
}
type Name = keyof typeof payloads
const names = Object.keys(payloads) as Name[]

const ask = (name: Name, payload: unknown = payloads[name], signal = never) => {
  const account = { apiKey: 'key-1', baseUrl: server.url }
  return sources[name]?.sentMessages({ payload, account }, signal) as Promise<SentMessage[] | null>
}

/** A reply of each API with one sent message and everything that is none. */
const replies: Record<Name, unknown> = {
  emailbison: {
    data: [
      {
        id: 9001,
        email_subject: 'Hi',
        email_body: '<p>Hi Dana</p>',
        sent_at: '2026-01-05T14:12:00.000000Z',
      },
      { id: 9002, email_subject: 'Later', email_body: '<p>Not yet</p>', sent_at: null },
    ],
    meta: { current_page: 1, last_page: 1 },
  },
  gohighlevel: {
    messages: {
      lastMessageId: 'm1',
      nextPage: false,
      messages: [
        {
          id: 'm3',
          direction: 'inbound',
          messageType: 'TYPE_SMS',
          body: 'Yes',
          dateAdded: '2026-01-05T15:00:00.000Z',
        },
        {
          id: 'm2',
          direction: 'outbound',
          messageType: 'TYPE_CALL',
          dateAdded: '2026-01-05T14:30:00.000Z',
        },
        {
          id: 'm1',
          direction: 'outbound',
          messageType: 'TYPE_SMS',
          body: 'Hi Dana',
          dateAdded: '2026-01-05T14:12:00.000Z',
        },
      ],
    },
  },
  smartlead: {
    history: [
      {
        type: 'SENT',
        message_id: '<s1@northpeak-mail.com>',
        time: '2026-01-05T14:12:00.000Z',
        subject: 'Hi',
        email_body: '<p>Hi Dana</p>',
      },
      {
        type: 'REPLY',
        message_id: '<r1@mail.example>',
        time: '2026-01-06T14:12:00.000Z',
        email_body: '<p>Sure</p>',
      },
    ],
    from: 'sam@northpeak-mail.com',
    to: 'dana@harlow.example',
  },
  instantly: {
    items: [
      {
        id: 'e1',
        ue_type: 1,
        timestamp_email: '2026-01-05T14:12:00.000Z',
        subject: 'Hi',
        body: { html: '<p>Hi Dana</p>' },
      },
      {
        id: 'e2',
        ue_type: 2,
        timestamp_email: '2026-01-06T14:12:00.000Z',
        subject: 'Re: Hi',
        body: { text: 'Sure' },
      },
      {
        id: 'e3',
        ue_type: 4,
        timestamp_email: '2026-01-07T14:12:00.000Z',
        subject: 'Next',
        body: { text: 'Bump' },
      },
    ],
  },
  unipile: {
    object: 'MessageList',
    items: [
      { id: 'u1', is_sender: 1, text: 'Hi Dana', timestamp: '2026-01-05T14:12:00.000Z' },
      { id: 'u2', is_sender: 0, text: 'Hello', timestamp: '2026-01-05T15:12:00.000Z' },
      {
        id: 'u3',
        is_sender: 1,
        is_event: 1,
        text: 'joined',
        timestamp: '2026-01-05T16:12:00.000Z',
      },
    ],
    cursor: null,
  },
}

for (const name of names) {
  test(`${name}: only what our side really sent`, async () => {
    server.answers(json(replies[name]))
    const sent = await ask(name)
    assert.is(sent?.length, 1)
    assert.is(sent?.[0]?.body, 'Hi Dana')
    assert.is(sent?.[0]?.sentAt.toISOString(), '2026-01-05T14:12:00.000Z')
    assert.is(server.calls.length, 1)
  })

  for (const [said, fault] of Object.entries(faults)) {
    test(`${name}: a server that ${said} is a failure in time, without key or path`, async () => {
      server.answers(fault)
      const error = await ask(name).then(
        () => null,
        (failure: Error) => failure,
      )
      assert.is(error?.name, 'OutsideError')
      const message = error?.message ?? ''
      assert.ok(message.includes(said.replace(/ \(.*/, '')), message)
      assert.not.match(message, /key-1|dana|chat1|501/)
    })
  }

  test(`${name}: a payload that names no conversation asks nobody`, async () => {
    server.answers(json(replies[name]))
    assert.is(await ask(name, {}), null)
    assert.is(await ask(name, null), null)
    assert.is(server.calls.length, 0)
  })
}

test('each API is asked the way it documents', async () => {
  const asked: Record<string, unknown> = {}
  for (const name of names) {
    server.answers(json(replies[name]))
    await ask(name)
    const { path = '', headers = {} } = server.calls[0] ?? {}
    asked[name] = [path, headers.authorization ?? headers['x-api-key'] ?? null]
  }
  assert.equal(asked, {
    emailbison: ['/api/leads/501/sent-emails?page=1', 'Bearer key-1'],
    gohighlevel: ['/conversations/cnv1/messages?limit=100', 'Bearer key-1'],
    smartlead: [
      '/campaigns/1904512/leads/2204918833/message-history?api_key=key-1&show_plain_text_response=true',
      null,
    ],
    instantly: ['/api/v2/emails?lead=dana%40harlow.example&limit=100', 'Bearer key-1'],
    unipile: ['/api/v1/chats/chat1/messages?limit=100', 'key-1'],
  })
})

test('gohighlevel: a workflow names the contact only, so its conversation is looked up', async () => {
  server.answers(json({ conversations: [{ id: 'cnv9' }], total: 1 }), json(replies.gohighlevel))
  const sent = await ask('gohighlevel', { location: { id: 'loc1' }, contact_id: 'con1' })
  assert.is(sent?.[0]?.dedupeKey, 'gohighlevel:loc1:m1')
  assert.equal(
    server.calls.map(({ path, headers }) => [path, headers.version]),
    [
      ['/conversations/search?locationId=loc1&contactId=con1', '2021-04-15'],
      ['/conversations/cnv9/messages?limit=100', '2021-04-15'],
    ],
  )
})

test('pages are followed, but not without end', async () => {
  server.answers(json({ ...(replies.unipile as object), cursor: 'more' }))
  assert.is((await ask('unipile'))?.length, 3)
  assert.is(server.calls.length, 3)
  assert.match(server.calls[2]?.path ?? '', /cursor=more/)
})

test('an id that tries to leave its place in the path does not', async () => {
  server.answers(json(replies.unipile))
  assert.is(await ask('unipile', { account_id: 'acc1', chat_id: '..' }), null)
  await ask('unipile', { account_id: 'acc1', chat_id: '../accounts?x=1#' })
  assert.is(server.calls[0]?.path, '/api/v1/chats/..%2Faccounts%3Fx%3D1%23/messages?limit=100')
})

test('a stop ends the call at once', async () => {
  server.answers(() => undefined)
  const stop = new AbortController()
  const asking = ask('instantly', payloads.instantly, stop.signal)
  stop.abort()
  assert.is(
    await asking.then(
      () => 'answered',
      ({ name }: Error) => name,
    ),
    'OutsideError',
  )
})

test('emailbison and unipile, whose address is the customer’s own, say so when it is missing', async () => {
  for (const name of ['emailbison', 'unipile'] as const) {
    const account = { apiKey: 'key-1', baseUrl: null }
    const asking = sources[name]?.sentMessages({ payload: payloads[name], account }, never)
    const message = await asking?.then(
      () => '',
      (error: Error) => error.message,
    )
    assert.match(message ?? '', /needs apiBaseUrl/)
  }
})

/** The webhook of a sent message and the API's word of it must meet in one key. */
test('keys are those of the webhooks, so that nothing is stored twice', async () => {
  const echo = (provider: Provider, body: unknown): InboundEvent => {
    const rawBody = Buffer.from(JSON.stringify(body))
    assert.ok(decodeJson(rawBody).ok)
    const parsed = provider.parse({
      rawBody,
      headers: {},
      url: '',
      receivedAt: new Date('2026-01-07'),
      connectionId: 'c1',
    })
    if (parsed.outcome !== 'events') throw new Error(JSON.stringify(parsed))
    return parsed.events[0]
  }
  const echoes: Partial<Record<Name, InboundEvent>> = {
    emailbison: echo(emailbison, {
      event: { ...payloads.emailbison.event, type: 'EMAIL_SENT', name: 'Email Sent' },
      data: {
        lead: { id: 501, email: 'dana@harlow.example' },
        scheduled_email: { id: 9001, email_body: '<p>Hi Dana</p>' },
      },
    }),
    smartlead: echo(smartlead, {
      event_type: 'EMAIL_SENT',
      campaign_id: 1904512,
      to_email: 'dana@harlow.example',
      sl_lead_email: 'dana@harlow.example',
      sent_message: { message_id: '<s1@northpeak-mail.com>', text: 'Hi Dana' },
    }),
    instantly: echo(instantly, {
      event_type: 'email_sent',
      workspace: 'ws1',
      lead_email: 'dana@harlow.example',
      email_id: 'e1',
      email_text: 'Hi Dana',
      timestamp: '2026-01-05T14:12:03.000Z',
    }),
    unipile: echo(unipile, {
      event: 'message_received',
      account_id: 'acc1',
      account_type: 'LINKEDIN',
      account_info: { user_id: 'me' },
      message_id: 'u1',
      message: 'Hi Dana',
      sender: { attendee_provider_id: 'me' },
      attendees: [{ attendee_provider_id: 'ACoAAdana' }],
    }),
  }
  for (const [name, event] of Object.entries(echoes)) {
    server.answers(json(replies[name as Name]))
    const [sent] = (await ask(name as Name)) ?? []
    const keys = [event.dedupeKey, ...event.dedupeAliases]
    assert.ok(keys.includes(sent?.dedupeKey ?? '-'), `${name}: ${sent?.dedupeKey} not in ${keys}`)
  }
})

test.run()
