import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import {
  backfillPage,
  previewBackfill,
  readBackfill,
  runningBackfill,
  runningBackfills,
  startBackfill,
} from '../../src/domain/backfill.ts'
import type { Tx } from '../../src/domain/sql.ts'
import { SCORING_QUEUE } from '../../src/job-queues.ts'
import { type Jobs, openJobs } from '../../src/jobs.ts'
import { scoringPriority } from '../../src/scoring-priority.ts'
import { silentLog, testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { insertLead, insertMessage, type LeadToInsert } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('backfill')
let database: Database
let jobs: Jobs
let workspaceId: string

test.before(async () => {
  database = await testDatabase()
  jobs = openJobs(database, silentLog)
  await jobs.start()
})
test.before.each(async () => {
  workspaceId = (await makeWorkspace(database)).id
  await database.query('delete from pgboss.job')
  await database.query('delete from backfill')
})
test.after(async () => {
  await jobs.stop()
  await database.close()
})

async function lead(change: Partial<LeadToInsert> = {}, inbound = true): Promise<string> {
  const leadId = await insertLead(database, { workspaceId, messageSeq: 1, ...change })
  const message = { workspaceId, leadId, body: 'x', sentAt: '2026-01-06T10:00:00Z' }
  await insertMessage(database, inbound ? { ...message, seq: 1 } : message)
  return leadId
}
const begin = (scope: 'all' | 'unscored') =>
  database.transaction((tx) =>
    startBackfill(tx, { workspaceId, scope, ratePerSecond: null, createdBy: 'test' }),
  )
const send = (tx: Tx, leads: { workspaceId: string; leadId: string }[]) =>
  jobs.sendScoring(tx, leads, scoringPriority.backfill)
async function page(limit = 10) {
  const run = await runningBackfill(database, workspaceId)
  assert.ok(run)
  return backfillPage(database, run, { limit, send })
}
const waiting = () =>
  database.query<{ key: string; priority: number }>(
    `select singleton_key as key, priority from pgboss.job where name = $1 order by 1`,
    [SCORING_QUEUE],
  )
const due = async () =>
  (
    await database.query<{ id: string }>(
      'select id from lead where workspace_id = $1 and message_seq > scored_seq order by id',
      [workspaceId],
    )
  ).map(({ id }) => id)

test('unscored: leads without a score that somebody wrote to us', async () => {
  const unscored = await lead()
  const optedOut = await lead({ disqualifiedReason: 'STOP', overallScore: 3 })
  await lead({ overallScore: 2 })
  await lead({}, false)
  const scope = 'unscored' as const
  assert.equal(await previewBackfill(database, { workspaceId, scope }), {
    total: 2,
    disqualified: 1,
  })
  assert.is((await begin(scope))?.total, 2)
  assert.is((await page())?.sent, 2)
  assert.is(await page(), null)
  assert.equal(await due(), [unscored, optedOut].sort())
  assert.equal(
    await waiting(),
    [unscored, optedOut].sort().map((key) => ({ key, priority: scoringPriority.backfill })),
  )
})

test('all: every lead but the disqualified that are scored as such', async () => {
  const scored = await lead({ overallScore: 2 })
  const settled = await lead({ disqualifiedReason: 'STOP', overallScore: 1 })
  await database.query(`update lead set scored_by = 'disqualified' where id = $1`, [settled])
  await lead({ overallScore: 2 }, false)
  await begin('all')
  await page()
  assert.equal(await due(), [scored])
})

test('a lead that is due already keeps its number, a parked one starts again', async () => {
  const id = await lead({ messageSeq: 5, scoredSeq: 2, parkedAt: '2026-01-06T10:00:00Z' })
  await begin('unscored')
  await page()
  const [row] = await database.query<{ seq: number; parked: boolean }>(
    'select message_seq as seq, parked_at is not null as parked from lead where id = $1',
    [id],
  )
  assert.is(Number(row?.seq), 5)
  assert.is(row?.parked, false)
})

test('killed between the two transactions of a page, it does the page again and loses none', async () => {
  const ids = [await lead(), await lead(), await lead()].sort()
  const run = await begin('unscored')
  assert.ok(run)
  const crash = new Error('killed')
  await backfillPage(database, run, {
    limit: 2,
    send: async () => {
      throw crash
    },
  }).then(
    () => assert.unreachable(),
    (error) => assert.is(error, crash),
  )
  assert.equal(await waiting(), [])
  // What a new process finds.
  const [found] = await runningBackfills(database)
  assert.is(found?.enqueued, 0)
  assert.is((await page(2))?.sent, 2)
  assert.is((await page(2))?.sent, 1)
  assert.is(await page(2), null)
  assert.equal(
    (await waiting()).map(({ key }) => key),
    ids,
  )
  const numbers = await database.query(
    'select 1 from lead where workspace_id = $1 and message_seq > 2',
    [workspaceId],
  )
  assert.is(numbers.length, 0, 'the page done twice moves no number twice')
  const done = await readBackfill(database, { workspaceId, id: run.id })
  assert.equal([done?.state, done?.enqueued, done?.leadsWaiting], ['done', 3, 3])
  assert.ok(done?.finishedAt)
})

test('a page made due ahead is sent by the next call, and again by whoever comes after a kill', async () => {
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.push(await lead())
  ids.sort()
  const run = await begin('unscored')
  assert.ok(run)
  const first = await backfillPage(database, run, { limit: 2, send, isAhead: true })
  assert.is(first?.next?.afterLeadId, ids[1])
  assert.equal(first?.next?.rows.map(({ id }) => id).sort(), ids.slice(2, 4))
  // Killed here: who comes after knows of no page ahead.
  const [found] = await runningBackfills(database)
  assert.ok(found)
  const second = await backfillPage(database, found, { limit: 2, send, isAhead: true })
  assert.is(second?.sent, 2)
  const last = await backfillPage(database, second?.run ?? run, {
    limit: 2,
    send,
    isAhead: true,
    due: second?.next,
  })
  assert.equal([last?.sent, last?.next], [1, undefined])
  // A page of another place is let be.
  assert.is(
    await backfillPage(database, last?.run ?? run, { limit: 2, send, due: first?.next }),
    null,
  )
  assert.equal(
    (await waiting()).map(({ key }) => key),
    ids,
  )
  const numbers = await database.query(
    'select 1 from lead where workspace_id = $1 and message_seq > 2',
    [workspaceId],
  )
  assert.is(numbers.length, 0, 'made due twice, a lead moves once')
})

test('two processes on one page send each lead once and count it once', async () => {
  for (let n = 0; n < 6; n++) await lead()
  const run = await begin('unscored')
  assert.ok(run)
  const both = await Promise.all([1, 2].map(() => backfillPage(database, run, { limit: 4, send })))
  assert.equal(both.map((answer) => answer?.sent).sort(), [0, 4])
  await page(4)
  assert.is(await page(4), null)
  assert.is((await waiting()).length, 6)
  const [{ enqueued } = { enqueued: 0 }] = await database.query<{ enqueued: number }>(
    'select enqueued from backfill',
  )
  assert.is(enqueued, 6)
})

test('a workspace has one run at a time', async () => {
  await lead()
  const first = await begin('unscored')
  assert.is(await begin('all'), null)
  assert.is((await runningBackfill(database, workspaceId))?.id, first?.id)
  await page()
  await page()
  assert.ok(await begin('all'))
})

test('a live message takes the waiting job of a backfill out of the back row', async () => {
  const leadId = await lead()
  await jobs.sendScoring(database, [{ workspaceId, leadId }], scoringPriority.backfill)
  await jobs.sendScoring(database, [{ workspaceId, leadId }])
  assert.equal(await waiting(), [{ key: leadId, priority: scoringPriority.live }])
  await jobs.sendScoring(database, [{ workspaceId, leadId }], scoringPriority.backfill)
  assert.equal(await waiting(), [{ key: leadId, priority: scoringPriority.live }])
})

test.run()
