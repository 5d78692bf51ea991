/**
 * How much a workspace with a large backlog delays another one: `npm run bench:fairness` (`-- --quick`
 * with a tenth of the backlog). The real service, a model that takes 400 ms and eight calls at once;
 * sentiment is asked for, too. A quiet workspace sends one reply every few seconds, alone and then
 * while the other has ten thousand leads waiting; the time counts from sending the reply to its score.
 * Prints a table and one JSON line; goal: the ratio of the medians is at most 1.5.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Table from 'cli-table3'
import { fakeOpenAi } from '../test/support/fake-openai.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { type Service, startService } from '../test/support/service.ts'

const quick = process.argv.includes('--quick')
const BACKLOG = quick ? 1000 : 10_000
const PROBES = quick ? 8 : 15
/** Apart, so that a probe meets no other; not in step with the service's polls. */
const PROBE_EVERY_MS = 1370
const LATENCY_MS = 400
const SENDERS = 64
const PROBE_LIMIT_MS = 120_000

interface Times {
  p50: number
  p95: number
}
interface Row {
  storage: string
  alone: Times
  beside: Times
  /** Jobs of the busy workspace that were not done after the last probe. */
  left: number
}

async function main(): Promise<void> {
  const server = await startPostgres()
  const rows: Row[] = []
  try {
    rows.push(await measure('postgres', { DATABASE_URL: server.url }))
    rows.push(await measure('pglite', {}))
  } finally {
    await server.stop()
  }
  const table = new Table({
    style: { head: [], border: [] },
    head: ['storage', 'alone p50', 'p95', 'beside a backlog p50', 'p95', 'ratio', 'still waiting'],
  })
  for (const { storage, alone, beside, left } of rows) {
    const times = [alone.p50, alone.p95, beside.p50, beside.p95].map((ms) => `${Math.round(ms)} ms`)
    table.push([storage, ...times, ratio({ alone, beside }), left])
  }
  const [postgres, pglite] = rows as [Row, Row]
  const figures = {
    backlog: BACKLOG,
    postgresRatio: ratio(postgres),
    pgliteRatio: ratio(pglite),
    postgresRatioP95: round(postgres.beside.p95 / postgres.alone.p95),
    pgliteRatioP95: round(pglite.beside.p95 / pglite.alone.p95),
  }
  process.stdout.write(`${table.toString()}\n${JSON.stringify(figures)}\n`)
  // Without a backlog at the last probe nothing was shown.
  if (rows.some(({ left }) => left === 0)) process.exitCode = 1
}

const round = (value: number) => Number(value.toFixed(2))
const ratio = ({ alone, beside }: Pick<Row, 'alone' | 'beside'>) => round(beside.p50 / alone.p50)

async function measure(storage: string, place: NodeJS.ProcessEnv): Promise<Row> {
  const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-fairness-'))
  const fake = await fakeOpenAi({ latencyMs: LATENCY_MS })
  const service = await startService({
    ...place,
    DATA_DIR: dataDir,
    OPENAI_API_KEY: fake.apiKey,
    OPENAI_BASE_URL: fake.url,
    LLM_CONCURRENCY: '8',
    LOG_LEVEL: 'silent',
  })
  try {
    const busy = service.webhooks.email ?? ''
    const quiet = await quietWorkspace(service)
    const alone = await probe(quiet, 'alone')
    await flood(busy)
    const beside = await probe(quiet, 'beside')
    return { storage, alone, beside, left: await waiting(service) }
  } finally {
    await service.end('SIGKILL')
    await fake.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

interface Quiet {
  webhook: string
  isScored(email: string): Promise<boolean>
}

async function quietWorkspace(service: Service): Promise<Quiet> {
  const { id } = await service.api<{ id: string }>('POST', '/api/v1/workspaces', { name: 'Quiet' })
  const headers = {
    authorization: `Bearer ${service.adminToken}`,
    'content-type': 'application/json',
    'x-workspace-id': id,
  }
  const made = await fetch(`${service.url}/api/v1/connections`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ channel: 'email', provider: 'generic', name: 'Probe' }),
  })
  const { webhookUrl } = (await made.json()) as { webhookUrl: string }
  return {
    webhook: webhookUrl,
    async isScored(email) {
      const query = `score=1plus&q=${encodeURIComponent(email)}`
      const answer = await fetch(`${service.url}/api/v1/leads?${query}`, { headers })
      return ((await answer.json()) as { items: unknown[] }).items.length > 0
    },
  }
}

async function probe({ webhook, isScored }: Quiet, name: string): Promise<Times> {
  const times: number[] = []
  const runs = Array.from({ length: PROBES }, async (_, nth) => {
    await delay(nth * PROBE_EVERY_MS)
    const email = `${name}-${nth}@quiet.example`
    const from = performance.now()
    await send(webhook, email)
    while (!(await isScored(email))) {
      if (performance.now() - from > PROBE_LIMIT_MS) throw new Error(`${email}: no score`)
      await delay(20)
    }
    times.push(performance.now() - from)
  })
  await Promise.all(runs)
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.ceil(times.length * share) - 1] ?? 0
  return { p50: at(0.5), p95: at(0.95) }
}

async function flood(webhook: string): Promise<void> {
  let next = 0
  const sender = async () => {
    while (next < BACKLOG) await send(webhook, `busy-${next++}@busy.example`)
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
}

async function send(webhook: string, email: string): Promise<void> {
  const body = JSON.stringify({
    externalId: email,
    body: 'Could you send me the prices for 40 seats?',
    lead: { email },
  })
  for (;;) {
    const { status } = await fetch(webhook, { method: 'POST', body })
    if (status === 200) return
    if (status !== 503) throw new Error(`${email}: answered ${status}`)
    await delay(200)
  }
}

/** Jobs of the busy workspace, which is the token's own, that are not done. */
async function waiting(service: Service): Promise<number> {
  const { counts } = await service.api<{ counts: { state: string; count: number }[] }>(
    'GET',
    '/api/v1/jobs/stats',
  )
  return counts.filter(({ state }) => state !== 'failed').reduce((sum, { count }) => sum + count, 0)
}

await main()
