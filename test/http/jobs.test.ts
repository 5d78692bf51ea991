import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { type QueueName, SCORING_QUEUE } from '../../src/job-queues.ts'
import type { ClaimedJob, PostProcessData } from '../../src/jobs.ts'
import { ADMIN_TOKEN, CRON_SECRET, type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { storage } from '../support/database.ts'
import { insertLead } from '../support/lead-rows.ts'
import { assertLockOrder } from '../support/lock-order.ts'
import { suite } from '../support/suite.ts'

const SMS = 'SMS_INBOUND_POST_PROCESS'
const test = suite('jobs over HTTP')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>
test.before(async () => {
  api = await testApi()
  workspace = await testWorkspace(api, 'Jobs')
})
test.before.each(async () => {
  await api.database.query('delete from pgboss.job')
  await api.database.query('delete from lead')
})
test.after(() => api.close())

const lead = () =>
  insertLead(api.database, { workspaceId: workspace.id, messageSeq: 1, scoredSeq: 0 })
const insertSms = async (leadId: string) => {
  const messageId = uuidv7()
  const job: PostProcessData = { workspaceId: workspace.id, leadId, messageId }
  await api.database.transaction((tx) =>
    api.jobs.insertPostProcess(tx, [{ ...job, channel: 'sms' }]),
  )
  return messageId
}
const sendScoring = (leadId: string) =>
  api.jobs.sendScoring(api.database, [{ workspaceId: workspace.id, leadId }])
const fetchOne = async (queue: QueueName) => (await api.jobs.fetch(queue, 1))[0] as ClaimedJob
const failFor = async (queue: QueueName, reason: string) =>
  api.jobs.fail(await fetchOne(queue), reason, { terminal: true })
const park = (leadId: string) =>
  api.database.query(
    `update lead set parked_at = now(), scoring_error = 'gave up' where id = $1::uuid`,
    [leadId],
  )
const call = (method: string, path: string, body?: unknown) =>
  api.call(method, `/api/v1/jobs${path}`, { token: workspace.tokens.admin, body })
const list = async (query = '') => {
  const { status, body, text } = await call('GET', query)
  assert.is(status, 200, text)
  return body.items as Record<string, unknown>[]
}
const isParked = async (leadId: string) => {
  const [row] = await api.database.query<{ parked: boolean }>(
    `select parked_at is not null as parked from lead where id = $1::uuid`,
    [leadId],
  )
  return row?.parked
}

test('jobs of every state are listed, newest first, and by each filter', async () => {
  const [one, two] = [await lead(), await lead()]
  const failed = await insertSms(one)
  await failFor(SMS, 'a bug 42')
  const retrying = await insertSms(one)
  await api.jobs.fail(await fetchOne(SMS), 'another one')
  const active = await insertSms(two)
  await fetchOne(SMS)
  await sendScoring(one)
  await api.jobs.complete(api.database, await fetchOne(SCORING_QUEUE))
  await sendScoring(two)

  const items = await list()
  const state = (item: Record<string, unknown>) => item.state
  assert.equal(items.map(state).sort(), ['active', 'completed', 'failed', 'retrying', 'waiting'])
  const times = items.map(({ createdAt }) => String(createdAt))
  // The failed one stands where it failed, which was before the others were made.
  assert.equal(times, [...times].sort().reverse())
  assert.equal((await list(`?type=${SMS}`)).map(state).sort(), ['active', 'failed', 'retrying'])
  assert.equal(
    (await list('?state=waiting')).map(({ leadId }) => leadId),
    [two],
  )
  assert.equal((await list(`?leadId=${two}`)).map(state).sort(), ['active', 'waiting'])
  const [dead] = await list('?error=BUG')
  assert.is(dead?.type, SMS)
  assert.is(dead?.messageId, failed)
  assert.is(dead?.error, 'a bug 42')
  assert.is(dead?.attempts, 1)
  assert.ok(dead?.endedAt)
  assert.equal(
    (await list('?state=retrying')).map(({ messageId }) => messageId),
    [retrying],
  )
  assert.equal(
    (await list('?state=active')).map(({ messageId }) => messageId),
    [active],
  )
})

test('pages tell every job once', async () => {
  for (let n = 0; n < 7; n++) await insertSms(await lead())
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const { body } = await call('GET', `?limit=3${cursor ? `&cursor=${cursor}` : ''}`)
    seen.push(...body.items.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
  } while (cursor)
  assert.is(seen.length, 7)
  assert.is(new Set(seen).size, 7)
})

test('figures count by type and state, and failures by error', async () => {
  const one = await lead()
  for (const reason of ['a bug', 'a bug', 'else']) {
    await insertSms(one)
    await failFor(SMS, reason)
  }
  await sendScoring(one)
  await api.jobs.complete(api.database, await fetchOne(SCORING_QUEUE))
  await insertSms(one)
  const { status, body } = await call('GET', '/stats')
  assert.is(status, 200)
  const counts = body.counts.map(({ type, state, count, oldestAgeMs }: Record<string, unknown>) => {
    assert.ok(Number(oldestAgeMs) >= 0)
    return [type, state, count]
  })
  assert.equal(counts, [
    [SCORING_QUEUE, 'completed', 1],
    [SMS, 'waiting', 1],
    [SMS, 'failed', 3],
  ])
  assert.equal(
    body.failures.map(({ error, count }: Record<string, unknown>) => [error, count]),
    [
      ['a bug', 2],
      ['else', 1],
    ],
  )
  assert.equal(
    body.throughput.map(({ type, completed }: Record<string, unknown>) => [type, completed]),
    [[SCORING_QUEUE, 1]],
  )
  assert.is(body.bucketMinutes, 5)
})

test('a failed job that is retried is due again with all its attempts, and its lead unparked', async () => {
  const one = await lead()
  const messageId = await insertSms(one)
  await failFor(SMS, 'a bug')
  await park(one)
  const [dead] = await list('?state=failed')
  assert.is((await call('POST', `/${dead?.id}/retry`)).status, 202)
  assert.is(await isParked(one), false)
  assert.equal(
    (await list()).map(({ state }) => state),
    ['waiting'],
  )
  const job = await fetchOne(SMS)
  assert.equal([job.id, job.attempt], [messageId, 0])
  const active = await call('POST', `/${job.id}/retry`)
  assert.is(active.status, 409)
  assert.is(active.body.detail, 'The job is active')
  assert.is((await call('POST', `/${uuidv7()}/retry`)).status, 404)
})

test('a job that waits for its backoff is due at once', async () => {
  await insertSms(await lead())
  await api.jobs.fail(await fetchOne(SMS), 'no luck')
  assert.equal(await api.jobs.fetch(SMS, 1), [])
  const [job] = await list('?state=retrying')
  assert.is((await call('POST', `/${job?.id}/retry`)).status, 202)
  assert.is((await fetchOne(SMS)).id, job?.id)
})

test('a redrive brings failed jobs and parked leads back, of one type if it is named', async () => {
  const [one, two, three] = [await lead(), await lead(), await lead()]
  await insertSms(one)
  await failFor(SMS, 'a bug')
  await sendScoring(two)
  await failFor(SCORING_QUEUE, 'refused')
  for (const each of [one, two, three]) await park(each)
  const parked = await call('GET', '/parked')
  assert.equal(
    parked.body.items.map(({ error }: { error: string }) => error),
    ['gave up', 'gave up', 'gave up'],
  )
  const some = await call('POST', '/redrive', { type: SMS })
  assert.equal([some.status, some.body], [202, { jobs: 1, leads: 1 }])
  assert.is(await isParked(two), true)
  const rest = await call('POST', '/redrive')
  assert.equal(rest.body, { jobs: 1, leads: 2 })
  assert.equal((await call('GET', '/parked')).body.items, [])
  assert.equal((await list('?state=failed')).length, 0)
  const due = await api.jobs.fetch(SCORING_QUEUE, 10)
  assert.equal(due.map(({ data }) => data.leadId).sort(), [two, three].sort())
})

test('a redrive of one error leaves the other failures where they are', async () => {
  const [one, two, three] = [await lead(), await lead(), await lead()]
  for (const [leadId, reason] of [
    [one, 'a bug'],
    [two, 'else'],
  ] as const) {
    await sendScoring(leadId)
    await failFor(SCORING_QUEUE, reason)
  }
  for (const each of [one, two, three]) await park(each)
  const answer = await call('POST', '/redrive', { type: SCORING_QUEUE, error: 'a bug' })
  assert.equal(answer.body, { jobs: 1, leads: 1 })
  assert.equal(
    (await list('?state=failed')).map(({ error }) => error),
    ['else'],
  )
  assert.equal(await Promise.all([one, two, three].map(isParked)), [false, true, true])
  const refused = await call('POST', '/redrive', { error: 'gave up' })
  assert.equal(
    refused.body,
    { jobs: 0, leads: 2 },
    'parked leads by the reason that stands on them',
  )
})

if (storage === 'postgres') {
  test('a redrive never deadlocks with the ingest that writes the same leads', async () => {
    const leads = [await lead(), await lead()]
    for (const each of leads.toReversed()) {
      await sendScoring(each)
      await failFor(SCORING_QUEUE, 'refused')
      await park(each)
    }
    await assertLockOrder(api.database, leads, () => call('POST', '/redrive'))
    assert.equal(await Promise.all(leads.map(isParked)), [false, false])
  })
}

test('a redrive of an error that no text of the database can be finds nothing', async () => {
  const answer = await call('POST', '/redrive', { error: 'a\u0000bug' })
  assert.equal([answer.status, answer.body], [202, { jobs: 0, leads: 0 }])
})

test('ages tell how old the oldest unfinished job was, bucket by bucket', async () => {
  const one = await lead()
  await insertSms(one)
  await sendScoring(one)
  await api.jobs.complete(api.database, await fetchOne(SCORING_QUEUE))
  await api.database.query(
    `update pgboss.job set created_on = now() - interval '40 minutes',
       completed_on = case when completed_on is not null then now() - interval '30 minutes' end`,
  )
  const { body } = await call('GET', '/stats?bucketMinutes=10')
  type Age = { type: string; from: string; oldestMs: number }
  const agesOf = (wanted: string) =>
    (body.ages as Age[])
      .filter(({ type }) => type === wanted)
      .map(({ oldestMs }) => Math.round(oldestMs / 60_000))
  const waiting = agesOf(SMS)
  assert.is(waiting.at(-1), 40, 'it still waits')
  assert.equal(
    waiting,
    [...waiting].sort((a, b) => a - b),
  )
  assert.is(agesOf(SCORING_QUEUE).at(-1), 10, 'it was done after ten minutes')
})

test('who only reads cannot retry or redrive', async () => {
  const token = workspace.tokens.viewer
  assert.is((await api.call('POST', '/api/v1/jobs/redrive', { token })).status, 403)
  assert.is((await api.call('POST', `/api/v1/jobs/${uuidv7()}/retry`, { token })).status, 403)
  assert.is((await api.call('GET', '/api/v1/jobs', { token })).status, 200)
})

test('a wrong filter names what it takes', async () => {
  const { status, body } = await call('GET', '?state=broken')
  assert.is(status, 400)
  assert.match(body.errors[0].message, 'takes one of waiting, retrying')
})

const drain = (token: string | null, query = '') =>
  api.call('POST', `/api/v1/jobs/drain${query}`, { token })

test('a drain is for the instance admin and the bearer of CRON_SECRET', async () => {
  const answer = { processed: 3, failed: 1, remaining: 2 }
  for (const token of [CRON_SECRET, ADMIN_TOKEN]) {
    const { status, body, headers } = await drain(token, '?budgetMs=5000')
    assert.is(status, 200)
    assert.equal(body, answer)
    assert.is(headers['cache-control'], 'no-store')
  }
  assert.equal(api.calls.drained.splice(0), [5000, 5000])
  for (const token of [null, `${CRON_SECRET}x`, 'no-token-of-ours']) {
    assert.is((await drain(token)).status, 401)
  }
  for (const token of Object.values(workspace.tokens)) assert.is((await drain(token)).status, 403)
  assert.equal(api.calls.drained, [])
  // Only what a person did.
  assert.equal(
    await api.database.query(`select actor, detail from audit_event where action = 'job.drain'`),
    [{ actor: 'instance-admin', detail: { budgetMs: 5000, ...answer } }],
  )
})

test('CRON_SECRET opens the drain and nothing else', async () => {
  assert.is((await api.call('GET', '/api/v1/jobs', { token: CRON_SECRET })).status, 401)
})

test('a drain takes a budget that it can keep, and one call at a time', async () => {
  await drain(CRON_SECRET)
  assert.equal(api.calls.drained.splice(0), [240_000])
  for (const wrong of ['999', '240001', '5e3x', '1.5', '']) {
    const { status, body } = await drain(CRON_SECRET, `?budgetMs=${wrong}`)
    assert.is(status, 400, wrong)
    const takes = 'takes a whole number from 1000 to 240000'
    assert.equal(body.errors, [{ field: 'budgetMs', message: takes }])
  }
  api.answers.drain = null
  const { status, body } = await drain(CRON_SECRET)
  assert.is(status, 409)
  assert.match(body.detail, 'under way')
})

test.run()
