import * as assert from 'uvu/assert'
import { type App, startApp } from '../../src/actors/app.ts'
import type { Database } from '../../src/database.ts'
import type { Scores, ScoringResult } from '../../src/domain/scoring/score.ts'
import { type Jobs, openJobs } from '../../src/jobs.ts'
import { silentLog, testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { storeMessage } from '../support/post-process.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('several processes on one database')
let database: Database
let jobs: Jobs
let workspaceId: string
const started: App[] = []
test.before(async () => {
  database = await testDatabase()
  jobs = openJobs(database, silentLog)
  await jobs.start()
  workspaceId = (await makeWorkspace(database)).id
})
test.after(async () => {
  // A test that failed left them running, and the process would never end.
  await Promise.all(started.map((app) => app.stop()))
  await jobs.stop()
  await database.close()
})

interface Process {
  app: App
  calls(): number
  errors: string[]
  /** Every call waits for it. */
  answer(overallScore: Scores['overallScore']): void
}

function startProcess(over: { jobs?: Jobs } = {}): Process {
  let calls = 0
  const errors: string[] = []
  const waiting: ((result: ScoringResult) => void)[] = []
  const app = startApp({
    store: database,
    ingest: database.ingest,
    jobs: over.jobs ?? jobs,
    scorer: {
      name: 'scripted',
      score: () => {
        calls += 1
        return new Promise((resolve) => void waiting.push(resolve))
      },
    },
    log: Object.assign(Object.create(silentLog) as typeof silentLog, {
      warn: (fields: { error?: string }) => void errors.push(String(fields.error)),
    }),
    llmConcurrency: 1,
    scoringHeldMax: 100,
    window: { quietMs: 10, maxWaitMs: 50 },
    runsJobs: true,
    now: Date.now,
    random: Math.random,
  })
  started.push(app)
  return {
    app,
    calls: () => calls,
    errors,
    answer(overallScore) {
      const scores: Scores = { fitScore: 3, intentScore: 3, overallScore, reasoning: 'because' }
      const model = { model: 'scripted', promptVersion: 'p1', interactions: [] }
      for (const resolve of waiting.splice(0)) resolve({ outcome: 'ok', scores, ...model })
    },
  }
}

let senders = 0
async function newLead(of: Process): Promise<string> {
  const email = `sender-${++senders}@x.example`
  const { leadId } = await storeMessage(database, workspaceId, { lead: { email }, body: 'Hi' })
  await of.app.scoreSoon([{ workspaceId, leadId }])
  return leadId
}
const scoresOf = (leadId: string) =>
  database.query<{ overall: number }>(
    `select overall_score as overall from score_event where lead_id = $1::uuid`,
    [leadId],
  )

test('what a process writes after its claim was taken over is refused', async () => {
  // From then on it neither renews nor fetches, and does not hear that its claim is gone.
  let isAsleep = false
  const asleep: Jobs = {
    ...jobs,
    touch: async () => [],
    reclaimOrphans: async () => ({ due: 0, exhausted: [] }),
    fetch: async (queue, batchSize) => (isAsleep ? [] : jobs.fetch(queue, batchSize)),
  }
  const zombie = startProcess({ jobs: asleep })
  const leadId = await newLead(zombie)
  await until(
    async () => zombie.calls(),
    (count) => count === 1,
  )
  isAsleep = true
  await database.query(`update pgboss.job set heartbeat_on = 'epoch' where state = 'active'`)
  const heir = startProcess()
  await until(
    async () => heir.calls(),
    (count) => count === 1,
  )
  zombie.answer(1)
  await until(
    async () => zombie.errors,
    (errors) => errors.includes('StaleClaimError'),
  )
  assert.equal(await scoresOf(leadId), [])
  heir.answer(4)
  await until(
    () => scoresOf(leadId),
    (rows) => rows.length > 0,
  )
  assert.equal(await scoresOf(leadId), [{ overall: 4 }])
  await Promise.all([zombie.app.stop(), heir.app.stop()])
})

test('a process with more than it can do leaves work to the others', async () => {
  const busy = startProcess()
  const idle = startProcess()
  // Only the first is told of new jobs; the other one has to find them.
  await until(
    async () => {
      await newLead(busy)
      return [busy.calls(), idle.calls()]
    },
    (counts) => counts.every((count) => count > 0),
  )
  assert.is(busy.calls(), 1)
  const answering = setInterval(() => {
    busy.answer(3)
    idle.answer(3)
  }, 5)
  await until(
    () => database.query('select 1 from lead where scored_seq < message_seq'),
    (dirty) => dirty.length === 0,
  )
  clearInterval(answering)
  await Promise.all([busy.app.stop(), idle.app.stop()])
})

test.run()
