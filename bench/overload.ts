/**
 * `npm run bench:overload` (nine minutes; `-- --quick` five): what the service does with more than it can
 * take, and whether work that waits for a model slows its webhooks. The real service as a process, the
 * load from a process of its own, offered in an open loop: it does not wait for answers.
 *
 * 1. Capacity: 256 connections, as fast as they are answered.
 * 2. Two and three times that for some seconds; then at once half of it, until nothing is refused.
 * 3. 200 requests a second, with nothing to do and beside 100,000 scoring jobs whose model is down.
 */
import { readFileSync } from 'node:fs'
import CliTable from 'cli-table3'
import { v7 as uuidv7 } from 'uuid'
import { openDatabase } from '../src/database.ts'
import { openJobs } from '../src/jobs.ts'
import { silentLog } from '../test/support/database.ts'
import { freePort } from '../test/support/postgres.ts'
import { newDataDir, prepare, removeDir, type Storage, startOn } from './growth/prepare.ts'
import type { Contender } from './ingest/contenders.ts'
import { median } from './ingest/figures.ts'
import { startLoad } from './ingest/load-process.ts'
import { openPlace } from './ingest/place.ts'

const quick = process.argv.includes('--quick')
const SECONDS = quick ? 5 : 10
const BACKLOG = quick ? 20_000 : 100_000
const FACTORS = [2, 3]
const CONNECTIONS = 1024
const CALM_RATE = 200
const CALM_ROUNDS = 3
/** Idle and beside the backlog by turns: the machine is not as fast in one minute as in the next. */
const CALM_TURNS = 2
const say = (figures: object) => void process.stdout.write(`${JSON.stringify(figures)}\n`)
const tenth = (value: number) => Math.round(value * 10) / 10

const load = await startLoad({ requests: quick ? 120_000 : 300_000, leads: 20_000 })
const place = await openPlace()
const dirs: string[] = []
try {
  const rows: Overload[] = []
  for (const storage of ['postgres', 'pglite']) {
    rows.push(...(await overload(storage, await newStorage(`overload_${storage}`, storage))))
    const idle = await newStorage(`idle_${storage}`, storage)
    say(await besideBacklog(storage, idle, await newStorage(`backlog_${storage}`, storage)))
  }
  printTable(rows)
} finally {
  load.stop()
  await place.stop()
  for (const dir of dirs) removeDir(dir)
}
process.exit(0)

interface Overload {
  storage: string
  capacityRps: number
  offeredRps: number
  acceptedRps: number
  refusedShare: number
  acceptedP99Ms: number
  refusedP99Ms: number
  /** Of these, what the load itself came late: it shares the machine's cores. */
  loadLateP99Ms: number
  /** Refusals without a Retry-After. */
  refusedBare: number
  /** After the overload, until the last refusal of half the capacity. */
  recoveredMs: number
  rssMb: number | null
}

async function overload(storage: string, on: Storage): Promise<Overload[]> {
  const service = await startOn(storage, on)
  try {
    const closed = { connections: 256, rate: null, warmUpMs: 3000, measuredMs: SECONDS * 500 }
    const capacity = (await load.send(service, closed)).rps
    const rows: Overload[] = []
    for (const factor of FACTORS) {
      const rate = Math.round(capacity * factor)
      const how = { connections: CONNECTIONS, warmUpMs: 1000, measuredMs: SECONDS * 1000 }
      const over = await load.send(service, { ...how, rate })
      const after = await load.send(service, {
        ...{ connections: 256, rate: Math.round(capacity / 2) },
        ...{ warmUpMs: 0, measuredMs: 3000 },
      })
      const all = Object.values(over.statuses).reduce((sum, n) => sum + n, 0)
      const row: Overload = {
        storage,
        capacityRps: Math.round(capacity),
        offeredRps: rate,
        acceptedRps: Math.round(over.rps),
        refusedShare: Math.round((1 - (over.statuses[200] ?? 0) / all) * 100) / 100,
        acceptedP99Ms: Math.round(over.p99Ms),
        refusedP99Ms: Math.round(over.refusedP99Ms),
        loadLateP99Ms: Math.round(over.loadLateP99Ms),
        refusedBare: over.refusedBare,
        recoveredMs: Math.round(after.lastRefusedMs),
        rssMb: rssOf(service),
      }
      rows.push(row)
      say(row)
    }
    return rows
  } finally {
    await service.stop()
  }
}

