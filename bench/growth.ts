/**
 * `npm run bench:growth`: what a year of work costs. Fills a PostgreSQL with a million leads and ten
 * million messages (half an hour and 12 GB) and a PGlite with a twentieth, starts the service upon
 * each, and measures storing against an empty database in the same run, reading, and pruning.
 *
 *   npm run bench:growth -- --leads 100000 --messages 1000000
 *   npm run bench:growth -- --quick              20,000 and 100,000, and less on PGlite
 *   npm run bench:growth -- --on URL             on a server of yours, in the database of that name,
 *                                                which is filled unless an earlier run has done it
 */
import { totalmem } from 'node:os'
import CliTable from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import { Client } from 'pg'
import type { Sql } from '../src/domain/sql.ts'
import { startPostgres } from '../test/support/postgres.ts'
import {
  acquaint,
  type Growing,
  newDataDir,
  prepare,
  removeDir,
  type Size,
  type Storage,
  scatter,
  startOn,
} from './growth/prepare.ts'
import { measurePruning } from './growth/pruning.ts'
import { leadPaths, listPaths, otherPaths, type Read, timed } from './growth/reads.ts'
import { median, play } from './ingest/figures.ts'
import { startLoad } from './ingest/load-process.ts'

const count = (text: string) => {
  const n = Number(text.replaceAll('_', ''))
  if (!Number.isInteger(n) || n < 1000) {
    throw new InvalidArgumentError('takes a whole number of at least 1000')
  }
  return n
}
const options = new Command()
  .option('--leads <n>', 'leads on PostgreSQL', count, 1_000_000)
  .option('--messages <n>', 'their messages', count, 10_000_000)
  .option('--quick', 'a few minutes')
  .option('--on <url>', 'an empty database of your own server, or one that an earlier run filled')
  .option('--only <storage>', 'postgres or pglite')
  .parse()
  .opts<{ leads: number; messages: number; quick?: true; on?: string; only?: string }>()
const quick = options.quick === true
const size: Size = quick
  ? { leads: 20_000, messages: 100_000, longConversation: 5000 }
  : { leads: options.leads, messages: options.messages, longConversation: 5000 }
/** PGlite fills ten times as slowly, and is meant for less. */
const PGLITE_SHARE = quick ? 4 : 20
const PEOPLE = 10_000
const plan = { rounds: 5, warmUpMs: 500, measuredMs: quick ? 1000 : 4000 }
/** A quarter of the memory, as PostgreSQL's manual advises; a million leads and their indexes take 2 GB. */
const BUFFERS_MB = Math.floor(totalmem() / 4 / 2 ** 20)
const SETTINGS = [
  ...[`shared_buffers=${BUFFERS_MB}MB`, 'max_wal_size=16GB', 'checkpoint_timeout=30min'],
  'maintenance_work_mem=512MB',
]
const say = (what: string) => void process.stderr.write(`${new Date().toISOString()} ${what}\n`)

const load = await startLoad({ requests: quick ? 60_000 : 200_000, leads: PEOPLE })
try {
  if (options.only !== 'pglite') await onPostgres()
  if (options.only !== 'postgres') await onPglite()
} finally {
  load.stop()
}
process.exit(0)

async function onPostgres(): Promise<void> {
  const server = options.on ? null : await startPostgres(SETTINGS)
  const url = options.on ?? server?.url ?? ''
  const client = await connected(url)
  await client.query('drop database if exists growth_empty with (force)')
  await client.query('create database growth_empty')
  const empty: Storage = { databaseUrl: withName(url, 'growth_empty'), dataDir: '' }
  const full: Storage = { databaseUrl: url, dataDir: '' }
  const sql = sqlOn(client)
  try {
    if (!(await isFull(sql))) {
      await prepare(full, size, { client: sql, say })
      await sql.query('create table growth_bench_filled ()')
    }
    await prepare(empty, null, { client: null, say })
    await measure('postgres', { full, empty, sql, size })
  } finally {
    await client.end()
    await server?.stop()
  }
}

/** A fill is many transactions: only one that came to its end counts. */
async function isFull(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ table: string | null }>(
    "select to_regclass('growth_bench_filled') as table",
  )
  return row?.table != null
}

