import * as assert from 'uvu/assert'
import { recordAiCalls } from '../../src/domain/ai/record-calls.ts'
import type { Interaction } from '../../src/domain/scoring/score.ts'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { insertLead } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('AI usage')
let api: TestApi
let mine: Awaited<ReturnType<typeof testWorkspace>>
let leadId: string

const call = (change: Partial<Interaction> = {}): Interaction => ({
  requestedModel: 'gpt-5-nano',
  model: 'gpt-5-nano',
  promptVersion: 'p1',
  outcome: 'ok',
  inputTokens: 1200,
  cachedTokens: 1024,
  outputTokens: 80,
  reasoningTokens: 16,
  costUsd: 0.00004592,
  latencyMs: 100,
  requestId: 'req_1',
  error: null,
  ...change,
})
const nothing = { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null }
const timeout = () =>
  call({ ...nothing, outcome: 'timeout', costUsd: null, latencyMs: 300, error: 'no answer' })
const usage = async (query = '') =>
  (await api.call('GET', `/api/v1/ai-usage${query}`, { token: mine.tokens.viewer })).body

test.before(async () => {
  api = await testApi()
  mine = await testWorkspace(api, 'Mine')
  const theirs = await testWorkspace(api, 'Theirs')
  const scoring = {
    source: 'background-job/lead-scoring-post-process',
    featureId: 'lead_scoring.score',
  }
  const drafting = {
    source: 'background-job/email-inbound-post-process',
    featureId: 'draft.generate',
  }
  for (const workspaceId of [mine.id, theirs.id]) {
    leadId = await insertLead(api.database, { workspaceId })
    const of = { workspaceId, leadId }
    await recordAiCalls(api.database, { ...of, ...scoring }, [call(), call(), timeout()])
    await recordAiCalls(api.database, { ...of, ...drafting }, [
      call({ model: 'llama-local', requestedModel: 'llama-local', costUsd: null }),
    ])
  }
  await api.database.query(
    `update ai_interaction set created_at = '2026-03-01T23:30:00Z' where feature_id = 'draft.generate'`,
  )
  await api.database.query(
    `update ai_interaction set created_at = '2026-03-02T00:30:00Z' where outcome = 'timeout'`,
  )
})
test.after(() => api.close())

const march = '&from=2026-03-01&to=2026-04-01'

test('this month is what it starts with, by feature, of the own workspace only', async () => {
  const { groups, total, budget, groupBy, pricesAsOf } = await usage()
  assert.is(groupBy, 'feature')
  assert.match(pricesAsOf, /^2026-/)
  assert.equal(groups, [{ key: 'lead_scoring.score', ...total }])
  assert.equal(total, {
    calls: 2,
    outcomes: { ok: 2 },
    inputTokens: 2400,
    cachedTokens: 2048,
    outputTokens: 160,
    reasoningTokens: 32,
    costUsd: 0.00009184,
    callsWithoutCost: 0,
    latencyMsAverage: 100,
  })
  assert.is(budget.monthlyUsd, null)
  assert.is(budget.paused, false)
  assert.is(budget.spentUsd, 0.00009184)
})

test('days are UTC days; failed calls and unknown prices are counted as such', async () => {
  const { groups, total } = await usage(`?groupBy=day${march}`)
  assert.equal(
    groups.map((group: { key: string; calls: number }) => [group.key, group.calls]),
    [
      ['2026-03-01', 1],
      ['2026-03-02', 1],
    ],
  )
  assert.equal(total.outcomes, { ok: 1, timeout: 1 })
  assert.is(total.callsWithoutCost, 2)
  assert.is(total.costUsd, 0)
  assert.is(total.latencyMsAverage, 200)
})

test('by model and by source', async () => {
  const keysOf = async (groupBy: string) =>
    (await usage(`?groupBy=${groupBy}${march}`)).groups.map(({ key }: { key: string }) => key)
  assert.equal(await keysOf('model'), ['gpt-5-nano', 'llama-local'])
  assert.equal(await keysOf('source'), [
    'background-job/email-inbound-post-process',
    'background-job/lead-scoring-post-process',
  ])
})

test('a time without calls has no groups and a total of zero', async () => {
  const { groups, total } = await usage('?from=2020-01-01T00:00:00Z&to=2020-01-02')
  assert.equal(groups, [])
  assert.is(total.calls, 0)
  assert.is(total.latencyMsAverage, null)
})

test('the budget says that it is used up, and how many leads wait for the model', async () => {
  const token = mine.tokens.member
  await api.call('PUT', '/api/v1/settings', { token, body: { monthlyAiBudgetUsd: 0 } })
  const provisional = await insertLead(api.database, { workspaceId: mine.id, messageSeq: 1 })
  await api.database.query('update lead set provisional = true where id = $1', [provisional])
  const { budget } = await usage()
  assert.is(budget.paused, true)
  assert.is(budget.monthlyUsd, 0)
  assert.is(budget.provisionalLeads, 1)
  assert.match(budget.monthStart, /-01T00:00:00.000Z$/)
  assert.match(budget.monthEnd, /-01T00:00:00.000Z$/)
  const shown = await api.call('GET', `/api/v1/leads/${provisional}`, { token })
  assert.is(shown.body.provisional, true)
})

test('an erased lead leaves its calls in the accounts', async () => {
  const before = await usage(`?groupBy=day${march}`)
  await api.database.query('update lead set provisional = false where id <> $1', [leadId])
  await api.database.query('delete from lead where workspace_id = $1', [mine.id])
  assert.equal((await usage(`?groupBy=day${march}`)).total, before.total)
})

test('a wrong parameter is named with what it takes', async () => {
  const errors = async (query: string) => {
    const { body, status } = await api.call('GET', `/api/v1/ai-usage?${query}`)
    assert.is(status, 400)
    return body.errors
  }
  assert.equal(await errors('groupBy=lead'), [
    { field: 'groupBy', message: 'takes one of feature, model, source, day' },
  ])
  assert.match((await errors('from=yesterday'))[0].message, 'takes a day such as')
  const [{ field, message }] = await errors('from=2026-03-02&to=2026-03-01')
  assert.is(field, 'to')
  assert.match(message, 'not before from')
})

test.run()