interface Calm {
  storage: string
  idleP99Ms: number
  besideBacklogP99Ms: number
  ratio: number
  /** Scoring jobs that were left after the last round. */
  waiting: number
}

async function besideBacklog(storage: string, idleOn: Storage, on: Storage): Promise<Calm> {
  const env = {
    ROLE: 'all',
    OPENAI_API_KEY: 'nobody-listens',
    OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1`,
  }
  const p99sOn = async (its: Storage) => {
    const service = await startOn(storage, its, env)
    try {
      const how = { connections: 64, rate: CALM_RATE, warmUpMs: 2000, measuredMs: SECONDS * 1000 }
      const p99s: number[] = []
      for (let n = 0; n < CALM_ROUNDS; n++) p99s.push((await load.send(service, how)).p99Ms)
      return p99s
    } finally {
      await service.stop()
    }
  }
  await prepare(on, null, { client: null, say: () => {} })
  await addBacklog(on)
  const idleP99s: number[] = []
  const besideP99s: number[] = []
  for (let turn = 0; turn < CALM_TURNS; turn++) {
    idleP99s.push(...(await p99sOn(idleOn)))
    besideP99s.push(...(await p99sOn(on)))
  }
  const idle = median(idleP99s)
  const beside = median(besideP99s)
  return {
    storage,
    idleP99Ms: tenth(idle),
    besideBacklogP99Ms: tenth(beside),
    ratio: Math.round((beside / idle) * 100) / 100,
    waiting: await waiting(on),
  }
}

/** Leads with one message that no score covers, each with its scoring job. */
async function addBacklog(on: Storage): Promise<void> {
  const database = await openDatabase({ ...on, log: silentLog })
  const jobs = openJobs(database, silentLog)
  await jobs.start()
  const [workspace] = await database.query<{ id: string }>('select id from workspace limit 1')
  const workspaceId = workspace?.id ?? ''
  for (let done = 0; done < BACKLOG; done += 1000) {
    const ids = Array.from({ length: 1000 }, () => uuidv7())
    await database.query(
      `insert into lead (id, workspace_id, first_name, message_seq, channels, last_channel,
         last_inbound_at)
       select id, $2::uuid, 'Dana', 1, '{email}', 'email', now() from unnest($1::uuid[]) as id`,
      [ids, workspaceId],
    )
    await database.query(
      `insert into message (id, workspace_id, lead_id, channel, provider, direction, kind,
         dedupe_key, body, sent_at, seq)
       select gen_random_uuid(), $2::uuid, id, 'email', 'generic', 'inbound', 'text',
         'backlog ' || id, 'What does it cost?', now(), 1
       from unnest($1::uuid[]) as id`,
      [ids, workspaceId],
    )
    await jobs.sendScoring(
      database,
      ids.map((leadId) => ({ workspaceId, leadId })),
    )
  }
  await jobs.stop()
  await database.close()
}

async function waiting(on: Storage): Promise<number> {
  const database = await openDatabase({ ...on, log: silentLog })
  const [row] = await database.query<{ n: unknown }>(
    `select count(*) as n from pgboss.job
     where name = 'LEAD_SCORING_POST_PROCESS' and state in ('created', 'retry', 'active')`,
  )
  await database.close()
  return Number(row?.n)
}

async function newStorage(name: string, storage: string): Promise<Storage> {
  if (storage === 'postgres') {
    return { databaseUrl: (await place.createDatabase(name)).url, dataDir: '' }
  }
  const dataDir = newDataDir()
  dirs.push(dataDir)
  return { databaseUrl: null, dataDir }
}

/** The most it ever was; null where the system does not say. */
function rssOf({ child }: Contender): number | null {
  try {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024)
  } catch {
    return null
  }
}

function printTable(rows: Overload[]): void {
  const table = new CliTable({
    head: [
      'storage',
      'offered /s',
      'accepted /s',
      'refused',
      'p99 ms',
      'refused p99',
      'load late p99',
      'recovered ms',
      'MB',
    ],
    style: { head: [], border: [] },
  })
  for (const row of rows) {
    table.push([
      ...[row.storage, row.offeredRps, row.acceptedRps, `${Math.round(row.refusedShare * 100)} %`],
      ...[
        row.acceptedP99Ms,
        row.refusedP99Ms,
        row.loadLateP99Ms,
        row.recoveredMs,
        row.rssMb ?? '–',
      ],
    ])
  }
  process.stdout.write(`${table.toString()}\n`)
}