async function onPglite(): Promise<void> {
  const [full, empty] = [newDataDir(), newDataDir()].map((dataDir) => ({
    databaseUrl: null,
    dataDir,
  })) as [Storage, Storage]
  const smaller = {
    leads: Math.ceil(size.leads / PGLITE_SHARE),
    messages: Math.ceil(size.messages / PGLITE_SHARE),
    longConversation: size.longConversation,
  }
  try {
    await prepare(full, smaller, { client: null, say })
    await prepare(empty, null, { client: null, say })
    await measure('pglite', { full, empty, sql: null, size: smaller })
  } finally {
    for (const { dataDir } of [full, empty]) removeDir(dataDir)
  }
}

async function measure(
  storage: string,
  on: { full: Storage; empty: Storage; sql: Sql | null; size: Size },
): Promise<void> {
  say(`${storage}: starting the service on both`)
  const since = new Date()
  const services = [await startOn('full', on.full), await startOn('empty', on.empty)] as const
  const [full] = services
  try {
    for (const service of services) await acquaint(load, service, quick ? 4 : 15)
    if (on.sql) {
      // The service remembers no lead, so they may be moved under it.
      await scatter(on.sql, since)
      await on.sql.query('checkpoint')
    }
    say('storing, by turns')
    const matches = services.map((contender) => ({ contender, connections: 256, rate: null }))
    const [ours, theirs] = await play(load, matches, plan)
    const share = (ours?.rps ?? 0) / (theirs?.rps ?? 1)
    say('reading')
    const lists = await timed(full, listPaths())
    const lead = await timed(full, leadPaths(await longest(full)))
    const others = await timed(full, otherPaths)
    printTable('slowest lead lists', worst(lists, 15))
    printTable('a lead with 5,000 messages', lead)
    printTable('other routes', worst(others, others.length))
    say('pruning')
    const pruned = on.sql ? await measurePruning(on.full, full, load, quick ? 4 : 15) : null
    const isSearch = ({ path }: Read) => path.includes('q=')
    const figures = {
      storage,
      ...on.size,
      fullRps: ours?.rps,
      emptyRps: theirs?.rps,
      fullOfEmpty: Math.round(share * 100) / 100,
      lists: summary(lists.filter((each) => !isSearch(each))),
      searches: summary(lists.filter(isSearch)),
      leadMs: tenth(lead.reduce((sum, each) => sum + each.medianMs, 0)),
      jobStatsMs: tenth(others.find(({ path }) => path.endsWith('/stats'))?.medianMs),
      pruning: pruned && Object.fromEntries(Object.entries(pruned).map(([k, v]) => [k, tenth(v)])),
    }
    process.stdout.write(`${JSON.stringify(figures)}\n`)
  } finally {
    for (const service of services) await service.stop()
  }
}

/** The lead whose conversation has no end. */
async function longest(service: Growing): Promise<string> {
  const { text } = await service.get('/api/v1/leads?q=person.0%40company&limit=1')
  return JSON.parse(text).items[0].id
}

function summary(reads: Read[]) {
  const took = reads.map(({ medianMs }) => medianMs)
  return {
    count: reads.length,
    medianMs: tenth(median(took)),
    slowestMs: tenth(Math.max(...took)),
    over50Ms: took.filter((ms) => ms > 50).length,
  }
}

function worst(reads: Read[], n: number): Read[] {
  return reads.toSorted((a, b) => b.medianMs - a.medianMs).slice(0, n)
}
function tenth(value: number | undefined): number {
  return Math.round((value ?? 0) * 10) / 10
}

function printTable(title: string, reads: Read[]): void {
  const table = new CliTable({
    head: [title, 'median ms', 'slowest ms'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const { path, medianMs, maxMs } of reads) table.push([path, tenth(medianMs), tenth(maxMs)])
  process.stdout.write(`${table.toString()}\n`)
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

function sqlOn(client: Client): Sql {
  return {
    query: async <Row>(text: string, params?: unknown[]) =>
      (await client.query(text, params)).rows as Row[],
  }
}

function withName(url: string, name: string): string {
  const made = new URL(url)
  made.pathname = `/${name}`
  return made.href
}
