import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { outbound } from '../../../src/clients/outbound.ts'
import { transcriptSources } from '../../../src/clients/transcript-sources.ts'
import type { Database } from '../../../src/database.ts'
import { createConnection } from '../../../src/domain/connections.ts'
import type { Outside } from '../../../src/domain/post-process/outside.ts'
import { sealing } from '../../support/api.ts'
import { testDatabase } from '../../support/database.ts'
import { makeWorkspace } from '../../support/events.ts'
import {
  ANSWER_LIMIT_MS,
  type FakeProvider,
  fakeProvider,
  faults,
  json,
} from '../../support/fake-provider.ts'
import { leadSeen, runSteps, stepsDone, storeMessage } from '../../support/post-process.ts'
import { suite } from '../../support/suite.ts'

const test = suite('transcript backfill')
let database: Database
let workspace: string
let connection: string
let server: FakeProvider
const outside: Partial<Outside> = {
  transcripts: transcriptSources(outbound({ timeoutMs: ANSWER_LIMIT_MS, allowsPrivate: true })),
  openApiKey: (sealed, id) => String(sealing.open(sealed, id)),
}

test.before(async () => {
  database = await testDatabase()
  server = await fakeProvider()
  workspace = (await makeWorkspace(database)).id
  connection = uuidv7()
  await createConnection(database, {
    id: connection,
    workspaceId: workspace,
    channel: 'instantly',
    provider: 'instantly',
    name: 'Instantly',
    sealedSignature: null,
    sealedApiKey: sealing.seal('key-1', connection),
    apiBaseUrl: server.url,
  })
})
test.after(async () => {
  await server.close()
  await database.close()
})

const mail = (id: string, body: string, minute: string, ue_type = 1) => ({
  id,
  ue_type,
  timestamp_email: `2026-01-05T14:${minute}:00.000Z`,
  subject: 'Cutting onboarding time',
  body: { text: body },
})
const say = (name: string, body = 'What does it cost?') =>
  storeMessage(
    database,
    workspace,
    {
      channel: 'instantly',
      lead: { email: `${name}@harlow.example` },
      body,
      payload: { workspace: 'ws1', lead_email: `${name}@harlow.example` },
    },
    { connectionId: connection, provider: 'instantly' },
  )
const outboundOf = (leadId: string) =>
  database.query<{ body: string; seq: unknown; kind: string }>(
    `select body, seq, kind from message where lead_id = $1 and direction = 'outbound' order by sent_at`,
    [leadId],
  )

test('missing mails of our side are added once and move message_seq once', async () => {
  server.answers(
    json({
      items: [
        mail('e1', 'Hi Dana', '12'),
        mail('e2', 'Any thoughts?', '40'),
        mail('e9', 'Sure', '50', 2),
      ],
    }),
  )
  const job = await say('dana')
  assert.is(await runSteps(database, job, outside), 'done')
  assert.equal(await outboundOf(job.leadId), [
    { body: 'Hi Dana', seq: null, kind: 'text' },
    { body: 'Any thoughts?', seq: null, kind: 'text' },
  ])
  assert.is((await leadSeen(database, job.leadId)).messageSeq, 2)
  assert.is(server.calls[0]?.headers.authorization, 'Bearer key-1')
  const steps = await stepsDone(database, job)
  assert.is(steps.transcript_backfill, 'done')

  const next = await say('dana', 'And for 40 seats?')
  await runSteps(database, next, outside)
  assert.is((await outboundOf(job.leadId)).length, 2)
  // Its own inbound number, nothing for a backfill that added nothing.
  assert.is((await leadSeen(database, job.leadId)).messageSeq, 3)
})

test('a mail that a webhook told of before or tells of later is stored once', async () => {
  const job = await say('twin')
  const echo = (key: string, body: string, alias: string[] = []) =>
    storeMessage(database, workspace, {
      channel: 'instantly',
      lead: { email: 'twin@harlow.example' },
      direction: 'outbound',
      dedupeKey: key,
      dedupeAliases: alias,
      body,
      sentAt: new Date('2026-01-05T14:12:03Z'),
    }).then(
      () => 'stored',
      (error: Error) => error.message,
    )
  assert.is(await echo('by another id', 'Hi   Dana'), 'stored')
  server.answers(json({ items: [mail('t1', 'Hi Dana', '12'), mail('t2', 'Any thoughts?', '40')] }))
  await runSteps(database, job, outside)
  assert.equal(
    (await outboundOf(job.leadId)).map(({ body }) => body),
    ['Hi   Dana', 'Any thoughts?'],
  )
  const late = await echo('late', 'Any thoughts?', ['instantly:ws1:email_sent:t2'])
  assert.is(late, 'not stored: duplicate')
})

for (const [said, fault] of Object.entries(faults)) {
  test(`an API that ${said} is recorded and blocks nothing`, async () => {
    server.answers(fault)
    const job = await say(`fault-${said.replace(/\W+/g, '-').toLowerCase()}`)
    assert.is(await runSteps(database, job, outside), 'done')
    const steps = await stepsDone(database, job)
    assert.ok(
      steps.transcript_backfill?.includes(said.replace(/ \(.*/, '')),
      steps.transcript_backfill,
    )
    assert.is(steps.rollups, 'done')
    const lead = await leadSeen(database, job.leadId)
    assert.equal([lead.messageSeq, lead.sentimentTag], [1, 'Information Requested'])
  })
}

test('data that the database refuses is recorded, too', async () => {
  const job = await say('refused')
  const steps = await (async () => {
    await runSteps(database, job, {
      ...outside,
      transcripts: {
        instantly: {
          sentMessages: async () => [
            {
              dedupeKey: 'x'.repeat(3000) + Math.random(),
              externalId: null,
              subject: null,
              body: 'half an emoji \u0000',
              sentAt: new Date('2026-01-05'),
            },
          ],
        },
      },
    })
    return stepsDone(database, job)
  })()
  assert.match(steps.transcript_backfill ?? '', /^refused by the database: 2/)
  assert.is(steps.rollups, 'done')
})

test('a stop during the call gives the job back, and the next run goes on', async () => {
  const stop = new AbortController()
  const job = await say('stopped')
  server.answers(() => stop.abort(new Error('stopping')))
  const ended = await runSteps(database, job, outside, stop.signal).then(
    () => 'done',
    (error: Error) => error.message,
  )
  assert.is(ended, 'stopping')
  assert.equal(Object.keys(await stepsDone(database, job)), ['rules'])
  server.answers(json({ items: [mail('s1', 'Hello', '12')] }))
  assert.is(await runSteps(database, job, outside), 'done')
  assert.is((await outboundOf(job.leadId)).length, 1)
})

test('nobody is asked for opt-outs, without a key, or while a newer message waits', async () => {
  server.answers(json({ items: [] }))
  const stop = await say('stop', 'unsubscribe')
  await runSteps(database, stop, outside)
  const first = await say('burst', 'Hi')
  const last = await say('burst', 'What does it cost?')
  await runSteps(database, first, outside)
  assert.is(server.calls.length, 0)
  await runSteps(database, last, outside)
  assert.is(server.calls.length, 1)
  assert.is((await stepsDone(database, first)).transcript_backfill, undefined)
})

test('a key sealed under another SECRETS_KEY is named, not thrown', async () => {
  const job = await say('resealed')
  await runSteps(database, job, { transcripts: outside.transcripts ?? {} })
  assert.match((await stepsDone(database, job)).transcript_backfill ?? '', /another SECRETS_KEY/)
})

test.run()
