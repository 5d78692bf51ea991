import * as assert from 'uvu/assert'
import type { ProviderName } from '../../src/domain/channels/inbound-event.ts'
import { makeWorkspace } from '../support/events.ts'
import { type Expectation, expectations, fixture } from '../support/fixtures.ts'
import { type Connected, type FrontDoor, openFrontDoor, post } from '../support/front-door.ts'
import { suite } from '../support/suite.ts'

const test = suite('webhooks, from request to stored message')
let door: FrontDoor
test.before(async () => {
  door = await openFrontDoor()
})
test.before.each(() => {
  door.state.open = true
  door.state.now = null
  door.state.intake = null
})
test.after(() => door.close())

/** A connection of its own workspace: fixtures about one person do not meet. */
async function alone({ channel, provider }: Pick<Expectation, 'channel' | 'provider'>) {
  const { id } = await makeWorkspace(door.database, provider)
  return { workspaceId: id, connection: await door.connect({ channel, provider, workspaceId: id }) }
}
interface StoredRow {
  direction: string
  kind: string
  body: string | null
  sentAt: string
  receivedAt: string
  overall: number | null
  name: string
  identities: string[]
}
const storedIn = (workspaceId: string) =>
  door.database.query<StoredRow>(
    `select message.direction, message.kind, message.body, message.sent_at as "sentAt",
       message.received_at as "receivedAt", lead.overall_score as overall,
       concat_ws(' ', lead.first_name, lead.last_name) as name,
       array(select value from lead_identity where lead_id = lead.id) as identities
     from message join lead on lead.id = message.lead_id
     where message.workspace_id = $1`,
    [workspaceId],
  )
const isoOf = (time: string) => new Date(time).toISOString()
const spaced = (text: string | null | undefined) => text?.replace(/\s+/g, ' ').trim()
const kinds = { message: 'text', auto_reply: 'auto_reply', opt_out: 'opt_out', echo: 'text' }

for (const expected of expectations()) {
  test(`${expected.file}: ${expected.expect}`, async () => {
    const { workspaceId, connection } = await alone(expected)
    const answer = await connection.post(fixture(expected.file), {
      'content-type': expected.contentType,
    })
    assert.is(answer.status, 200)
    if (expected.provider === 'twilio') {
      assert.match(String(answer.headers['content-type']), /^text\/xml/)
      assert.match(answer.text, /<Response\/>$/)
    }
    await door.settled()
    const stored = await storedIn(workspaceId)
    if (expected.expect === 'ignored' || expected.expect === 'bounce') {
      assert.equal(stored, [])
      if (expected.provider !== 'twilio') {
        assert.is(answer.json.status, 'ignored')
        assert.type(answer.json.reason, 'string')
      }
      return
    }
    if (expected.provider !== 'twilio') assert.is(answer.json.status, 'accepted')
    assert.is(stored.length, 1)
    meets(stored[0] as StoredRow, expected)
  })
}

function meets(row: StoredRow, expected: Expectation): void {
  assert.is(row.direction, expected.direction)
  assert.is(row.kind, kinds[expected.expect as keyof typeof kinds])
  assert.is(spaced(row.body), spaced(expected.body))
  assert.is(isoOf(row.sentAt), expected.sentAt ?? isoOf(row.receivedAt))
  for (const value of [expected.lead.email, expected.lead.phone]) {
    if (value) assert.ok(row.identities.includes(value), value)
  }
  const { providerId, name } = expected.lead
  if (providerId) assert.ok(row.identities.some((value) => value.endsWith(`:${providerId}`)))
  if (name) assert.is(row.name, name)
  const scoreless = expected.expect === 'echo'
  assert.is(row.overall === null, scoreless, `score ${row.overall}`)
  if (expected.expect === 'opt_out') assert.is(row.overall, 1)
}

