/**
 * Secrets stay where they belong: words that are only in secrets are looked for in everything that
 * the real service prints at its finest level, in every answer, and in every row of the database.
 */
import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { openDatabase } from '../src/database.ts'
import { silentLog, testStorage } from './support/database.ts'
import { dumpAll, tablesWith } from './support/dump.ts'
import { type FakeOpenAi, fakeOpenAi, fault } from './support/fake-openai.ts'
import { type Service, startService } from './support/service.ts'
import { suite } from './support/suite.ts'

const test = suite('secrets', 120_000)
const secret = (name: string) => `canary-${name}-${randomBytes(8).toString('hex')}`
const secrets = {
  admin: secret('admin'),
  cron: secret('cron'),
  metrics: secret('metrics'),
  signing: secret('signing'),
  apiKey: secret('api-key'),
  sealing: randomBytes(32).toString('hex'),
}
/** What people wrote: no secret of ours, but nothing for a log either. */
const MESSAGE_TEXT = 'canarymessagetext'
const answers: string[] = []
let place: Awaited<ReturnType<typeof testStorage>>
let fake: FakeOpenAi
let service: Service

test.before(async () => {
  place = await testStorage()
  fake = await fakeOpenAi()
  service = await startService(
    {
      DATA_DIR: place.dataDir,
      LOG_LEVEL: 'trace',
      SCORING_QUIET_MS: '20',
      ADMIN_TOKEN: secrets.admin,
      CRON_SECRET: secrets.cron,
      METRICS_TOKEN: secrets.metrics,
      SECRETS_KEY: secrets.sealing,
      OPENAI_API_KEY: fake.apiKey,
      OPENAI_BASE_URL: fake.url,
      ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
    },
    secrets.admin,
  )
})
test.after(async () => {
  await fake.close()
  await place.remove()
})

async function ask(path: string, init: RequestInit = {}): Promise<string> {
  const answer = await fetch(`${service.url}${path}`, init)
  const text = await answer.text()
  answers.push(text, JSON.stringify([...answer.headers]))
  return text
}
const as = (token: string) => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
})
const write = (path: string, body: unknown, method = 'POST') =>
  ask(path, { method, headers: as(secrets.admin), body: JSON.stringify(body) })

test('no secret and no message text is printed, answered or stored as it is', async () => {
  const made = await service.api<{ id: string; token: string; webhookUrl: string }>(
    'POST',
    '/api/v1/connections',
    {
      channel: 'email',
      provider: 'generic',
      name: 'Signed',
      signature: { secret: secrets.signing },
    },
  )
  const keyed = {
    channel: 'smartlead',
    provider: 'smartlead',
    name: 'Keyed',
    apiKey: secrets.apiKey,
  }
  await write('/api/v1/connections', keyed)
  const token = await service.api<{ token: string }>('POST', '/api/v1/tokens', {
    name: 'x',
    role: 'viewer',
  })
  const issued = [made.token, token.token, ...Object.values(service.webhooks).map(tokenOf)]
  assert.is(issued.filter((each) => each.startsWith('lp_')).length, issued.length)

  fake.respondWith(({ nth }) => (nth === 1 ? fault.status(500) : fault.status(401)))
  const body = (id: string) =>
    JSON.stringify({
      externalId: id,
      body: `${MESSAGE_TEXT} ${id}`,
      lead: { email: 'a@b.example' },
    })
  await ask(new URL(service.webhooks.email ?? '').pathname, { method: 'POST', body: body('1') })
  await fake.received(1)
  // Wrong in every place where a secret is given.
  await ask(new URL(made.webhookUrl).pathname, { method: 'POST', body: body('2') })
  await ask(new URL(made.webhookUrl).pathname, { method: 'POST', body: `{"${MESSAGE_TEXT}` })
  await ask('/api/v1/leads?limit=x', { headers: as(token.token) })
  await ask(`/api/v1/leads/${token.token}`, { headers: as(token.token) })
  await ask('/api/v1/tokens', { headers: as(token.token) })
  await ask('/api/v1/status', { headers: as(`${secrets.admin}x`) })
  await ask('/api/v1/status', { headers: { authorization: `Basic ${secrets.admin}` } })
  await ask('/metrics', { headers: as(secrets.metrics) })
  await ask('/metrics', { headers: as(secrets.cron) })
  await ask('/api/v1/jobs/drain?budgetMs=x', { method: 'POST', headers: as(secrets.cron) })
  await write('/api/v1/connections', { ...keyed, signature: { secret: secrets.signing }, nope: 1 })
  await write(`/api/v1/connections/${made.id}`, { apiKey: secrets.apiKey, nope: 1 }, 'PATCH')
  await write('/api/v1/settings', { clayWebhookUrl: `http://x/${secrets.signing}` }, 'PUT')
  await ask('/api/v1/connections', { headers: as(secrets.admin) })
  await ask('/health/ready')
  await service.end('SIGTERM')

  // Besides its log it prints the greeting of a first start, which shows the webhook URLs once.
  const logged = service
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
  assert.ok(logged.filter((line) => line.includes('"level":20')).length > 10)
  const words = [...Object.values(secrets), fake.apiKey, ...issued]
  for (const word of words) {
    const name = Object.entries(secrets).find(([, value]) => value === word)?.[0] ?? 'a token'
    assert.is(
      logged.some((line) => line.includes(word)),
      false,
      `${name} in the log`,
    )
    assert.is(
      answers.some((text) => text.includes(word)),
      false,
      `${name} in an answer`,
    )
  }
  assert.is(
    logged.some((line) => line.includes(MESSAGE_TEXT)),
    false,
    'message text in the log',
  )

  const database = await openDatabase({ ...place, log: silentLog })
  const rows = await dumpAll(database)
  await database.close()
  assert.ok(tablesWith(rows, [MESSAGE_TEXT]).includes('public.message'))
  for (const word of words) assert.equal(tablesWith(rows, [word]), [])
})

const tokenOf = (url: string) => url.slice(url.lastIndexOf('/') + 1)

test.run()
