import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../src/database.ts'
import { SCORING_QUEUE } from '../src/job-queues.ts'
import {
  type ClaimedJob,
  isLastAttempt,
  type Jobs,
  openJobs,
  type PostProcessData,
  type ScoringData,
  StaleClaimError,
} from '../src/jobs.ts'
import { DEATHS_MAX } from '../src/orphaned-jobs.ts'
import { silentLog, storage, testDatabase } from './support/database.ts'
import { suite } from './support/suite.ts'

const test = suite('durable jobs')
const SMS = 'SMS_INBOUND_POST_PROCESS'
let database: Database
let jobs: Jobs
test.before(async () => {
  database = await testDatabase()
  jobs = openJobs(database, silentLog)
  await jobs.start()
})
test.before.each(async () => {
  await database.query('delete from pgboss.job')
})
test.after(async () => {
  await jobs.stop()
  await database.close()
})

const post = (): PostProcessData & { channel: 'sms' } => ({
  workspaceId: uuidv7(),
  leadId: uuidv7(),
  messageId: uuidv7(),
  channel: 'sms',
})
const lead = (): ScoringData => ({ workspaceId: uuidv7(), leadId: uuidv7() })
const insert = (job: PostProcessData & { channel: 'sms' }) =>
  database.transaction((tx) => jobs.insertPostProcess(tx, [job]))
const fetchOne = async <Data extends ScoringData>(queue: typeof SMS | typeof SCORING_QUEUE) =>
  (await jobs.fetch<Data>(queue, 1))[0] as ClaimedJob<Data>
const isStale = async (work: Promise<unknown>) =>
  (await work.then(
    () => null,
    (error) => error,
  )) instanceof StaleClaimError

test('a job commits with its transaction and is rolled back with it', async () => {
  await database
    .transaction(async (tx) => {
      await jobs.insertPostProcess(tx, [post()])
      throw new Error('rolled back')
    })
    .catch(() => {})
  assert.equal(await jobs.fetch(SMS, 10), [])
  await insert(post())
  assert.is((await jobs.fetch(SMS, 10)).length, 1)
})

test('one job per message, however often it is inserted', async () => {
  const job = post()
  await insert(job)
  await insert(job)
  assert.is((await jobs.fetch(SMS, 10)).length, 1)
})

test('one waiting and one active scoring job per lead', async () => {
  const one = lead()
  await jobs.sendScoring(database, [one, one])
  const active = await fetchOne<ScoringData>(SCORING_QUEUE)
  assert.is(active.data.leadId, one.leadId)
  await jobs.sendScoring(database, [one])
  await jobs.sendScoring(database, [one])
  assert.equal(await jobs.fetch(SCORING_QUEUE, 10), [], 'the waiting one waits for the active one')
  await jobs.complete(database, active)
  assert.is((await jobs.fetch(SCORING_QUEUE, 10)).length, 1)
})

test('completing is fenced: twice, or by an earlier attempt, is stale', async () => {
  await insert(post())
  const job = await fetchOne<PostProcessData>(SMS)
  assert.ok(await isStale(jobs.complete(database, { ...job, attempt: job.attempt + 1 })))
  await jobs.complete(database, job)
  assert.ok(await isStale(jobs.complete(database, job)))
})

test('a heartbeat names the claims that are gone', async () => {
  await insert(post())
  await insert(post())
  const [kept, lost] = (await jobs.fetch(SMS, 2)) as [ClaimedJob, ClaimedJob]
  await jobs.complete(database, lost)
  assert.equal(await jobs.touch([kept, lost]), [lost])
})

test('a heartbeat renews however many are held, and names each that is gone', async () => {
  const MANY = 250
  const sent = Array.from({ length: MANY }, lead)
  await jobs.sendScoring(database, sent)
  const held = await jobs.fetch(SCORING_QUEUE, MANY)
  assert.is(held.length, MANY)
  const lost = [held[0], held[150], held[249]] as ClaimedJob[]
  for (const job of lost) await jobs.complete(database, job)
  await database.query(`update pgboss.job set heartbeat_on = now() - interval '1 minute'`)
  assert.equal(await jobs.touch(held), lost)
  const [row] = await database.query<{ n: number }>(
    `select count(*)::int as n from pgboss.job where heartbeat_on > now() - interval '30 s'`,
  )
  assert.is(row?.n, MANY - lost.length)
})

