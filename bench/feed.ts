/**
 * `npm run bench:feed`: how fast scores reach clients and what the feed costs. Prints tables and last
 * of all one JSON line.
 *
 *   npm run bench:feed               five rounds of each, about five minutes
 *   npm run bench:feed -- --quick    at most two minutes
 */
import Table from 'cli-table3'
import { Command } from 'commander'
import { openDatabase } from '../src/database.ts'
import { silentLog } from '../test/support/database.ts'
import type { BareServerCommands } from './feed/bare-server.ts'
import type { ClientCommands } from './feed/clients.ts'
import { commitRound } from './feed/commits.ts'
import type { FeedServerCommands } from './feed/feed-server.ts'
import { type LatencyRow, measureLatency, measureMemory, withService } from './feed/latency.ts'
import { startProcess } from './feed/process.ts'
import { framesOf } from './feed/scores.ts'
import { type StalledRow, stalledRow } from './feed/stalled.ts'
import { bareRound, EVENTS_PER_FRAME, feedRound, type Round } from './feed/throughput.ts'
import { median } from './ingest/figures.ts'
import { openPlace, type Place } from './ingest/place.ts'

const { quick } = new Command()
  .option('--quick', 'at most two minutes')
  .parse()
  .opts<{ quick?: true }>()
const plan = quick
  ? { rounds: 3, latencyMs: 4000, windows: 100, connections: 2000, commitMs: 1500, stalledMs: 3000 }
  : {
      rounds: 5,
      latencyMs: 15_000,
      windows: 240,
      connections: 5000,
      commitMs: 4000,
      stalledMs: 10_000,
    }

/** Clients of the throughput rounds; a send per event has fewer, or the client process would be full. */
const CLIENTS = 500
const SINGLE_CLIENTS = 50
const WORKSPACES = 8
const COMMIT_CLIENTS = 80

const say = (line: string) => void process.stdout.write(`${line}\n`)
/** Where it is, for those who watch; the figures go to stdout. */
const at = (step: string) => void process.stderr.write(`${step}\n`)
const place = await openPlace()
const clients = startProcess<ClientCommands>('clients.ts')
const feed = startProcess<FeedServerCommands>('feed-server.ts')
const bare = startProcess<BareServerCommands>('bare-server.ts')
try {
  const served = await throughService(place)
  const { rounds, commits, stalled } = await beside(place)
  say(latencyTable(served.latency))
  say(throughputTable(rounds))
  const commitsRatio = ratioOf(commits.map(({ withClients, without }) => withClients / without))
  const perSecond = (of: 'withClients' | 'without') =>
    Math.round(median(commits.map((round) => round[of])) / (plan.commitMs / 1000))
  say(
    `commits/s: ${perSecond('without')} without clients, ${perSecond('withClients')} with ${COMMIT_CLIENTS}`,
  )
  say(
    `memory: ${served.memory.kbPerConnection} KB for each of ${served.memory.connections} idle connections`,
  )
  say(stalledLine(stalled))
  const many = served.latency.at(-1) as LatencyRow
  say(
    JSON.stringify({
      p50Ms: many.p50Ms,
      p99Ms: many.p99Ms,
      vsWsBroadcast: round(
        middle(rounds.feed) / Math.max(middle(rounds.bare), middle(rounds.prepared)),
      ),
      batchedVsSingle: round(middle(rounds.feed) / middle(rounds.single)),
      kbPerIdleConnection: served.memory.kbPerConnection,
      commitsRatio,
    }),
  )
} finally {
  for (const child of [clients, feed, bare]) child.stop()
  await place.stop()
}
process.exit(0)

async function throughService(of: Place) {
  const { url: databaseUrl } = await of.createDatabase('service')
  return withService(databaseUrl, async (service, admin) => {
    const counts = [1, 100, 1000]
    at('latency')
    const latency = await measureLatency(service, clients, { ...admin, counts, ms: plan.latencyMs })
    at('memory')
    const memory = await measureMemory(service, clients, {
      ...admin,
      connections: plan.connections,
    })
    return { latency, memory }
  })
}