test('every fixture sent again stores nothing twice, and names the stored message', async () => {
  for (const expected of expectations()) {
    if (expected.file.startsWith('ghl_workflow')) door.state.now = new Date()
    const { workspaceId, connection } = await alone(expected)
    const first = await connection.post(fixture(expected.file))
    const again = await connection.post(fixture(expected.file))
    assert.is(again.status, 200)
    const count = (await storedIn(workspaceId)).length
    assert.ok(count <= 1, expected.file)
    if (count === 1 && expected.provider !== 'twilio') {
      assert.is(again.json.status, 'duplicate', expected.file)
      assert.is(again.json.messageId, first.json.messageId)
    }
  }
})

test('the same message as two events is one message', async () => {
  const { workspaceId, connection } = await alone({ channel: 'email', provider: 'emailbison' })
  const replied = fixture('emailbison/lead_replied.json').toString()
  await connection.post(replied)
  const interested = await connection.post(replied.replace('LEAD_REPLIED', 'LEAD_INTERESTED'))
  assert.is(interested.json.status, 'duplicate')
  assert.is((await storedIn(workspaceId)).length, 1)

  const smartlead = await alone({ channel: 'smartlead', provider: 'smartlead' })
  const category = fixture('smartlead/lead_category_updated_ooo.json').toString()
  const reply = fixture('smartlead/email_reply.json')
    .toString()
    .replaceAll('CAF+demo55@mail.example', 'ooo-1@orbit.example')
    .replaceAll('dana.whit@harlow.example', 'li.chen@orbit.example')
  assert.is((await smartlead.connection.post(reply)).json.status, 'accepted')
  assert.is((await smartlead.connection.post(category)).json.status, 'duplicate')
  assert.is((await storedIn(smartlead.workspaceId)).length, 1)
})

