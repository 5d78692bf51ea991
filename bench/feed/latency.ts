/**
 * From the commit of a score to the client, through the whole service: replies by webhook, scored by
 * the rules, told to so many clients of one workspace. The time counts from the start of the
 * transaction that scores, so it is a little longer than from its commit.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Service, startService } from '../../test/support/service.ts'
import type { ClientCommands } from './clients.ts'
import type { Remote } from './process.ts'

export interface LatencyRow {
  clients: number
  p50Ms: number
  p99Ms: number
  eventsPerSecond: number
}

export interface MemoryRow {
  connections: number
  kbPerConnection: number
}

const PER_SECOND = 40
const LEADS = 400
const WARM_UP_MS = 1500
/** V8 takes up what the opening left behind once the process has been idle for some seconds. */
const COLLECTION_MS = 9000

export async function withService<T>(
  databaseUrl: string,
  use: (service: Service, admin: { url: string; headers: Record<string, string>[] }) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-bench-'))
  const service = await startService({
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    SCORING_QUIET_MS: '0',
    LOG_LEVEL: 'silent',
  })
  const url = `${service.url.replace(/^http/, 'ws')}/api/v1/feed/ws`
  try {
    return await use(service, { url, headers: [{ authorization: `Bearer ${service.adminToken}` }] })
  } finally {
    await service.end('SIGTERM')
    rmSync(dataDir, { recursive: true, force: true })
  }
}

export async function measureLatency(
  service: Service,
  clients: Remote<ClientCommands>,
  of: { url: string; headers: Record<string, string>[]; counts: number[]; ms: number },
): Promise<LatencyRow[]> {
  const { url, headers, counts, ms } = of
  const rows: LatencyRow[] = []
  let opened = 0
  for (const count of counts) {
    await clients.call('connect', { url, headers, count: count - opened, subscribe: true })
    opened = count
    const load = sendReplies(service, `l${count}`)
    await delay(WARM_UP_MS)
    await clients.call('reset', { latency: true })
    await delay(ms)
    const { events, p50, p99, merged, open } = await clients.call('tally')
    await load.end()
    if (merged > 0 || open < count) throw new Error(`${merged} events merged, ${open} clients left`)
    rows.push({
      clients: count,
      p50Ms: round(p50 ?? Number.NaN),
      p99Ms: round(p99 ?? Number.NaN),
      eventsPerSecond: Math.round(events / count / (ms / 1000)),
    })
  }
  await clients.call('close')
  return rows
}

/** A fixed rate, whether or not answers come in time. */
function sendReplies(service: Service, name: string) {
  const url = service.webhooks.email as string
  let sent = 0
  const open = new Set<Promise<void>>()
  const timer = setInterval(() => {
    sent += 1
    const body = JSON.stringify({
      externalId: `${name}-${sent}`,
      body: 'Sounds good. Can we talk on Thursday, and what would it cost for 40 seats?',
      lead: { email: `lead-${sent % LEADS}@example.com`, firstName: 'Dana', company: 'Harlow' },
    })
    const headers = { 'content-type': 'application/json' }
    const request = fetch(url, { method: 'POST', headers, body })
      .then((response) => response.text())
      // Told to come later, by a service that a busy machine holds up: one score less.
      .catch(() => undefined)
      .then(() => void open.delete(request))
    open.add(request)
  }, 1000 / PER_SECOND)
  return {
    async end() {
      clearInterval(timer)
      await Promise.all(open)
    },
  }
}

/** What one more subscribed connection adds to the memory of the service. */
export async function measureMemory(
  service: Service,
  clients: Remote<ClientCommands>,
  of: { url: string; headers: Record<string, string>[]; connections: number },
): Promise<MemoryRow> {
  const { url, headers, connections } = of
  // The opening of the first ones makes V8's young generation as large as it gets: some 50 MB that a
  // busy service has anyway, and that do not grow with what stays connected.
  await clients.call('connect', { url, headers, count: connections, subscribe: true })
  await delay(COLLECTION_MS)
  const before = rssKb(service.child.pid as number)
  await clients.call('connect', { url, headers, count: connections, subscribe: true })
  await delay(COLLECTION_MS)
  const after = rssKb(service.child.pid as number)
  const { open } = await clients.call('tally')
  if (open < 2 * connections) throw new Error(`only ${open} connections stayed`)
  await clients.call('close')
  return { connections, kbPerConnection: round((after - before) / connections) }
}

function rssKb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1])
}

const round = (value: number) => Math.round(value * 10) / 10
