import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { storage, type TestStorage, testStorage } from './support/database.ts'
import { fakeOpenAi } from './support/fake-openai.ts'
import { oldPostgres } from './support/old-postgres.ts'
import { runToEnd, type Service, startService } from './support/service.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

const test = suite('the service as a process')
let place: TestStorage
let env: NodeJS.ProcessEnv
let service: Service
/** Printed by the first start only. */
let webhooks: Service['webhooks']
test.before(async () => {
  place = await testStorage()
  env = {
    DATA_DIR: place.dataDir,
    SCORING_QUIET_MS: '50',
    SCORING_MAX_WAIT_MS: '500',
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
  }
  service = await startService(env)
  webhooks = service.webhooks
})
test.after(async () => {
  if (service.child.exitCode === null) await service.end('SIGKILL')
  await place.remove()
})

interface LeadList {
  items: { id: string; overallScore: number | null; email: string; state: string }[]
}
const leadNamed = (email: string, limitMs?: number) =>
  until(
    () => service.api<LeadList>('GET', `/api/v1/leads?q=${encodeURIComponent(email)}`),
    ({ items }) => items.some(({ overallScore }) => overallScore !== null),
    limitMs,
  )

async function post(url: string, body: string): Promise<Response> {
  return fetch(url, { method: 'POST', body })
}
const message = (email: string, externalId: string) =>
  JSON.stringify({
    externalId,
    body: 'Sounds great, can we talk Thursday? What is the price?',
    lead: { email },
  })