test('one SMS by app and by workflow webhook is one message, a second one is another', async () => {
  const { workspaceId, connection } = await alone({ channel: 'sms', provider: 'gohighlevel' })
  const app = (id: string, at: string) =>
    fixture('ghl_app/inbound_sms.json')
      .toString()
      .replace('Kx9QkDemo2mN7pR4sT6u', id)
      .replace('2026-01-06T14:31:45.750Z', at)
  const workflow = (minute: string) => {
    door.state.now = new Date(`2026-01-06T14:${minute}:00Z`)
    return connection.post(fixture('ghl_workflow/custom_webhook.json'))
  }
  assert.is((await connection.post(app('first', '2026-01-06T14:31:45Z'))).json.status, 'accepted')
  assert.is((await workflow('32')).json.status, 'duplicate')
  assert.is((await workflow('40')).json.status, 'accepted')
  assert.is((await connection.post(app('second', '2026-01-06T14:40:05Z'))).json.status, 'duplicate')
  // Sent again by GoHighLevel, either of the two is a duplicate still.
  assert.is((await workflow('32')).json.status, 'duplicate')
  assert.is((await connection.post(app('second', '2026-01-06T14:40:05Z'))).json.status, 'duplicate')
  assert.is((await connection.post(app('third', '2026-01-06T14:40:35Z'))).json.status, 'accepted')
  assert.is((await storedIn(workspaceId)).length, 3)
  // GoHighLevel sends both at once: they may meet in one group.
  const together = await Promise.all([
    connection.post(app('fourth', '2026-01-06T15:01:00Z')),
    workflow('59'),
    connection.post(fixture('ghl_workflow/stop_reply.json')),
  ])
  assert.equal(
    together.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.is((await storedIn(workspaceId)).length, 3 + 1 + 1, 'one of Dana, and the STOP of another')
})

test('one SMS by app and by two workflows is one message', async () => {
  const { workspaceId, connection } = await alone({ channel: 'sms', provider: 'gohighlevel' })
  door.state.now = new Date('2026-01-06T14:32:00Z')
  const workflow = fixture('ghl_workflow/inbound_sms.json').toString()
  const other = workflow.replace('f0a1demo-0000', 'beefdemo-0000')
  const sent = [workflow, other, fixture('ghl_app/inbound_sms.json'), workflow, other]
  const answers: unknown[] = []
  for (const body of sent) answers.push((await connection.post(body)).json.status)
  assert.equal(answers, ['accepted', 'duplicate', 'duplicate', 'duplicate', 'duplicate'])
  // The person says it again, and each of the three tells of that, too.
  door.state.now = new Date('2026-01-06T14:40:00Z')
  const again = (body: string) => connection.post(body.replace('8:31 AM', '8:39 AM'))
  assert.is((await again(other)).json.status, 'accepted')
  assert.is((await again(workflow)).json.status, 'duplicate')
  assert.is((await storedIn(workspaceId)).length, 2)
})

test('a mail to two of our addresses is one message', async () => {
  const { workspaceId, connection } = await alone({ channel: 'email', provider: 'postmark' })
  const mail = JSON.parse(fixture('postmark/inbound_reply.json').toString())
  const to = (OriginalRecipient: string, MessageID: string) =>
    connection.post(JSON.stringify({ ...mail, OriginalRecipient, MessageID }))
  assert.is((await to('sales@northpeak.example', 'a')).json.status, 'accepted')
  assert.is((await to('sam@northpeak.example', 'b')).json.status, 'duplicate')
  assert.is((await to('sam@northpeak.example', 'c')).json.status, 'accepted')
  assert.is((await storedIn(workspaceId)).length, 2)
})

test('one mail by Postmark and EmailBison, one SMS by Twilio and GoHighLevel: one message each', async () => {
  const { id: workspaceId } = await makeWorkspace(door.database, 'Routes')
  const connect = (channel: Expectation['channel'], provider: ProviderName) =>
    door.connect({ channel, provider, workspaceId })
  const emailbison = JSON.parse(fixture('emailbison/lead_replied.json').toString())
  const { from_email_address: from, raw_message_id: id } = emailbison.data.reply
  door.state.now = new Date(emailbison.data.reply.date_received)
  const forwarded = {
    From: from,
    OriginalRecipient: 'sales@northpeak.example',
    MessageID: 'forwarded',
    Date: door.state.now.toISOString(),
    TextBody: 'Sure (sent from a phone)',
    Headers: [{ Name: 'Message-ID', Value: id }],
  }
  const direct = await connect('email', 'emailbison')
  assert.is((await direct.post(JSON.stringify(emailbison))).json.status, 'accepted')
  const postmark = await connect('email', 'postmark')
  assert.is((await postmark.post(JSON.stringify(forwarded))).json.status, 'duplicate')
  const gohighlevel = await connect('sms', 'gohighlevel')
  door.state.now = new Date('2026-01-06T14:32:00Z')
  const sms = JSON.parse(fixture('ghl_app/inbound_sms.json').toString())
  assert.is((await gohighlevel.post(JSON.stringify(sms))).json.status, 'accepted')
  const twilio = await connect('sms', 'twilio')
  const form = new URLSearchParams(fixture('twilio/inbound_sms.form').toString())
  form.set('Body', sms.body)
  await twilio.post(form.toString())
  const stored = await storedIn(workspaceId)
  assert.is(stored.length, 2)
})

test('one person is one lead across seven providers', async () => {
  const { id: workspaceId } = await makeWorkspace(door.database, 'Dana')
  const deliveries: [Expectation['channel'], ProviderName, string][] = [
    ['email', 'emailbison', 'emailbison/lead_replied.json'],
    ['email', 'postmark', 'postmark/inbound_reply.json'],
    ['sms', 'gohighlevel', 'ghl_workflow/inbound_sms.json'],
    ['sms', 'gohighlevel', 'ghl_app/inbound_email.json'],
    ['sms', 'twilio', 'twilio/inbound_sms.form'],
    ['smartlead', 'smartlead', 'smartlead/email_reply.json'],
    ['instantly', 'instantly', 'instantly/reply_received.json'],
  ]
  for (const [channel, provider, file] of deliveries) {
    const connection = await door.connect({ channel, provider, workspaceId })
    assert.is((await connection.post(fixture(file))).status, 200)
  }
  const linkedin = await door.connect({ channel: 'linkedin', provider: 'generic', workspaceId })
  await linkedin.post(
    JSON.stringify({
      externalId: '1',
      body: 'Hi',
      lead: { linkedinUrl: 'linkedin.com/in/Dana-Whit-Demo' },
    }),
  )
  const leads = await door.database.query('select id from lead where workspace_id = $1', [
    workspaceId,
  ])
  assert.is(leads.length, 1)
  assert.is((await storedIn(workspaceId)).length, deliveries.length + 1)
})

test('an unknown, foreign or cut token is 401, on every channel', async () => {
  const { path } = await door.connect({ channel: 'sms', provider: 'twilio' })
  const token = path.split('/')[3] ?? ''
  const refused = [
    path.slice(0, -1),
    `/webhooks/email/${token}`,
    `/webhooks/fax/${token}`,
    '/webhooks/sms/x',
    `/webhooks/sms/${'x'.repeat(99)}`,
  ]
  for (const url of refused) {
    const answer = await post(door.server, url, 'Body=hi&From=%2B12125550187')
    assert.is(answer.status, 401, url)
    assert.is(answer.json.status, 401)
    assert.match(String(answer.json.type), /unauthorized/)
  }
})

test('where a signature is configured, an unsigned or wrongly signed delivery is 401', async () => {
  const body = JSON.stringify({ externalId: '1', body: 'hi', lead: { email: 'a@x.example' } })
  const signed: [Connected, string][] = [
    [
      await door.connect({
        channel: 'email',
        provider: 'generic',
        signature: { secret: 's'.repeat(32) },
      }),
      body,
    ],
    [
      await door.connect({
        channel: 'sms',
        provider: 'twilio',
        signature: { authTokens: ['t'.repeat(32)] },
      }),
      'Body=hi',
    ],
    [
      await door.connect({
        channel: 'linkedin',
        provider: 'unipile',
        signature: { secret: 's'.repeat(32) },
      }),
      '{}',
    ],
    [
      await door.connect({
        channel: 'instantly',
        provider: 'instantly',
        signature: { header: 'x-token', value: 'v'.repeat(32) },
      }),
      '{}',
    ],
    [
      await door.connect({
        channel: 'email',
        provider: 'postmark',
        signature: { username: 'u', password: 'p'.repeat(32) },
      }),
      '{}',
    ],
    [
      await door.connect({
        channel: 'smartlead',
        provider: 'smartlead',
        signature: { secretKey: 'k'.repeat(32) },
      }),
      '{}',
    ],
  ]
  for (const [connection, text] of signed) {
    const headers = {
      'x-leadpulse-signature': 't=1,v1=00',
      'x-token': 'w',
      'x-twilio-signature': 'AAAA',
    }
    for (const given of [{}, headers]) {
      const answer = await connection.post(text, given)
      assert.is(answer.status, 401, connection.path)
    }
  }
})

test('a right signature over the raw bytes and the public URL is let in', async () => {
  const { createHmac } = await import('node:crypto')
  const authToken = 'test_auth_token_000'
  const connection = await door.connect({
    channel: 'sms',
    provider: 'twilio',
    signature: { authTokens: [authToken] },
  })
  const fields = {
    AccountSid: 'AC1',
    MessageSid: 'SM900',
    From: '+12125550190',
    To: '+12125550191',
    Body: 'Hi & bye',
    SmsStatus: 'received',
  }
  const signedText = `https://scores.example.com${connection.path}${Object.entries(fields)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => k + v)
    .join('')}`
  const signature = createHmac('sha1', authToken).update(signedText).digest('base64')
  const answer = await connection.post(new URLSearchParams(fields).toString(), {
    'x-twilio-signature': signature,
  })
  assert.is(answer.status, 200)
})

test('bytes that are not the format are 400 and say so', async () => {
  const broken: [Expectation['channel'], ProviderName, string][] = [
    ['email', 'generic', '{"externalId":'],
    ['email', 'emailbison', ''],
    ['email', 'postmark', '[1]'],
    ['sms', 'twilio', '{"Body":"json"}'],
    ['sms', 'gohighlevel', 'null'],
    ['linkedin', 'unipile', 'x=1'],
    ['smartlead', 'smartlead', '"text"'],
    ['instantly', 'instantly', '{'],
  ]
  for (const [channel, provider, body] of broken) {
    const connection = await door.connect({ channel, provider })
    const answer = await connection.post(body, { 'content-type': 'application/json' })
    assert.is(answer.status, 400, provider)
    assert.match(String(answer.headers['content-type']), /application\/problem\+json/)
    assert.match(String(answer.json.detail), /^body: takes /)
  }
})

test('our own format names the field with 422', async () => {
  const connection = await door.connect({ channel: 'linkedin', provider: 'generic' })
  const answer = await connection.post(
    JSON.stringify({ externalId: '1', body: 'hi', lead: { email: 'nope' } }),
  )
  assert.is(answer.status, 422)
  assert.equal((answer.json.errors as { field: string }[])[0]?.field, 'lead.email')
})

test('too large a body is 413, mail with attachments inline is not', async () => {
  const generic = await door.connect({ channel: 'email', provider: 'generic' })
  const filler = 'x'.repeat(600 * 1024)
  assert.is((await generic.post(JSON.stringify({ filler }))).status, 413)
  const postmark = await door.connect({ channel: 'email', provider: 'postmark' })
  const mail = JSON.parse(fixture('postmark/inbound_reply.json').toString()) as Record<
    string,
    unknown
  >
  mail.Attachments = [{ Name: 'a.pdf', Content: filler.repeat(4), ContentType: 'application/pdf' }]
  const answer = await postmark.post(JSON.stringify(mail))
  assert.is(answer.status, 200)
  const [row] = await door.database.query<{ size: unknown }>(
    'select length(payload::text) as size from message where id = $1',
    [answer.json.messageId],
  )
  assert.ok(Number(row?.size) < 64 * 1024, `kept payload of ${row?.size} characters`)
})

test('any Content-Type, or none, is read by the provider rules', async () => {
  const connection = await door.connect({ channel: 'linkedin', provider: 'unipile' })
  const body = fixture('unipile/message_received.json')
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'nonsense', '']) {
    const answer = await connection.post(body, type ? { 'content-type': type } : {})
    assert.is(answer.status, 200, type)
  }
})

