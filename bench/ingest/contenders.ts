/** The contenders as processes: Leadpulse itself, started as anyone starts it, and the peers. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FormatName, formatNames } from '../../src/simulate/payloads/format.ts'
import { formats } from '../../src/simulate/payloads/formats.ts'
import { startService } from '../../test/support/service.ts'
import type { BenchDatabase, Place } from './place.ts'

export interface Contender {
  name: string
  port: number
  paths: Record<FormatName, string>
  child: ChildProcess
  /** Null: it cannot be emptied from outside, so its rounds go on where the last one ended. */
  empty: (() => Promise<void>) | null
  /** Rows that must be there after a round of so many accepted requests; null: it stores nothing. */
  stored: (() => Promise<number>) | null
  stop(): Promise<void>
}

export type PeerKind = 'pgboss' | 'graphile' | 'http'

/** Everything that ingest fills; workspace and connections stay. */
const TABLES = ['message', 'lead_identity', 'lead', 'pgboss.job']
const PEER_TABLES = ['peer_message', 'peer_lead', 'peer_boss.job', 'graphile_worker._private_jobs']

/** `web`: it takes webhooks and runs no jobs, as the peers do. */
export async function leadpulse(
  place: Place,
  env: NodeJS.ProcessEnv = {},
): Promise<Contender & { database: BenchDatabase }> {
  const database = await place.createDatabase('bench_leadpulse')
  const started = await startLeadpulse({ DATABASE_URL: database.url, ROLE: 'web', ...env })
  return {
    ...started,
    name: 'leadpulse',
    database,
    empty: () => database.empty(TABLES),
    stored: () => countOf(database, 'message'),
  }
}

export async function leadpulseOnPglite(): Promise<Contender> {
  const started = await startLeadpulse({ ROLE: 'web' })
  return { ...started, name: 'pglite', empty: null, stored: null }
}

/** With `ADMIN_TOKEN` also on a database that has a workspace already. */
export async function startLeadpulse(env: NodeJS.ProcessEnv) {
  const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-bench-'))
  const all = { DATA_DIR: dataDir, LOG_LEVEL: 'warn', ...env }
  const service = await startService(all, env.ADMIN_TOKEN)
  const paths: Partial<Record<FormatName, string>> = {}
  for (const name of formatNames) {
    const { channel, provider } = formats[name]
    const made = await service.api<{ webhookUrl: string }>('POST', '/api/v1/connections', {
      channel,
      provider,
      name: `bench ${name}`,
    })
    paths[name] = new URL(made.webhookUrl).pathname
  }
  return {
    port: Number(new URL(service.url).port),
    paths: paths as Record<FormatName, string>,
    child: service.child,
    service,
    async stop() {
      await service.end('SIGTERM')
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

export async function peer(place: Place, kind: PeerKind): Promise<Contender> {
  const database = await place.createDatabase(`bench_${kind}`)
  const child = fork(join(import.meta.dirname, 'peer.ts'), [kind], {
    env: { ...process.env, DATABASE_URL: database.url },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const { port, paths } = await new Promise<Pick<Contender, 'port' | 'paths'>>(
    (resolve, reject) => {
      child.once('message', (message) => resolve(message as Pick<Contender, 'port' | 'paths'>))
      child.once('exit', (code) => reject(new Error(`peer ${kind} ended with ${code}`)))
    },
  )
  return {
    name: kind,
    port,
    paths,
    child,
    empty: () => database.empty(PEER_TABLES),
    stored: kind === 'http' ? null : () => countOf(database, 'peer_message'),
    async stop() {
      child.kill('SIGKILL')
    },
  }
}

async function countOf(database: BenchDatabase, table: string): Promise<number> {
  const { rows } = await database.client.query<{ n: string }>(`select count(*) as n from ${table}`)
  return Number(rows[0]?.n)
}
