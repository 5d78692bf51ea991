import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { openaiClient } from '../../../src/clients/openai-client.ts'
import type { Database } from '../../../src/database.ts'
import { budgetedModel } from '../../../src/domain/ai/budgeted-model.ts'
import type { Outside } from '../../../src/domain/post-process/outside.ts'
import { judgedTags } from '../../../src/domain/sentiment-prompt.ts'
import { testDatabase } from '../../support/database.ts'
import { makeWorkspace } from '../../support/events.ts'
import {
  type FakeAnswer,
  type FakeOpenAi,
  fakeOpenAi,
  fault,
  reply,
} from '../../support/fake-openai.ts'
import { leadSeen, runSteps, stepsDone, storeMessage } from '../../support/post-process.ts'
import { suite } from '../../support/suite.ts'

const test = suite('sentiment and drafts by a model')
let database: Database
let workspace: string
let fake: FakeOpenAi
let outside: Partial<Outside>

test.before(async () => {
  database = await testDatabase()
  fake = await fakeOpenAi()
  workspace = (await makeWorkspace(database)).id
  const client = openaiClient({
    apiKey: fake.apiKey,
    baseURL: fake.url,
    model: 'gpt-5-nano',
    successor: 'gpt-6-luna',
    timeoutMs: 3000,
    now: () => new Date('2026-11-24'),
  })
  outside = { model: client, marker: () => randomBytes(16).toString('hex') }
})
test.before.each(async () => {
  await drafts(false)
  fake.calls.length = 0
  answer({})
})
test.after(async () => {
  await fake.close()
  await database.close()
})

const drafts = (on: boolean) =>
  database.query('update workspace_settings set drafts_enabled = $2 where workspace_id = $1', [
    workspace,
    on,
  ])
/** By feature; what is not given is answered well. */
function answer(by: { sentiment?: FakeAnswer; draft?: FakeAnswer }): void {
  fake.respondWith(({ request }) =>
    request.text?.format?.name === 'reply_draft' ? by.draft : by.sentiment,
  )
}
const sentiment = (tag: string) => reply.text(JSON.stringify({ sentiment: tag }))
const say = (name: string, body: string, extra = {}) =>
  storeMessage(database, workspace, { lead: { email: `${name}@harlow.example` }, body, ...extra })
const tagOf = async (messageId: string) => {
  const [row] = await database.query<{ tag: string | null; kind: string }>(
    'select sentiment_tag as tag, kind from message where id = $1::uuid',
    [messageId],
  )
  return row
}
const interactions = (leadId: string) =>
  database.query<Record<string, unknown>>(
    `select source, feature_id as feature, prompt_version as prompt, outcome,
       input_tokens as input from ai_interaction where lead_id = $1::uuid order by created_at`,
    [leadId],
  )
const draftsOf = (leadId: string) =>
  database.query<Record<string, string>>(
    `select status, body, model, prompt_version as prompt from ai_draft
     where lead_id = $1::uuid order by created_at`,
    [leadId],
  )

test('the model’s tag lands on message and lead, and the call is accounted for', async () => {
  answer({ sentiment: sentiment('Call Requested') })
  await say('one', 'Shall we talk next week?', { direction: 'outbound', channel: 'sms' })
  const job = await say('one', 'Yes', { channel: 'sms' })
  await runSteps(database, job, outside)
  assert.is((await leadSeen(database, job.leadId)).sentimentTag, 'Call Requested')
  assert.equal(await tagOf(job.messageId), { tag: 'Call Requested', kind: 'text' })
  assert.equal(await interactions(job.leadId), [
    {
      source: 'background-job/sms-inbound-post-process',
      feature: 'sentiment.classify',
      prompt: 'sentiment.classify.v1',
      outcome: 'ok',
      input: 1200,
    },
  ])
  assert.equal(fake.breaches, [])
  const input = JSON.stringify(fake.calls[0]?.request.input)
  assert.match(input, /Shall we talk next week/)
  assert.not.match(input, /harlow|one@/)
})

test('a model may say each of its tags and no other', async () => {
  for (const tag of judgedTags) {
    answer({ sentiment: sentiment(tag) })
    const job = await say(`tag-${tag.replaceAll(' ', '-')}`, 'Hm.')
    await runSteps(database, job, outside)
    assert.is((await tagOf(job.messageId))?.tag, tag)
  }
  for (const tag of ['Blacklist', 'New', 'Bounced', 'Hot']) {
    answer({ sentiment: sentiment(tag) })
    const job = await say(`no-${tag}`, 'Not interested.')
    await runSteps(database, job, outside)
    assert.is((await tagOf(job.messageId))?.tag, 'Not Interested')
    const steps = await stepsDone(database, job)
    assert.is(steps.sentiment, 'judged by rules: answer is none of the tags')
  }
})

