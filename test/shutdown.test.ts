import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { openDatabase } from '../src/database.ts'
import { FEED_PROTOCOL } from '../src/domain/feed-protocol.ts'
import { silentLog, type TestStorage, testStorage } from './support/database.ts'
import { type FakeCall, type FakeOpenAi, fakeOpenAi } from './support/fake-openai.ts'
import { type Service, startService } from './support/service.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

/** The ordered stop may take 25 s, and the calls in flight 15 s of it. */
const test = suite('stopping the process')
let place: TestStorage
let fake: FakeOpenAi
let service: Service
let letGo: () => void
/** Resolves when the scorer has asked; the calls before it are answered at once. */
let scoringAsked: Promise<void>
test.before.each(async () => {
  place = await testStorage()
  fake = await fakeOpenAi()
  const { promise: held, resolve } = Promise.withResolvers<void>()
  letGo = resolve
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>()
  scoringAsked = asked
  fake.respondWith(async (call) => {
    if (!isScoring(call)) return undefined
    onAsked()
    await held
    return undefined
  })
  service = await startService({
    DATA_DIR: place.dataDir,
    SCORING_QUIET_MS: '20',
    SCORING_MAX_WAIT_MS: '100',
    OPENAI_API_KEY: fake.apiKey,
    OPENAI_BASE_URL: fake.url,
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
  })
})
test.after.each(async () => {
  if (service.child.exitCode === null) await service.end('SIGKILL')
  await fake.close()
  await place.remove()
})

const isScoring = ({ request }: FakeCall) => request.text?.format?.name === 'lead_score'

async function post(externalId: string): Promise<number> {
  const { status } = await fetch(service.webhooks.email ?? '', {
    method: 'POST',
    body: JSON.stringify({
      externalId,
      body: 'How much?',
      lead: { email: `${externalId}@x.example` },
    }),
  })
  return status
}

async function afterwards<Row>(text: string): Promise<Row[]> {
  const database = await openDatabase({ ...place, log: silentLog })
  return database.query<Row>(text).finally(database.close)
}
const leadsSql = 'select overall_score, message_seq - scored_seq as owed, scoring_error from lead'
const jobsSql = `select state, retry_count from pgboss.job where name = 'LEAD_SCORING_POST_PROCESS'`

test('a call in flight is waited for, its score is stored, the feed is told to come back', async () => {
  const feed = new WebSocket(`${service.url.replace('http', 'ws')}/api/v1/feed/ws`, FEED_PROTOCOL, {
    headers: { authorization: `Bearer ${service.adminToken}` },
  })
  const closed = once(feed, 'close')
  await once(feed, 'message')
  feed.send(JSON.stringify({ type: 'subscribe' }))
  assert.is(await post('waited-for'), 200)
  await scoringAsked
  const ended = service.end('SIGTERM')
  // Nobody new is let in, while the call goes on.
  await until(
    () => post('too-late').catch(() => 'refused'),
    (answer) => answer === 'refused',
  )
  assert.is(fake.inFlight(), 1)
  letGo()
  assert.is(await ended, 0)
  const [code, reason] = (await closed) as [number, Buffer]
  assert.is(code, 4212)
  assert.type(JSON.parse(reason.toString()).retryMs, 'number')
  // A message that came in just before the port was left may have been scored as well.
  const [lead] = await afterwards<{ overall_score: unknown; owed: unknown }>(
    `${leadsSql} where id in (select lead_id from lead_identity where value = 'waited-for@x.example')`,
  )
  assert.type(lead?.overall_score, 'number')
  assert.is(Number(lead?.owed), 0)
})

test('a call that does not end is aborted and its job given back, no attempt spent', async () => {
  assert.is(await post('given-back'), 200)
  await scoringAsked
  // Code 1 would mean: not stopped within 25 s.
  assert.is(await service.end('SIGTERM'), 0, service.output())
  assert.is(fake.calls.find(isScoring)?.abandoned, true)
  const jobs = await afterwards<{ state: string; retry_count: unknown }>(jobsSql)
  assert.equal(
    jobs.map(({ state, retry_count }) => [state, Number(retry_count)]),
    [['created', 0]],
  )
  const [lead] = await afterwards<{ owed: unknown; scoring_error: unknown }>(leadsSql)
  assert.is(Number(lead?.owed), 1)
  assert.is(lead?.scoring_error, null)
})

test('a second signal ends it at once', async () => {
  assert.is(await post('impatient'), 200)
  await scoringAsked
  const ended = service.end('SIGINT')
  await until(
    async () => service.output(),
    (text) => text.includes('"stopping"'),
  )
  service.child.kill('SIGINT')
  assert.is(await ended, 1)
})

test.run()