test('a known event without its message is kept, listed once and replayable', async () => {
  const { workspaceId, connection } = await alone({ channel: 'email', provider: 'emailbison' })
  const event = JSON.parse(fixture('emailbison/lead_replied.json').toString()) as {
    data: { reply?: unknown }
  }
  delete event.data.reply
  for (let n = 0; n < 2; n++) {
    const answer = await connection.post(JSON.stringify(event))
    assert.is(answer.status, 200)
    assert.is(answer.json.status, 'rejected')
    assert.match(String(answer.json.reason), /data\.reply/)
  }
  const kept = await door.database.query<{ id: string; deliveries: unknown; field: string }>(
    'select id, deliveries, field from rejected_delivery where workspace_id = $1',
    [workspaceId],
  )
  assert.equal(
    kept.map(({ deliveries, field }) => [Number(deliveries), field]),
    [[2, 'data.reply']],
  )
  const rejectedId = kept[0]?.id ?? ''
  assert.is((await door.replay({ workspaceId, rejectedId }))?.status, 'rejected')
  await door.database.query(`update rejected_delivery set body = $2 where id = $1`, [
    rejectedId,
    fixture('emailbison/lead_replied.json'),
  ])
  assert.is((await door.replay({ workspaceId, rejectedId }))?.status, 'accepted')
  assert.is(
    await door.replay({ workspaceId: door.workspaceId, rejectedId }),
    null,
    'not of another workspace',
  )
  assert.is((await storedIn(workspaceId)).length, 1)
})

