/** The quiet window and the maximum wait, by the database's own clock and each workspace's settings. */
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../../../src/database.ts'
import { recordAiCalls } from '../../../src/domain/ai/record-calls.ts'
import { recordFailure } from '../../../src/domain/scoring/record-score.ts'
import { readWindow } from '../../../src/domain/scoring/scoring-input.ts'
import { testDatabase } from '../../support/database.ts'
import { insertLead, insertMessage } from '../../support/lead-rows.ts'
import { suite } from '../../support/suite.ts'

const test = suite('window of a lead')
const defaults = { quietMs: 3000, maxWaitMs: 15_000 }
/** Between writing a row and reading the window: the ages below are far wider apart. */
const PASSES_MS = 2000
let database: Database
test.before(async () => {
  database = await testDatabase()
})
test.after(() => database.close())

async function workspaceWith(quietMs: number | null, maxWaitMs: number | null): Promise<string> {
  const id = uuidv7()
  await database.query(`insert into workspace (id, name) values ($1::uuid, 'window')`, [id])
  await database.query(
    `insert into workspace_settings (workspace_id, quiet_ms, max_wait_ms)
     values ($1::uuid, $2::int, $3::int)`,
    [id, quietMs, maxWaitMs],
  )
  return id
}

/** A lead whose messages came so many milliseconds ago, oldest first. */
async function leadWith(workspaceId: string, agesMs: number[], scoredSeq = 0): Promise<string> {
  const leadId = await insertLead(database, { workspaceId, messageSeq: agesMs.length, scoredSeq })
  for (const [index, ageMs] of agesMs.entries()) {
    const sentAt = new Date(0).toISOString()
    const message = { workspaceId, leadId, body: 'hello', sentAt, seq: index + 1 }
    const id = await insertMessage(database, message)
    await database.query(
      `update message set received_at = now() - $2::float8 * interval '1 millisecond'
       where id = $1::uuid`,
      [id, ageMs],
    )
  }
  return leadId
}

async function dueIn(leadId: string): Promise<number> {
  const window = await readWindow(database, leadId, defaults)
  assert.ok(window && !window.covered)
  return window.dueInMs
}

/** Time passes while the test runs, so it is due a little earlier than worked out. */
function near(actualMs: number, expectedMs: number): void {
  const holds = actualMs <= expectedMs && actualMs > expectedMs - PASSES_MS
  assert.ok(holds, `due in ${actualMs} ms, not ${expectedMs}`)
}

test('calls that the provider failed count until the next score', async () => {
  const workspaceId = await workspaceWith(null, null)
  const leadId = await leadWith(workspaceId, [60_000])
  const failures = async () => (await readWindow(database, leadId, defaults))?.failures
  const lead = { workspaceId, leadId, source: 's', featureId: 'lead_scoring.score' }
  const call = {
    requestedModel: 'm',
    model: 'm',
    promptVersion: 'p',
    inputTokens: null,
    cachedTokens: null,
    outputTokens: null,
    reasoningTokens: null,
    costUsd: null,
    latencyMs: 1,
    requestId: null,
    error: 'x',
  }
  const outcomes = ['timeout', 'error', 'invalid', 'rate_limited'] as const
  assert.is(await failures(), 0)
  await recordAiCalls(
    database,
    lead,
    outcomes.map((outcome) => ({ ...call, outcome })),
  )
  await recordAiCalls(database, { ...lead, featureId: 'sentiment.classify' }, [
    { ...call, outcome: 'error' },
  ])
  await recordFailure(database, leadId, { reason: 'x', parked: false })
  assert.is(await failures(), 2)
  await database.query('update lead set scored_at = now() where id = $1::uuid', [leadId])
  assert.is(await failures(), 0)
})

test('a workspace without settings of its own has the defaults', async () => {
  const workspaceId = await workspaceWith(null, null)
  near(await dueIn(await leadWith(workspaceId, [0])), defaults.quietMs)
})

test('each workspace has its own quiet window and its own maximum wait', async () => {
  const slow = await workspaceWith(20_000, 60_000)
  const patient = await workspaceWith(60_000, 100_000)
  near(await dueIn(await leadWith(slow, [30_000, 0])), 20_000)
  near(await dueIn(await leadWith(patient, [30_000, 0])), 60_000)
  near(await dueIn(await leadWith(slow, [50_000, 0])), 10_000)
  near(await dueIn(await leadWith(patient, [50_000, 0])), 50_000)
})

test('a stream that never goes quiet comes due at its maximum wait all the same', async () => {
  const workspaceId = await workspaceWith(20_000, 60_000)
  // One message each 5 s, never quiet for 20 s; read as it would be after each of them.
  for (const streamMs of [10_000, 30_000, 45_000, 55_000, 60_000, 90_000]) {
    const ages = Array.from({ length: streamMs / 5000 + 1 }, (_, nth) => streamMs - nth * 5000)
    const leadId = await leadWith(workspaceId, ages)
    near(await dueIn(leadId), Math.min(20_000, 60_000 - streamMs))
  }
})

test('the maximum wait counts from the first message that no score covers', async () => {
  const workspaceId = await workspaceWith(20_000, 60_000)
  const ages = [90_000, 70_000, 30_000, 0]
  near(await dueIn(await leadWith(workspaceId, ages, 2)), 20_000)
  near(await dueIn(await leadWith(workspaceId, ages, 1)), -10_000)
  const covered = await readWindow(database, await leadWith(workspaceId, ages, 4), defaults)
  assert.is(covered?.covered, true)
})

test('a change without a new message waits for nothing', async () => {
  const workspaceId = await workspaceWith(20_000, 60_000)
  assert.is(
    await dueIn(await insertLead(database, { workspaceId, messageSeq: 1, scoredSeq: 0 })),
    0,
  )
})

test('a lead is unscored since its first message that no score covers', async () => {
  const workspaceId = await workspaceWith(20_000, 60_000)
  for (const [scoredSeq, sinceMs] of [90_000, 70_000, 30_000].entries()) {
    const leadId = await leadWith(workspaceId, [90_000, 70_000, 30_000], scoredSeq)
    const forMs = (await readWindow(database, leadId, defaults))?.unscoredForMs ?? 0
    assert.ok(forMs >= sinceMs && forMs < sinceMs + PASSES_MS, `${forMs} ms, not ${sinceMs}`)
  }
})

test.run()
