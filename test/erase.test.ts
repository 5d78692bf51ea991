/**
 * Erasing a person: afterwards none of the words that only this person brought stands in any table
 * of either schema, in a log line or in the feed, although a scoring call was under way.
 */
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { storeDraft } from '../src/domain/drafts/drafts.ts'
import { keepRejected } from '../src/domain/keep-rejected.ts'
import { connectionDirectory } from '../src/http/connection-directory.ts'
import { openLog } from '../src/log.ts'
import { PUBLIC_URL, type TestApi, testApi } from './support/api.ts'
import { dumpAll, tablesWith } from './support/dump.ts'
import { reply } from './support/fake-openai.ts'
import { type LlmApp, llmApp } from './support/llm-app.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

const test = suite('erasing a person')
/** What only this person says or is called; none is part of another. */
const canaries = {
  email: 'qzcanarymail@harlow.example',
  firstName: 'Qzcanaryfirst',
  lastName: 'Qzcanarylast',
  company: 'Qzcanarycompany',
  title: 'Qzcanarytitle',
  linkedin: 'qzcanaryprofile',
  body: 'qzcanarybody',
  subject: 'qzcanarysubject',
  contact: 'qzcanarycontact@harlow.example',
  reasoning: 'qzcanaryreasoning',
  draft: 'qzcanarydraft',
  failure: 'qzcanaryfailure',
  phone: '2125550187',
}
const words = Object.values(canaries)
const lines: string[] = []
let live: LlmApp
let api: TestApi
let headers: Record<string, string>

test.before(async () => {
  const write = (line: string) => void lines.push(line)
  const log = openLog({ level: 'trace', pretty: false, destination: { write } })
  live = await llmApp({ appLog: log })
  const { app, database, jobs } = live
  api = await testApi(
    {
      log,
      scoreSoon: app.scoreSoon,
      forgetJobs: jobs.forgetLead,
      webhooks: {
        connections: connectionDirectory(database, () => null),
        intake: app.intake,
        isOpen: () => true,
        publicUrl: () => PUBLIC_URL,
        now: () => new Date(),
      },
    },
    live,
  )
  headers = { 'x-workspace-id': live.workspace.id }
})
test.after(async () => {
  await api.close()
  await live.close()
})

const tokenOf = (channel: string) =>
  live.workspace.connections.find((each) => each.channel === channel)?.token
let said = 0
async function deliver(channel: string, lead: object, text: string): Promise<void> {
  const subject = lead === dana ? canaries.subject : 'Hello'
  const body = { externalId: `m-${++said}`, subject, body: text, lead }
  const url = `/webhooks/${channel}/${tokenOf(channel)}`
  const { status } = await api.call('POST', url, { token: null, body })
  assert.is(status, 200)
}

const dana = {
  email: canaries.email.toUpperCase(),
  phone: `+1${canaries.phone}`,
  linkedinUrl: `https://www.linkedin.com/in/${canaries.linkedin}`,
  firstName: canaries.firstName,
  lastName: canaries.lastName,
  company: canaries.company,
  title: canaries.title,
}
const bert = { email: 'bert@meadow.example', firstName: 'Bert' }

async function leadIdOf(firstName: string): Promise<string> {
  const sql = 'select id from lead where first_name = $1'
  const [row] = await live.database.query<{ id: string }>(sql, [firstName])
  return String(row?.id)
}

const scored = () =>
  until(
    () => live.database.query(`select 1 from lead where message_seq > scored_seq`),
    (owed) => owed.length === 0,
  )

async function reject(rawBody: string): Promise<void> {
  await keepRejected(live.database, {
    workspaceId: live.workspace.id,
    connectionId: uuidv7(),
    channel: 'email',
    provider: 'smartlead',
    reason: 'event_type: unknown',
    field: null,
    contentType: null,
    rawBody: Buffer.from(rawBody),
  })
}

/** Where a person can get to besides the lead and its messages. */
async function spread(leadId: string): Promise<void> {
  const { database, workspace } = live
  const [message] = await database.query<{ id: string }>(
    'select id from message where lead_id = $1::uuid limit 1',
    [leadId],
  )
  const of = { workspaceId: workspace.id, leadId, messageId: String(message?.id) }
  const draft = { body: `Dear ${canaries.draft}`, model: 'gpt-5-nano', promptVersion: 'v1' }
  await database.transaction((tx) => storeDraft(tx, { ...of, channel: 'email' }, draft))
  await database.query('update ai_interaction set error = $2 where lead_id = $1::uuid', [
    leadId,
    `said: ${canaries.failure}`,
  ])
  // A job that nobody works at, and one among the dead letters.
  for (const reason of [null, canaries.failure]) {
    const data = { ...of, messageId: uuidv7(), channel: 'instantly' as const }
    await database.query(
      `insert into pgboss.job (name, data, state, output, start_after)
       values ($1, $2::jsonb, 'created', $3::jsonb, now() + interval '1 hour')`,
      [
        reason ? 'LEADPULSE_DEAD_LETTER' : 'INSTANTLY_INBOUND_POST_PROCESS',
        JSON.stringify(data),
        JSON.stringify({ reason }),
      ],
    )
  }
  await reject(JSON.stringify({ event: 'odd', to: [canaries.email], note: canaries.body }))
  await reject(`{"text":"first\\n${canaries.email.replace('@', '\\u0040')} ${canaries.body}"}`)
  await reject(`from=${encodeURIComponent(canaries.email)}&text=${canaries.body}`)
  await reject(`{"number":"(212) 555-0187","text":"${canaries.body}"}`)
  await reject(
    `{"url":"https:\\/\\/linkedin.com\\/in\\/${canaries.linkedin}","x":"${canaries.body}"}`,
  )
  await reject(`{"from":"bert@meadow.example","x":"not${canaries.email.slice(2)}"}`)
}