const faults: [string, FakeAnswer, RegExp, string][] = [
  ['400', fault.status(400), /./, 'error'],
  ['401', fault.status(401), /./, 'error'],
  ['429', fault.status(429, {}, { 'retry-after': '3600' }), /rate limited/, 'rate_limited'],
  ['500', fault.status(500), /./, 'error'],
  ['a stalled body', fault.stalledBody(), /no answer in 3000 ms/, 'timeout'],
  ['a reset', fault.resetMidBody(), /connection/, 'error'],
  ['no JSON', fault.invalidJson(), /unreadable/, 'invalid'],
  ['a score', fault.wrongSchema(), /none of the tags/, 'invalid'],
  ['a refusal', fault.refusal(), /refused/, 'refused'],
  ['half an answer', fault.incomplete(), /output token limit/, 'incomplete'],
]
for (const [name, fails, reason, outcome] of faults) {
  test(`answered with ${name}, the rules judge and the step says so`, async () => {
    answer({ sentiment: fails })
    const job = await say(`fault-${name.replaceAll(' ', '-')}`, 'What does it cost?')
    assert.is(await runSteps(database, job, outside), 'done')
    assert.is((await leadSeen(database, job.leadId)).sentimentTag, 'Information Requested')
    const steps = await stepsDone(database, job)
    assert.match(steps.sentiment ?? '', /^judged by rules: /)
    assert.match(steps.sentiment ?? '', reason)
    assert.is(steps.rollups, 'done')
    const [call] = await interactions(job.leadId)
    assert.is(call?.outcome, outcome)
  })
}

test('what the rules know for certain is asked of nobody', async () => {
  for (const [name, body] of [
    ['stop', 'unsubscribe'],
    ['away', 'I am out of the office until Monday with limited access to e-mail.'],
    ['empty', ''],
  ] as const) {
    const job = await say(name, body)
    await runSteps(database, job, outside)
    assert.is((await stepsDone(database, job)).rollups, 'done')
  }
  assert.is(fake.calls.length, 0)
})

test('a wish to stop in words that no rule knows disqualifies', async () => {
  answer({ sentiment: sentiment('Opt Out') })
  const job = await say('stopwish', 'Kindly consider this our goodbye for ever.')
  await runSteps(database, job, outside)
  const lead = await leadSeen(database, job.leadId)
  assert.is(lead.disqualifiedReason, 'Opt-out: asks not to be contacted (judged by the model)')
  assert.is(lead.messageSeq, 2)
  assert.is((await tagOf(job.messageId))?.kind, 'opt_out')
})

test('a positive message gets a draft: plain text, pending, accounted for', async () => {
  await drafts(true)
  answer({
    sentiment: sentiment('Interested'),
    draft: reply.text(
      JSON.stringify({ reply: 'Hi **Dana**,\n\nsee [us](https://evil.example) <b>now</b>.' }),
    ),
  })
  const job = await say('drafted', 'Sounds good!')
  await runSteps(database, job, outside)
  assert.equal(await draftsOf(job.leadId), [
    {
      status: 'pending',
      body: 'Hi Dana,\n\nsee us now .',
      model: 'gpt-5-nano',
      prompt: 'draft.generate.v1',
    },
  ])
  assert.equal(
    (await interactions(job.leadId)).map(({ feature }) => feature),
    ['sentiment.classify', 'draft.generate'],
  )
  assert.equal(fake.breaches, [])
})

test('a newer message puts the old draft away; a decided one stays as it was', async () => {
  await drafts(true)
  const first = await say('outdated', 'Sounds good!')
  await runSteps(database, first, outside)
  const second = await say('outdated', 'What does it cost?')
  await runSteps(database, second, outside)
  assert.equal(
    (await draftsOf(first.leadId)).map(({ status }) => status),
    ['dismissed', 'pending'],
  )
  await database.query(`update ai_draft set status = 'approved' where message_id = $1::uuid`, [
    second.messageId,
  ])
  await runSteps(database, await say('outdated', 'unsubscribe'), outside)
  assert.equal(
    (await draftsOf(first.leadId)).map(({ status }) => status),
    ['dismissed', 'approved'],
  )
})

test('no draft while a newer message exists, for a refusal, or when drafts are off', async () => {
  await runSteps(database, await say('off', 'Sounds good!'), outside)
  await drafts(true)
  answer({ sentiment: sentiment('Not Interested') })
  await runSteps(database, await say('refused', 'No.'), outside)
  answer({ sentiment: sentiment('Interested') })
  const old = await say('late', 'Sounds good!')
  const offered = await say('late', 'In fact, no.')
  await runSteps(database, offered, outside)
  await runSteps(database, old, outside)
  const [count] = await database.query<{ count: unknown }>(
    `select count(*) as count from ai_draft join lead_identity using (lead_id)
     where message_id = $1::uuid or value in ('off@harlow.example', 'refused@harlow.example')`,
    [old.messageId],
  )
  assert.is(Number(count?.count), 0)
})

test('a draft that fails costs nothing but itself', async () => {
  await drafts(true)
  answer({ sentiment: sentiment('Interested'), draft: fault.status(500) })
  const job = await say('draftless', 'Sounds good!')
  assert.is(await runSteps(database, job, outside), 'done')
  const steps = await stepsDone(database, job)
  assert.match(steps.draft ?? '', /./)
  assert.is(steps.rollups, 'done')
  assert.equal(await draftsOf(job.leadId), [])
})

test('with the budget used up nobody is asked', async () => {
  const spent: unknown[] = []
  const model = budgetedModel(outside.model as NonNullable<Outside['model']>, {
    isPaused: async () => true,
    spent: (...args) => void spent.push(args),
  })
  const job = await say('budget', 'What does it cost?')
  await runSteps(database, job, { ...outside, model })
  assert.is(fake.calls.length, 0)
  assert.is(
    (await stepsDone(database, job)).sentiment,
    'judged by rules: monthly AI budget used up',
  )
  assert.equal(await interactions(job.leadId), [])
})

test.run()
