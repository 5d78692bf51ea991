import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { type Gate, gate } from '../../src/actors/gate.ts'
import { gatedScorer } from '../../src/actors/gated-scorer.ts'
import { openaiScorer } from '../../src/clients/openai.ts'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { type FakeOpenAi, fakeOpenAi, fault, reply } from '../support/fake-openai.ts'
import { insertLead, insertMessage } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('settings preview')
let fake: FakeOpenAi
let calls: Gate
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>
let leadId: string

test.before(async () => {
  fake = await fakeOpenAi()
  calls = gate({ limit: 1 })
  const scorer = openaiScorer({
    apiKey: fake.apiKey,
    baseURL: fake.url,
    model: 'gpt-5-nano',
    successor: 'gpt-6-luna',
    timeoutMs: 20_000,
    now: () => new Date('2026-11-24T10:00:00Z'),
    random: () => randomBytes(16).toString('hex'),
  })
  api = await testApi({ previewScorer: gatedScorer(scorer, calls) })
  workspace = await testWorkspace(api, 'Preview')
  const workspaceId = workspace.id
  leadId = await insertLead(api.database, { workspaceId, messageSeq: 1, scoredSeq: 0 })
  const sentAt = '2026-11-24T09:00:00Z'
  await insertMessage(api.database, { workspaceId, leadId, body: 'Tell me more?', sentAt, seq: 1 })
  await api.call('PUT', '/api/v1/settings', {
    token: workspace.tokens.member,
    body: { companyName: 'Saved Ltd', idealCustomerProfile: 'Bakeries' },
  })
})
test.after(async () => {
  await api.close()
  await fake.close()
})

const preview = (body: unknown, token = workspace.tokens.member) =>
  api.call('POST', '/api/v1/settings/preview', { token, body })
const interactions = () =>
  api.database.query<Record<string, unknown>>(
    `select source, feature_id as feature, outcome, lead_id as "leadId", cost_usd > 0 as billed
     from ai_interaction order by id`,
  )

test('scores with the unsaved settings over the saved ones, and writes no score', async () => {
  let asked = ''
  fake.respondWith((call) => {
    asked = JSON.stringify(call.request.input)
    return asked.includes('Dentists') ? reply.scores(1, 3, 1, 'No dentist.') : undefined
  })
  const { status, body, text } = await preview({
    leadId,
    settings: { idealCustomerProfile: 'Dentists' },
  })
  assert.is(status, 200, text)
  assert.equal(body, {
    leadId,
    fitScore: 1,
    intentScore: 3,
    overallScore: 1,
    scoreReasoning: 'No dentist.',
    model: 'gpt-5-nano',
    promptVersion: body.promptVersion,
    provisional: false,
  })
  assert.match(asked, 'Saved Ltd')
  assert.not.match(asked, 'Bakeries')
  const unscored = await api.database.query('select 1 from lead where scored_at is null')
  assert.is(unscored.length, 1)
  assert.equal(await api.database.query('select 1 from score_event'), [])
  const saved = await api.call('GET', '/api/v1/settings', { token: workspace.tokens.viewer })
  assert.is(saved.body.idealCustomerProfile, 'Bakeries')
})

test('counts as a call of its own source and feature', async () => {
  assert.equal(await interactions(), [
    {
      source: 'dashboard/settings-preview',
      feature: 'lead_scoring.preview',
      outcome: 'ok',
      leadId,
      billed: true,
    },
  ])
  const usage = await api.call('GET', '/api/v1/ai-usage?groupBy=feature', {
    token: workspace.tokens.viewer,
  })
  assert.equal(
    usage.body.groups.map(({ key, calls }: { key: string; calls: number }) => [key, calls]),
    [['lead_scoring.preview', 1]],
  )
})

test('waits at the gate for its turn, and gives its place back', async () => {
  fake.respondWith(() => undefined)
  const before = fake.calls.length
  const other = calls.acquire({ workspaceId: 'other', since: 0 }, () => {})
  const waiting = preview({ leadId })
  while (calls.meters().waiting === 0) await new Promise(setImmediate)
  assert.is(fake.calls.length, before, 'nothing is asked while another call holds the only permit')
  other.release()
  assert.is((await waiting).status, 200)
  assert.is(calls.meters().held, 0)
})

test('a model that fails is told with its reason, billed, and no field is to blame', async () => {
  fake.respondWith(() => fault.refusal())
  const before = (await interactions()).length
  const { status, body } = await preview({ leadId })
  assert.is(status, 503)
  assert.match(body.detail, /^The model gave no score: /)
  const after = await interactions()
  assert.is(after.length, before + 1)
  assert.is(after.at(-1)?.outcome, 'refused')
})

test('a lead that has not written, and one that is disqualified, need no call', async () => {
  const before = fake.calls.length
  const silent = await insertLead(api.database, { workspaceId: workspace.id })
  const { status, body } = await preview({ leadId: silent })
  assert.is(status, 409)
  assert.is(body.detail, 'The lead has not written yet')
  const out = await insertLead(api.database, {
    workspaceId: workspace.id,
    disqualifiedReason: 'Opt-out',
  })
  const told = await preview({ leadId: out })
  assert.is(told.status, 200)
  assert.is(told.body.scoreReasoning, 'Disqualified: Opt-out')
  assert.is(fake.calls.length, before)
})

test('a wrong field is named, and a viewer may not spend money', async () => {
  const errorsOf = async (body: unknown) => (await preview(body)).body.errors
  assert.equal(await errorsOf({ leadId: 'x' }), [
    { field: 'leadId', message: 'takes the id of a lead' },
  ])
  assert.equal(await errorsOf({ leadId, settings: { idealCustomerProfile: 7 } }), [
    { field: 'settings.idealCustomerProfile', message: 'takes a text or null' },
  ])
  assert.equal(await errorsOf({ leadId, settings: { quietMs: 7 } }), [
    { field: 'settings.quietMs', message: 'is not a known field' },
  ])
  assert.is((await preview({ leadId }, workspace.tokens.viewer)).status, 403)
})

test.run()