test('what is not understood but may matter is kept although it is ignored', async () => {
  for (const file of [
    'unipile_v2/message_new.json',
    'emailbison/untracked_reply_received_bounce.json',
  ]) {
    const expected = expectations().find((each) => each.file === file) as Expectation
    const { workspaceId, connection } = await alone(expected)
    await connection.post(fixture(file))
    const kept = await door.database.query(
      'select 1 from rejected_delivery where workspace_id = $1',
      [workspaceId],
    )
    assert.is(kept.length, 1, file)
  }
})

test('a channel with a full backlog sends away before it reads, the others go on', async () => {
  const accepted: string[] = []
  const waits = new Set<unknown>()
  door.state.intake = {
    isFull: (channel) => channel === 'sms',
    accept: async ({ channel }) => {
      accepted.push(channel)
      return { status: 'accepted', messageId: 'm' }
    },
  }
  for (const [channel, provider, status] of [
    ['sms', 'gohighlevel', 429],
    ['sms', 'twilio', 503],
    ['email', 'postmark', 200],
  ] as const) {
    const { path } = await door.connect({ channel, provider })
    const answer = await post(door.server, path, '{}')
    assert.is(answer.status, status)
    if (status !== 200) waits.add(answer.headers['retry-after'])
  }
  assert.equal(accepted, ['email'])
  assert.is(waits.size, 2, 'not all at once')
  for (const wait of waits) assert.ok(['1', '2', '3'].includes(String(wait)), String(wait))
  door.state.intake = null
})

