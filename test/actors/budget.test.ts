import * as assert from 'uvu/assert'
import { recordAiCalls } from '../../src/domain/ai/record-calls.ts'
import { readFeed } from '../../src/domain/feed-log.ts'
import { makeWorkspace } from '../support/events.ts'
import { type LlmApp, llmApp } from '../support/llm-app.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

/** Of one call: 176 plain and 1,024 cached tokens in, 80 out, at the prices of gpt-5-nano. */
const CALL_USD = 0.00004592

const test = suite('monthly AI budget')
let llm: LlmApp

test.before(async () => {
  llm = await llmApp()
})
test.after(() => llm.close())

async function setBudget(usd: number | null) {
  await llm.database.query(
    'update workspace_settings set monthly_ai_budget_usd = $2 where workspace_id = $1',
    [llm.workspace.id, usd],
  )
  llm.ageBudgets()
}

const say = (email: string) => llm.say(email, 'What is the price?')

interface LeadState {
  email: string
  scoredBy: string | null
  provisional: boolean
  clean: boolean
}
const leads = (workspaceId = llm.workspace.id) =>
  llm.database.query<LeadState>(
    `select identity.value as email, scored_by as "scoredBy", provisional,
       message_seq = scored_seq as clean
     from lead join lead_identity as identity on identity.lead_id = lead.id
     where lead.workspace_id = $1 order by 1`,
    [workspaceId],
  )
const scoredBy = (email: string, model: string, workspaceId = llm.workspace.id) =>
  until(
    () => leads(workspaceId),
    (all) => all.some((it) => it.email === email && it.clean && it.scoredBy === model),
  )

test('the rules take over when the budget is used up, and the model when it is raised', async () => {
  await setBudget(0.01)
  const earlier = { outcome: 'ok' as const, costUsd: 0.01 - CALL_USD * 1.5, latencyMs: 5 }
  const lead = { workspaceId: llm.workspace.id, leadId: llm.workspace.id }
  await recordAiCalls(llm.database, { ...lead, source: 'background-job/x', featureId: 'x' }, [
    { ...call, ...earlier },
  ])
  for (const email of ['a@one.example', 'b@two.example']) {
    await say(email)
    await scoredBy(email, 'gpt-5-nano')
  }
  await say('c@three.example')
  const paused = await scoredBy('c@three.example', 'rules-v1')
  assert.is(llm.fake.calls.length, 2, 'no call beyond the budget')
  assert.equal(
    paused.map(({ provisional }) => provisional),
    [false, false, true],
  )
  assert.equal(llm.budgetChanges, [{ workspaceId: llm.workspace.id, paused: true }])
  const feed = await readFeed(llm.database, {
    workspaceId: llm.workspace.id,
    afterSeq: 0,
    limit: 10,
  })
  assert.equal(
    feed?.events.map(({ model, provisional }) => [model, provisional]),
    [
      ['gpt-5-nano', false],
      ['gpt-5-nano', false],
      ['rules-v1', true],
    ],
  )

  await setBudget(1)
  const after = await scoredBy('c@three.example', 'gpt-5-nano')
  assert.ok(after.every((it) => !it.provisional && it.clean))
  assert.is(llm.fake.calls.length, 3, 'only the provisional lead is scored again')
  assert.equal(llm.budgetChanges.at(-1), { workspaceId: llm.workspace.id, paused: false })
})

test('the turn of the month starts at zero', async () => {
  await setBudget(0.01)
  const lead = { workspaceId: llm.workspace.id, leadId: llm.workspace.id }
  await recordAiCalls(llm.database, { ...lead, source: 'background-job/x', featureId: 'x' }, [
    { ...call, costUsd: 0.01 },
  ])
  await say('d@four.example')
  await scoredBy('d@four.example', 'rules-v1')
  await llm.database.query(`update ai_interaction set created_at = created_at - interval '1 month'`)
  llm.ageBudgets()
  const after = await scoredBy('d@four.example', 'gpt-5-nano')
  assert.ok(after.every((it) => !it.provisional && it.clean))
})

test('the budget of one workspace does not stop another', async () => {
  const other = await makeWorkspace(llm.database, 'Other')
  await setBudget(0)
  await say('f@six.example')
  await scoredBy('f@six.example', 'rules-v1')
  await llm.say('g@seven.example', 'What is the price?', other)
  await scoredBy('g@seven.example', 'gpt-5-nano', other.id)
})

const call = {
  requestedModel: 'm',
  model: 'm',
  promptVersion: 'p',
  outcome: 'ok' as const,
  inputTokens: 1,
  cachedTokens: 0,
  outputTokens: 1,
  reasoningTokens: 0,
  costUsd: 0,
  latencyMs: 1,
  requestId: null,
  error: null,
}

test.run()
