import * as assert from 'uvu/assert'
import { runningBackfill, startBackfill } from '../../src/domain/backfill.ts'
import { disqualify } from '../../src/domain/disqualification.ts'
import { leadReference } from '../../src/domain/scoring/prompt.ts'
import { type LlmApp, llmApp } from '../support/llm-app.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('a backfill run at work')
let llm: LlmApp

test.before(async () => {
  llm = await llmApp()
})
test.after(() => llm.close())

const leads = () =>
  llm.database.query<{ id: string; seq: number; clean: boolean; by: string | null }>(
    `select id, message_seq as seq, message_seq = scored_seq as clean, scored_by as by
     from lead order by created_at`,
  )
const allScored = (count: number) =>
  until(leads, (all) => all.length === count && all.every(({ clean, by }) => clean && by !== null))

test('every lead is scored again by the model, a disqualified one without a call', async () => {
  for (const name of ['a', 'b', 'c']) await llm.say(`${name}@${name}.example`, 'What is the price?')
  const before = await allScored(3)
  const calls = llm.fake.calls.length
  const workspaceId = llm.workspace.id
  const leadId = before[2]?.id ?? ''
  // As if it had been disqualified by an import: nobody sent a scoring job.
  await disqualify(llm.database, { workspaceId, leadId, reason: 'competitor', by: 'person' })

  const run = await llm.database.transaction((tx) =>
    startBackfill(tx, { workspaceId, scope: 'all', ratePerSecond: 2, createdBy: 'test' }),
  )
  assert.is(run?.total, 3)
  llm.app.backfillSoon()
  await until(
    () => runningBackfill(llm.database, workspaceId),
    (running) => running === null,
  )
  const after = await allScored(3)
  assert.is(llm.fake.calls.length, calls + 2)
  assert.equal(
    after.map(({ by }) => by),
    ['gpt-5-nano', 'gpt-5-nano', 'disqualified'],
  )
  assert.equal(
    after.map(({ seq }) => Number(seq)),
    [2, 2, 2],
  )
  const [ended] = await llm.database.query<{ enqueued: number; disqualified: number }>(
    'select enqueued, disqualified from backfill',
  )
  assert.equal(ended, { enqueued: 3, disqualified: 1 })
})

test('a lead that writes while its backfill job waits at the gate goes before the others of the run', async () => {
  const one = await llmApp({ llmConcurrency: 1, timeoutMs: 100_000 })
  const limitMs = 50_000
  try {
    const workspaceId = one.workspace.id
    const rows = () =>
      one.database.query<{ id: string; clean: boolean }>(
        'select id, message_seq = scored_seq as clean from lead order by created_at',
      )
    const clean = (count: number) =>
      until(rows, (all) => all.filter((lead) => lead.clean).length === count, limitMs)
    for (const name of ['a', 'b', 'c']) await one.say(`${name}@x.example`, 'What is the price?')
    const urgent = (await clean(3))[2]?.id ?? ''
    const calls = one.fake.calls.length

    const answer = Promise.withResolvers<undefined>()
    one.fake.respondWith(() => answer.promise)
    await one.say('in-flight@x.example', 'Hello')
    await one.fake.received(calls + 1)
    await one.database.transaction((tx) =>
      startBackfill(tx, { workspaceId, scope: 'all', ratePerSecond: null, createdBy: 'test' }),
    )
    one.app.backfillSoon()
    await until(
      async () => one.app.meters().gate.waiting,
      (waiting) => waiting === 3,
      limitMs,
    )
    const found = Promise.withResolvers<string[]>()
    const { urgentBehind } = one.jobs
    one.jobs.urgentBehind = async (leadIds) => {
      const behind = await urgentBehind(leadIds)
      if (behind.length > 0) found.resolve(behind.map(({ leadId }) => leadId))
      return behind
    }
    await one.say('c@x.example', 'Can we start on Monday?')
    assert.equal(await found.promise, [urgent])
    answer.resolve(undefined)
    await one.fake.received(calls + 4)
    assert.is(one.fake.calls[calls + 1]?.leadRef, leadReference(urgent))
    await clean(4)
  } finally {
    await one.close()
  }
})

test.run()