test('not stored is 503 with Retry-After, for GoHighLevel 429', async () => {
  let isFull = false
  door.state.intake = {
    isFull: () => false,
    accept: async () => ({ status: 'unavailable', isFull }),
  }
  const all: [Expectation['channel'], ProviderName, number][] = [
    ['email', 'postmark', 503],
    ['sms', 'twilio', 503],
    ['sms', 'gohighlevel', 429],
  ]
  for (const [channel, provider, status] of all) {
    const answer = await (await door.connect({ channel, provider })).post('{}')
    assert.is(answer.status, status, provider)
    assert.is(answer.headers['retry-after'], '10')
  }
  isFull = true
  const soon = await (await door.connect({ channel: 'email', provider: 'postmark' })).post('{}')
  assert.match(
    String(soon.headers['retry-after']),
    /^[123]$/,
    'there was no room when its body was read',
  )
  door.state.intake = null
  door.state.open = false
  const { path } = await door.connect({ channel: 'email', provider: 'generic' })
  assert.is((await post(door.server, path, '{}')).status, 503, 'while it shuts down')
})

test('a rotated token works beside the old one, a disabled connection does not', async () => {
  const connection = await door.connect({ channel: 'email', provider: 'generic' })
  const { createHash } = await import('node:crypto')
  const second = `lp_${'n'.repeat(43)}`
  await door.database.query(
    `update connection set previous_token_hash = token_hash, token_hash = $2,
       previous_token_expires_at = now() + interval '1 hour' where id = $1`,
    [connection.id, createHash('sha256').update(second).digest('hex')],
  )
  const body = JSON.stringify({ externalId: 'r', body: 'hi', lead: { email: 'r@x.example' } })
  assert.is((await connection.post(body)).json.status, 'accepted')
  assert.is((await post(door.server, `/webhooks/email/${second}`, body)).json.status, 'duplicate')
  const disabled = await door.connect({ channel: 'email', provider: 'generic' })
  await door.database.query('update connection set enabled = false where id = $1', [disabled.id])
  assert.is((await disabled.post(body)).status, 401)
})

test.run()