test('a released job is due again with no attempt spent', async () => {
  await insert(post())
  const job = await fetchOne<PostProcessData>(SMS)
  await jobs.release(job, 0)
  const again = await fetchOne<PostProcessData>(SMS)
  assert.is(again.id, job.id)
  assert.is(again.attempt, 0)
  await jobs.release(again, 60_000)
  assert.equal(await jobs.fetch(SMS, 1), [], 'not before its delay')
})

test('a released scoring job gives way to one that waits already', async () => {
  const one = lead()
  await jobs.sendScoring(database, [one])
  const active = await fetchOne<ScoringData>(SCORING_QUEUE)
  await jobs.sendScoring(database, [one])
  await jobs.release(active, 0)
  const next = await jobs.fetch(SCORING_QUEUE, 10)
  assert.is(next.length, 1)
  assert.is.not(next[0]?.id, active.id)
})

test('a failed job comes back later with its attempt counted', async () => {
  await insert(post())
  const job = await fetchOne<PostProcessData>(SMS)
  await jobs.fail(job, 'no luck')
  await database.query(`update pgboss.job set start_after = now() where state = 'retry'`)
  const again = await fetchOne<PostProcessData>(SMS)
  assert.is(again.attempt, 1)
  assert.not.ok(isLastAttempt(again))
})

test('a terminal failure is dead-lettered at once', async () => {
  await insert(post())
  const job = await fetchOne<PostProcessData>(SMS)
  await jobs.fail(job, 'hopeless', { terminal: true })
  const rows = await database.query<{ name: string; state: string }>(
    `select name, state::text as state from pgboss.job order by name`,
  )
  assert.equal(rows, [
    { name: 'LEADPULSE_DEAD_LETTER', state: 'created' },
    { name: SMS, state: 'failed' },
  ])
})

/** As if its process had died some seconds ago. */
const abandon = (job: ClaimedJob, seconds = 10) =>
  database.query(
    `update pgboss.job set heartbeat_on = now() - $2::int * interval '1 second'
     where id = $1::uuid and state = 'active'`,
    [job.id, seconds],
  )
const LEASE_MS = 6000

test('what a dead process held is due at once, and what a living one holds stays its', async () => {
  await insert(post())
  const living = await fetchOne<PostProcessData>(SMS)
  await insert(post())
  const orphan = await fetchOne<PostProcessData>(SMS)
  await abandon(living)
  await abandon(orphan)
  assert.equal(await jobs.touch([living]), [])
  assert.equal(await jobs.reclaimOrphans(LEASE_MS), { due: 1, exhausted: [] })
  const again = await fetchOne<PostProcessData>(SMS)
  assert.is(again.id, orphan.id)
  assert.ok(await isStale(jobs.complete(database, orphan)), 'a zombie must not end it')
  await jobs.complete(database, again)
  await jobs.complete(database, living)
})

test('the embedded database takes every claim over at its start', async () => {
  await insert(post())
  const orphan = await fetchOne<PostProcessData>(SMS)
  assert.is((await jobs.reclaimOrphans(0)).due, 1)
  assert.is((await fetchOne<PostProcessData>(SMS)).id, orphan.id)
})

test('a death of its process costs a job that was only held nothing, ever', async () => {
  await insert(post())
  let job = await fetchOne<PostProcessData>(SMS)
  const left = job.attemptsMax - job.attempt
  for (let death = 1; death <= DEATHS_MAX * 3; death++) {
    await abandon(job)
    assert.is((await jobs.reclaimOrphans(LEASE_MS)).due, 1)
    job = await fetchOne<PostProcessData>(SMS)
    assert.is(job.attemptsMax - job.attempt, left)
    assert.equal(Object.keys(job.data).sort(), ['leadId', 'messageId', 'workspaceId'])
  }
})

test('begun by somebody else meanwhile, a job is not begun', async () => {
  await insert(post())
  const first = await fetchOne<PostProcessData>(SMS)
  await jobs.begin(first)
  await abandon(first)
  await jobs.reclaimOrphans(LEASE_MS)
  const second = await fetchOne<PostProcessData>(SMS)
  await abandon(second)
  await jobs.reclaimOrphans(LEASE_MS)
  const third = await fetchOne<PostProcessData>(SMS)
  assert.ok(await isStale(jobs.begin(second)))
  await jobs.begin(third)
})