test('nothing of an erased person is left, although a scoring call was under way', async () => {
  live.fake.respondWith((call) =>
    call.leadRef === null ? undefined : reply.scores(3, 3, 3, `Because ${canaries.reasoning}`),
  )
  await deliver('email', dana, `We want ${canaries.body}. Ask ${canaries.contact}`)
  await deliver('sms', dana, `Yes, ${canaries.body}`)
  await scored()
  live.fake.respondWith(() => undefined)
  await deliver('email', bert, 'Interested, what does it cost?')
  await scored()
  const leadId = await leadIdOf(canaries.firstName)
  await spread(leadId)

  const before = await dumpAll(live.database)
  for (const [name, word] of Object.entries(canaries)) {
    assert.ok(
      tablesWith(before, [word]).length > 0,
      `${name} stands nowhere: the test proves nothing`,
    )
  }
  const where = tablesWith(before, [...words, leadId])
  for (const table of ['lead', 'message', 'score_event', 'ai_draft', 'rejected_delivery']) {
    assert.ok(where.includes(`public.${table}`), table)
  }
  assert.ok(where.some((table) => table.startsWith('pgboss.')))

  const copy = await exported(leadId)
  const asked = live.fake.calls.length
  const held = Promise.withResolvers<void>()
  live.fake.respondWith(async () => {
    await held.promise
    return reply.scores(4, 4, 4, `Late ${canaries.reasoning}`)
  })
  await deliver('email', dana, `One more ${canaries.body}`)
  await live.fake.received(asked + 1)
  const erased = await api.call('DELETE', `/api/v1/leads/${leadId}`, { headers })
  assert.is(erased.status, 204)
  held.resolve()
  await live.fake.idle()
  // Whatever was under way has ended when this resolves.
  await live.app.stop()

  const after = await dumpAll(live.database)
  assert.equal(tablesWith(after, words), [], 'words of the erased person')
  // Its number names nobody any more; who erased what stays known.
  assert.equal(tablesWith(after, [leadId]), ['public.audit_event'])
  const bertAfter = after.filter(({ text }) => text.includes('bert@meadow.example'))
  assert.ok(bertAfter.some(({ table }) => table === 'public.lead_identity'))
  assert.ok(
    bertAfter.some(({ table }) => table === 'public.rejected_delivery'),
    'names another',
  )
  const spoken = lines.filter((line) =>
    words.some((word) => line.toLowerCase().includes(word.toLowerCase())),
  )
  assert.equal(spoken, [], 'log lines with words of the person')
  assert.ok(lines.length > 0)
  const feed = await api.call('GET', '/api/v1/feed', { headers })
  for (const word of [...words, leadId]) assert.not.match(feed.text, word)
  checkCopy(copy)
})

async function exported(leadId: string): Promise<string> {
  const answer = await api.call('GET', `/api/v1/leads/${leadId}/export`, { headers })
  assert.is(answer.status, 200)
  assert.match(String(answer.headers['content-disposition']), `lead-${leadId}.json`)
  return answer.text
}

/** The copy that was taken before: it holds what was stored, and of nobody else. */
function checkCopy(text: string): void {
  const copy = JSON.parse(text)
  assert.equal(
    [copy.messages, copy.scores, copy.drafts, copy.jobs, copy.rejectedDeliveries].map(
      (rows: unknown[]) => rows.length > 0,
    ),
    [true, true, true, true, true],
  )
  for (const [name, word] of Object.entries(canaries)) {
    assert.ok(text.toLowerCase().includes(word.toLowerCase()), `${name} is missing`)
  }
  assert.is(copy.messages.length, 2)
  assert.is(copy.messages[0].payload.lead.company, canaries.company)
  assert.match(copy.messages[0].sentAt, /Z$/)
  assert.is(copy.rejectedDeliveries.length, 5)
  assert.not.match(text, 'bert@meadow.example')
}

test.run()