test('the first start prints the dashboard URL and one webhook URL per channel, once', () => {
  assert.match(service.output(), /#token=lp_/)
  assert.equal(Object.keys(service.webhooks), [
    'email',
    'sms',
    'linkedin',
    'smartlead',
    'instantly',
  ])
  assert.is(statSync(join(place.dataDir, 'admin-token')).mode & 0o777, 0o600)
})

test('a reply on each channel becomes a score', async () => {
  for (const [channel, url] of Object.entries(service.webhooks)) {
    const response = await post(url, message(`${channel}@x.example`, 'first'))
    assert.is(response.status, 200)
    assert.is(((await response.json()) as { status: string }).status, 'accepted')
  }
  for (const channel of Object.keys(service.webhooks)) {
    const { items } = await leadNamed(`${channel}@x.example`)
    assert.is(items[0]?.overallScore, 3)
  }
})

test('a second process on the same embedded database is refused in one line', async () => {
  if (storage === 'postgres') return
  const { code, output } = await runToEnd({ ...env, PORT: '0' })
  assert.is(code, 1)
  assert.match(output, /^leadpulse: DATA_DIR: .* is in use by another Leadpulse process.*\n$/)
})

test('a taken port is one line and exit code 1, and the next start greets like the first', async () => {
  const own = await testStorage()
  const data = {
    DATA_DIR: own.dataDir,
    LOG_LEVEL: 'silent',
    ...(own.databaseUrl && { DATABASE_URL: own.databaseUrl }),
  }
  const port = new URL(service.url).port
  const { code, output } = await runToEnd({ ...data, PORT: port })
  assert.is(code, 1)
  assert.is(output, `leadpulse: PORT: ${port} is taken on 127.0.0.1, takes a free port\n`)
  const next = await startService(data)
  assert.match(next.output(), /#token=lp_/)
  assert.is(Object.keys(next.webhooks).length, 5)
  await next.end('SIGTERM')
  await own.remove()
})

test('a kept secret that was cut is one line', async () => {
  const data = mkdtempSync(join(tmpdir(), 'leadpulse-cut-'))
  writeFileSync(join(data, 'admin-token'), '\n')
  const { code, output } = await runToEnd({ DATA_DIR: data, PORT: '0', LOG_LEVEL: 'silent' })
  rmSync(data, { recursive: true })
  assert.is(code, 1)
  assert.match(
    output,
    /^leadpulse: DATA_DIR: \S+admin-token holds 0 characters, takes at least 32: .*\n$/,
  )
})

test('kill -9 loses nothing: the next start scores what was acknowledged', async () => {
  const { email } = webhooks
  const response = await post(email ?? '', message('killed@x.example', 'before the kill'))
  assert.is(response.status, 200)
  await service.end('SIGKILL')
  service = await startService(env, service.adminToken)
  assert.not.match(service.output(), /#token=/, 'the token is printed once')
  // On PostgreSQL another process might live: claims of the dead run out by their heartbeat first.
  assert.is((await leadNamed('killed@x.example', 45_000)).items.length, 1)
  const again = await post(
    `${service.url}${new URL(email ?? '').pathname}`,
    message('killed@x.example', 'before the kill'),
  )
  assert.is(((await again.json()) as { status: string }).status, 'duplicate')
})

test('with a key the model scores, and every call is accounted for', async () => {
  const fake = await fakeOpenAi()
  await service.end('SIGTERM')
  const key = { OPENAI_API_KEY: fake.apiKey, OPENAI_BASE_URL: fake.url }
  service = await startService({ ...env, ...key }, service.adminToken)
  try {
    const status = await service.api<{ scorer: string; rulesOnly: boolean }>(
      'GET',
      '/api/v1/status',
    )
    assert.is(status.rulesOnly, false)
    const { pathname } = new URL(webhooks.email ?? '')
    await post(`${service.url}${pathname}`, message('model@x.example', 'asked'))
    const { items } = await leadNamed('model@x.example')
    assert.is(items.find(({ email }) => email === 'model@x.example')?.state, 'scored')
    assert.equal(
      fake.calls.map(({ request }) => request.text?.format?.name),
      ['message_sentiment', 'lead_score'],
    )
    assert.equal(fake.breaches, [])
  } finally {
    await fake.close()
  }
})

test('SIGTERM ends it with code 0', async () => {
  assert.is(await service.end('SIGTERM'), 0)
})

test('wrong values: one line each with name, what it got and what it takes', async () => {
  const { code, output } = await runToEnd({ PORT: 'abc', LLM_CONCURRENCY: '0', SECRETS_KEY: 'shh' })
  assert.is(code, 1)
  assert.equal(output.trim().split('\n').sort(), [
    'leadpulse: LLM_CONCURRENCY: got "0", takes a whole number from 1 to 1000',
    'leadpulse: PORT: got "abc", takes a whole number from 0 to 65535',
    'leadpulse: SECRETS_KEY: got a value not shown here, takes 32 bytes as 64 hexadecimal digits or base64',
  ])
})

test('a data directory that cannot be written is one line', async () => {
  const home = mkdtempSync(join(tmpdir(), 'leadpulse-unwritable-'))
  // A file where a directory must go: that stops root, too.
  writeFileSync(join(home, 'file'), '')
  const { code, output } = await runToEnd({ DATA_DIR: join(home, 'file', 'data') })
  rmSync(home, { recursive: true })
  assert.is(code, 1)
  assert.match(
    output,
    /^leadpulse: DATA_DIR: cannot write to .* \(ENOTDIR\); takes a directory .*\n$/,
  )
})

test('a database that does not answer is one line', async () => {
  const home = mkdtempSync(join(tmpdir(), 'leadpulse-away-'))
  const { code, output } = await runToEnd({
    DATA_DIR: home,
    DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none',
  })
  rmSync(home, { recursive: true })
  assert.is(code, 1)
  assert.is(output, 'leadpulse: DATABASE_URL: cannot connect to the database (ECONNREFUSED)\n')
})

test('a database that is too old is one line', async () => {
  const home = mkdtempSync(join(tmpdir(), 'leadpulse-old-'))
  mkdirSync(home, { recursive: true })
  const server: Server = await oldPostgres()
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const { code, output } = await runToEnd({
    DATA_DIR: home,
    DATABASE_URL: `postgres://u@127.0.0.1:${port}/d`,
  })
  server.close()
  rmSync(home, { recursive: true })
  assert.is(code, 1)
  assert.is(output, 'leadpulse: DATABASE_URL: the server is PostgreSQL 13, takes 14 or newer\n')
})

test.run()