test('deaths at work spend no attempt, until there were too many', async () => {
  await insert(post())
  let job = await fetchOne<PostProcessData>(SMS)
  const left = job.attemptsMax - job.attempt
  // The first is not counted: nearly every job has one life, and none writes that it begins.
  for (let death = 0; death <= DEATHS_MAX; death++) {
    await jobs.begin(job)
    await abandon(job)
    assert.is((await jobs.reclaimOrphans(LEASE_MS)).due, 1)
    job = await fetchOne<PostProcessData>(SMS)
    assert.is(job.attemptsMax - job.attempt, left)
  }
  for (let death = 0; death < left; death++) {
    assert.not.ok(isLastAttempt(job))
    await jobs.begin(job)
    await abandon(job)
    await jobs.reclaimOrphans(LEASE_MS)
    job = await fetchOne<PostProcessData>(SMS)
  }
  assert.ok(isLastAttempt(job))
  await jobs.begin(job)
  await abandon(job)
  assert.equal(await jobs.reclaimOrphans(LEASE_MS), { due: 0, exhausted: [job] })
  await jobs.fail(job, 'enough', { terminal: true })
  assert.equal(await jobs.reclaimOrphans(LEASE_MS), { due: 0, exhausted: [] })
  const rows = await database.query(`select 1 from pgboss.job where name = 'LEADPULSE_DEAD_LETTER'`)
  assert.is(rows.length, 1)
})

test('a failure after deaths waits no longer than without them', async () => {
  await insert(post())
  let job = await fetchOne<PostProcessData>(SMS)
  for (let death = 1; death <= 6; death++) {
    await abandon(job)
    await jobs.reclaimOrphans(LEASE_MS)
    job = await fetchOne<PostProcessData>(SMS)
  }
  await jobs.fail(job, 'no luck')
  const [row] = await database.query<{ seconds: number }>(
    `select extract(epoch from start_after - now())::float8 as seconds from pgboss.job
     where state = 'retry'`,
  )
  const { seconds } = row as { seconds: number }
  assert.ok(seconds > 0 && seconds <= 5, `${seconds} s`)
})

test('an orphaned scoring job gives way to a retry that covers the lead already', async () => {
  const one = lead()
  await jobs.sendScoring(database, [one])
  await jobs.fail(await fetchOne<ScoringData>(SCORING_QUEUE), 'comes back later')
  await jobs.sendScoring(database, [one])
  const orphan = await fetchOne<ScoringData>(SCORING_QUEUE)
  await jobs.sendScoring(database, [one])
  await abandon(orphan)
  assert.equal(await jobs.reclaimOrphans(LEASE_MS), { due: 0, exhausted: [] })
  const rows = await database.query<{ state: string }>(
    `select state::text as state from pgboss.job order by pgboss.job.state`,
  )
  assert.equal(
    rows.map(({ state }) => state),
    ['created', 'retry', 'completed'],
    'nothing is dead-lettered',
  )
})

test('a scoring job that fails beside a retry of its lead ends, and is not dead-lettered', async () => {
  const one = lead()
  await jobs.sendScoring(database, [one])
  const first = await fetchOne<ScoringData>(SCORING_QUEUE)
  await jobs.fail(first, 'comes back later')
  await jobs.sendScoring(database, [one])
  await jobs.fail(await fetchOne<ScoringData>(SCORING_QUEUE), 'failed too')
  const rows = await database.query<{ id: string; state: string }>(
    `select id, state::text as state from pgboss.job order by pgboss.job.state`,
  )
  assert.equal(
    rows.map(({ state }) => state),
    ['retry', 'completed'],
  )
  assert.is(rows[0]?.id, first.id)
})

test('erasing a lead removes every job that names it', async () => {
  const job = post()
  await insert(job)
  await jobs.sendScoring(database, [job])
  await insert(post())
  await database.transaction((tx) => jobs.forgetLead(tx, job))
  const rows = await database.query(`select 1 from pgboss.job`)
  assert.is(rows.length, 1)
})

// PGlite has one connection and one process: nobody writes beside its start.
if (storage === 'postgres') {
  test('another process starts beside a write to the jobs that is not committed yet', async () => {
    const job = post()
    await insert(job)
    await database.transaction(async (tx) => {
      await tx.query('update pgboss.job set priority = 1')
      const newcomer = openJobs(database, silentLog)
      await newcomer.start().finally(newcomer.stop)
    })
    assert.is((await fetchOne(SMS)).data.leadId, job.leadId)
  })
}

test.run()