async function beside(of: Place) {
  const { url: databaseUrl, client: sql } = await of.createDatabase('feed')
  const { url, ids, leadIds, headers } = await feed.call('start', {
    databaseUrl,
    // One for events in bulk, apart from those that are scored.
    workspaces: WORKSPACES + 1,
  })
  const target = { id: ids.at(-1) as string, leadIds: leadIds.at(-1) as string[] }
  const own = { url, headers: headers.at(-1) as Record<string, string>, target, sql }
  const { url: bareUrl } = await bare.call('start')
  const bed = { clients, count: CLIENTS, windows: plan.windows }
  const rounds: Record<'feed' | 'bare' | 'prepared' | 'single', Round[]> = {
    feed: [],
    bare: [],
    prepared: [],
    single: [],
  }
  at('throughput')
  // The first makes the events that the others broadcast.
  await feedRound(bed, feed, own)
  const batched = await eventsOf(databaseUrl, target.id, EVENTS_PER_FRAME, plan.windows + 1)
  const single = await eventsOf(databaseUrl, target.id, 1, (plan.windows + 1) * EVENTS_PER_FRAME)
  const one = { url: bareUrl, frames: batched, framesPerWindow: 1 }
  for (let done = 0; done < plan.rounds; done++) {
    rounds.feed.push(await feedRound(bed, feed, own))
    rounds.bare.push(await bareRound(bed, bare, { ...one, prepared: false }))
    rounds.prepared.push(await bareRound(bed, bare, { ...one, prepared: true }))
    rounds.single.push(
      await bareRound({ ...bed, count: SINGLE_CLIENTS }, bare, {
        url: bareUrl,
        frames: single,
        framesPerWindow: EVENTS_PER_FRAME,
        prepared: false,
      }),
    )
    const last = Object.entries(rounds).map(([name, all]) => `${name} ${all.at(-1)?.perCoreSecond}`)
    at(`throughput, round ${done + 1}: ${last.join(', ')}`)
  }
  at('commits')
  const commits = []
  const sending = { url, headers: headers.slice(0, -1), count: COMMIT_CLIENTS, ms: plan.commitMs }
  for (let done = 0; done < plan.rounds; done++)
    commits.push(await commitRound(feed, clients, sending))
  at('stalled clients')
  const stalled = await stalledRow(feed, clients, {
    ...own,
    count: 20,
    stalled: 10,
    ms: plan.stalledMs,
  })
  return { rounds, commits, stalled }
}

async function eventsOf(databaseUrl: string, id: string, perFrame: number, count: number) {
  const database = await openDatabase({ databaseUrl, dataDir: '', log: silentLog, poolMax: 1 })
  try {
    return await framesOf(database, id, perFrame, count)
  } finally {
    await database.close()
  }
}

function latencyTable(rows: LatencyRow[]): string {
  const table = new Table({
    head: ['clients', 'p50 ms', 'p99 ms', 'scores /s'],
    colAligns: ['right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const { clients: count, p50Ms, p99Ms, eventsPerSecond } of rows) {
    table.push([count, p50Ms, p99Ms, eventsPerSecond])
  }
  return table.toString()
}

function throughputTable(rounds: Record<string, Round[]>): string {
  const names: Record<string, string> = {
    feed: `feed, batches of ${EVENTS_PER_FRAME}`,
    bare: 'bare ws, the same frames as texts',
    prepared: 'bare ws, the same frames as bytes',
    single: 'bare ws, one send per event',
  }
  const table = new Table({
    head: ['server', 'events per core-second', 'cores used'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const [name, all] of Object.entries(rounds)) {
    const cores = median(all.map(({ coresUsed }) => coresUsed))
    table.push([names[name], middle(all), cores.toFixed(2)])
  }
  return table.toString()
}

function stalledLine({ p99Ms, stalled, kbPerStalled, closedAsSlow }: StalledRow): string {
  const [alone, with_] = p99Ms
  return `p99 of clients that take everything: ${alone} ms, beside ${stalled} that take nothing ${with_} ms; each of these ${kbPerStalled} KB at most, ${closedAsSlow} closed as slow`
}

function middle(all: Round[]): number {
  return Math.round(median(all.map(({ perCoreSecond }) => perCoreSecond)))
}

function ratioOf(ratios: number[]): number {
  return round(median(ratios))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
