/**
 * An upgrade under load: a database of the previous migration level, with data, is taken over by
 * processes of this version (two at once on PostgreSQL) while senders keep coming. Nothing that was
 * there and nothing that was acknowledged is lost, and all of it is scored.
 */
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { openDatabase } from '../src/database.ts'
import { silentLog, type TestStorage, testStorage } from './support/database.ts'
import { type Service, startService } from './support/service.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

const test = suite('upgrade', 600_000)
let place: TestStorage
test.before(async () => {
  place = await testStorage()
})
test.after(() => place.remove())

const OLD = 10
const NEW = 40

interface Lead {
  overallScore: number | null
  messageSeq: number
  scoredSeq: number
}
const leads = async (service: Service) =>
  (await service.api<{ items: Lead[] }>('GET', '/api/v1/leads?limit=200')).items
const allScored = (count: number) => (rows: Lead[]) =>
  rows.length === count && rows.every(({ scoredSeq, messageSeq }) => scoredSeq === messageSeq)

/** As senders do: refused or not answered, they come again. */
async function send(webhook: string, n: number): Promise<void> {
  const lead = { email: `p${n}@harlow.example` }
  const body = JSON.stringify({ externalId: `m${n}`, body: 'What does it cost?', lead })
  for (;;) {
    const status = await fetch(webhook, { method: 'POST', body }).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) return
    await delay(20)
  }
}

test('the previous level with data is upgraded while webhooks come', async () => {
  const env = {
    DATA_DIR: place.dataDir,
    SCORING_QUIET_MS: '0',
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
  }
  const before = await startService(env)
  const path = new URL(before.webhooks.email ?? '').pathname
  for (let n = 0; n < OLD; n++) await send(before.url + path, n)
  await until(() => leads(before), allScored(OLD), 60_000)
  await before.end('SIGTERM')
  await backOneLevel()

  const port = await freePort()
  const webhook = `http://127.0.0.1:${port}${path}`
  // They come before anybody is there.
  const senders = Array.from({ length: NEW }, (_, n) => send(webhook, OLD + n))
  const start = (more: NodeJS.ProcessEnv) => startService({ ...env, ...more }, before.adminToken)
  const services = await Promise.all([
    start({ PORT: String(port) }),
    ...(place.databaseUrl ? [start({ ROLE: 'worker' })] : []),
  ])
  await Promise.all(senders)
  const [first] = services as [Service]
  await until(() => leads(first), allScored(OLD + NEW), 120_000)
  const rows = await leads(first)
  assert.ok(rows.every(({ overallScore, messageSeq }) => overallScore !== null && messageSeq === 1))
  await Promise.all(services.map((service) => service.end('SIGTERM')))
})

/** Opening it migrates; nothing is new, so that changes nothing. */
async function backOneLevel(): Promise<void> {
  const database = await openDatabase({ ...place, log: silentLog })
  const [down] = await database.orm.migrator.down()
  assert.ok(down, 'there was a level to go back')
  await database.close()
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

test.run()
