import { setImmediate } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { type Drained, expectedMs } from '../../src/actors/drain.ts'
import { jobTimes } from '../../src/actors/drain-tally.ts'
import { SCORING_QUEUE } from '../../src/job-queues.ts'
import { fault, reply } from '../support/fake-openai.ts'
import { type LlmApp, type LlmAppOptions, llmApp } from '../support/llm-app.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('draining due jobs', 240_000)
const BUDGET_MS = 5000
/** For drains that end before, because nothing is left. */
const AMPLE_MS = 240_000
const people = (count: number) => Array.from({ length: count }, (_, n) => `p${n}@harlow.example`)

async function withApp(options: LlmAppOptions, work: (of: LlmApp) => Promise<void>) {
  const of = await llmApp(options)
  try {
    await work(of)
  } finally {
    await of.close()
  }
}
/** Few at once: the ingest refuses what waits for too long. */
async function sayAll(of: LlmApp, count: number): Promise<void> {
  const emails = people(count)
  while (emails.length > 0) {
    const group = emails.splice(0, 20)
    await Promise.all(group.map((email) => of.say(email, 'What would it cost for 40 seats?')))
  }
  assert.is(await leads(of, 'true'), count)
}
const leads = async ({ database }: LlmApp, condition: string) => {
  const [row] = await database.query<{ count: number }>(
    `select count(*)::int as count from lead where ${condition}`,
  )
  return row?.count ?? -1
}
const unscored = (of: LlmApp) => leads(of, 'scored_seq < message_seq')
/** Asks again while one that answered at the last moment is about to end. */
async function drained(of: LlmApp, budgetMs: number): Promise<Drained & { tookMs: number }> {
  for (;;) {
    const began = performance.now()
    const answer = await of.app.drain(budgetMs)
    if (answer) return { ...answer, tookMs: performance.now() - began }
    await setImmediate()
  }
}
/** With room for a machine that is out of breath; `npm run drain` shows the true figures. */
async function intime(of: LlmApp, budgetMs: number): Promise<Drained> {
  const { tookMs, ...answer } = await drained(of, budgetMs)
  assert.ok(tookMs < budgetMs * 3, `${tookMs} ms`)
  return answer
}
const drainedAll = async (of: LlmApp): Promise<Drained> => {
  const { tookMs: _, ...answer } = await drained(of, AMPLE_MS)
  return answer
}

test('300 due jobs without any worker: each call keeps to its budget, and together they finish', () =>
  withApp({ runsJobs: false, llmConcurrency: 50, latencyMs: 500 }, async (of) => {
    await sayAll(of, 300)
    const calls: Drained[] = []
    do {
      calls.push(await intime(of, BUDGET_MS))
    } while (calls.at(-1)?.remaining)
    // Scores alone take longer than one budget: 300 calls, 50 at once, half a second each, after the rest.
    assert.ok(calls.length > 1, JSON.stringify(calls))
    assert.ok((calls[0]?.processed ?? 0) > 0)
    assert.ok((calls[0]?.remaining ?? 0) > 0)
    // A post-process job and a scoring job for each message.
    assert.is(
      calls.reduce((sum, { processed }) => sum + processed, 0),
      600,
    )
    assert.is(
      calls.reduce((sum, { failed }) => sum + failed, 0),
      0,
    )
    assert.is(await unscored(of), 0)
    // A machine that was slower than it had been may have cut a call off, or the commit after it; no
    // lead was scored twice.
    const [events] = await of.database.query<{ count: number; leads: number }>(
      'select count(*)::int as count, count(distinct lead_id)::int as leads from score_event',
    )
    assert.equal({ ...events }, { count: 300, leads: 300 })
    assert.is(of.fake.maxInFlightPerLead(), 1)
  }))

test('a job is given what nearly all took and more, but some always find time', () => {
  const times = jobTimes()
  const expected = (begun = true) =>
    expectedMs({
      measured: times.expected(SCORING_QUEUE),
      workMs: 4000,
      callTimeoutMs: 5000,
      begun,
    })
  assert.is(expected(), 4000, 'nothing measured: the limit of a call')
  assert.is(expected(false), 2000, 'but the first may begin')
  for (const ms of [200, 1000, 300]) times.note(SCORING_QUEUE, ms)
  assert.is(expected(), 1600)
  for (let n = 0; n < 5; n++) times.note(SCORING_QUEUE, 60_000)
  assert.is(expected(), 4000)
  assert.is(expected(false), 2000)
  for (let n = 0; n < 45; n++) times.note(SCORING_QUEUE, 200)
  assert.is(expected(), 400, 'one that hung in ten does not count')
})

test('beside a worker no job runs twice', () =>
  withApp({ llmConcurrency: 8, latencyMs: 20 }, async (of) => {
    await sayAll(of, 60)
    const answers = await Promise.all([of.app.drain(AMPLE_MS), of.app.drain(AMPLE_MS)])
    assert.is(answers.filter((answer) => answer === null).length, 1, 'one at a time')
    await until(
      () => unscored(of),
      (count) => count === 0,
    )
    assert.is(of.fake.calls.length, 60)
    assert.is(of.fake.maxInFlightPerLead(), 1)
  }))

test('what fails is counted and comes again later; what was given up before is left alone', () =>
  withApp({ runsJobs: false }, async (of) => {
    await sayAll(of, 3)
    let failing: string | null = null
    of.fake.respondWith(({ leadRef }) => {
      failing ??= leadRef
      return leadRef === failing ? fault.status(500) : undefined
    })
    assert.equal(await drainedAll(of), { processed: 5, failed: 1, remaining: 0 })
    assert.is(await unscored(of), 1)
    of.fake.respondWith(() => undefined)
    await of.database.query(`update pgboss.job set start_after = now() where state = 'created'`)
    assert.equal(await drainedAll(of), { processed: 1, failed: 0, remaining: 0 })
    assert.is(await unscored(of), 0)
  }))

test('a call that does not come back goes back without an attempt, before the time is up', () =>
  withApp({ runsJobs: false, timeoutMs: 60_000 }, async (of) => {
    await of.say('slow@harlow.example', 'What would it cost?')
    of.fake.respondWith(() => new Promise(() => {}))
    let answer: Drained
    do answer = await intime(of, 2500)
    while (of.fake.calls.length === 0)
    assert.is(answer.failed, 0)
    assert.is(answer.remaining, 1)
    await of.fake.idle()
    assert.ok(of.fake.calls.every(({ abandoned }) => abandoned))
    const [job] = await of.database.query(
      `select retry_count as attempts from pgboss.job
       where name = 'LEAD_SCORING_POST_PROCESS' and state = 'created'`,
    )
    assert.equal(job, { attempts: 0 })
  }))

test('a process that stops ends its drain in order', () =>
  withApp({ runsJobs: false }, async (of) => {
    await of.say('last@harlow.example', 'What would it cost?')
    const held = Promise.withResolvers<void>()
    of.fake.respondWith(async () => {
      await held.promise
      return reply.predicted()
    })
    const draining = drainedAll(of)
    await of.fake.received(1)
    const stopping = of.app.stop()
    held.resolve()
    await stopping
    assert.equal(await draining, { processed: 2, failed: 0, remaining: 0 })
    assert.is(await of.app.drain(BUDGET_MS), null)
  }))

test.run()
