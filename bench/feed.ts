/**
 * `npm run bench:feed`: how fast scores reach clients and what the feed costs. Prints each table as
 * soon as it is measured and last of all one JSON line; what was left out is null there.
 *
 *   npm run bench:feed                                  five rounds of each, about five minutes
 *   npm run bench:feed -- --quick                       at most two minutes
 *   npm run bench:feed -- --only throughput,commits     only these
 */
import { Command, InvalidArgumentError } from 'commander'
import { openDatabase } from '../src/database.ts'
import { silentLog } from '../test/support/database.ts'
import type { BareServerCommands } from './feed/bare-server.ts'
import type { ClientCommands } from './feed/clients.ts'
import { type CommitRound, commitRound } from './feed/commits.ts'
import type { FeedServerCommands } from './feed/feed-server.ts'
import { measureLatency, measureMemory, withService } from './feed/latency.ts'
import { startProcess } from './feed/process.ts'
import {
  commitsLine,
  figuresOf,
  latencyTable,
  type Measured,
  stalledLine,
  type ThroughputRounds,
  throughputTable,
} from './feed/report.ts'
import { framesOf, type Target } from './feed/scores.ts'
import { stalledRow } from './feed/stalled.ts'
import { bareRound, EVENTS_PER_FRAME, feedRound } from './feed/throughput.ts'
import { openPlace } from './ingest/place.ts'

const parts = ['latency', 'memory', 'throughput', 'commits', 'stalled'] as const
type Part = (typeof parts)[number]

const partsOf = (text: string): Part[] => {
  const asked = text.split(',') as Part[]
  if (asked.every((part) => parts.includes(part))) return asked
  throw new InvalidArgumentError(`takes of ${parts.join(', ')}, separated by commas`)
}
const { quick, only } = new Command('npm run bench:feed --')
  .option('--quick', 'at most two minutes')
  .option('--only <parts>', `of ${parts.join(', ')}`, partsOf, [...parts])
  .parse()
  .opts<{ quick?: true; only: Part[] }>()
const plan = quick
  ? { rounds: 3, latencyMs: 4000, windows: 80, connections: 2000, commitMs: 1500, stalledMs: 3000 }
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
/** How far it is, for those who watch. */
const at = (step: string) => void process.stderr.write(`${step}\n`)
const has = (...some: Part[]) => some.some((part) => only.includes(part))

const place = await openPlace()
const clients = startProcess<ClientCommands>('clients.ts')
const feed = startProcess<FeedServerCommands>('feed-server.ts')
const bare = startProcess<BareServerCommands>('bare-server.ts')
const measured: Measured = { latency: [], memory: null, rounds: null, commits: [] }
try {
  if (has('latency', 'memory')) await throughService()
  if (has('throughput', 'commits', 'stalled')) await besideService()
  say(JSON.stringify(figuresOf(measured)))
} finally {
  for (const child of [clients, feed, bare]) child.stop()
  await place.stop()
}
process.exit(0)

async function throughService(): Promise<void> {
  if (has('latency')) {
    at('latency')
    const { url } = await place.createDatabase('latency')
    measured.latency = await withService(url, (service, admin) =>
      measureLatency(service, clients, { ...admin, counts: [1, 100, 1000], ms: plan.latencyMs }),
    )
    say(latencyTable(measured.latency))
  }
  if (!has('memory')) return
  at('memory')
  const { connections } = plan
  // A service of its own: one that had a thousand clients keeps room for as many.
  const { url } = await place.createDatabase('memory')
  measured.memory = await withService(url, (service, admin) =>
    measureMemory(service, clients, { ...admin, connections }),
  )
  say(`memory: ${measured.memory.kbPerConnection} KB for each of ${connections} idle connections`)
}

async function besideService(): Promise<void> {
  const { url: databaseUrl, client: sql } = await place.createDatabase('feed')
  // One workspace for events in bulk, apart from those that are scored.
  const workspaces = WORKSPACES + 1
  const { url, ids, leadIds, headers } = await feed.call('start', { databaseUrl, workspaces })
  const target: Target = { id: ids.at(-1) as string, leadIds: leadIds.at(-1) as string[] }
  const bulk = { url, headers: headers.at(-1) as Record<string, string>, target, sql }
  if (has('throughput')) {
    measured.rounds = await throughput(databaseUrl, bulk)
    say(throughputTable(measured.rounds))
  }
  if (has('commits')) {
    const of = { url, headers: headers.slice(0, -1), count: COMMIT_CLIENTS, ms: plan.commitMs }
    measured.commits = await commits(of)
    say(commitsLine(measured.commits, of))
  }
  if (!has('stalled')) return
  at('stalled clients')
  const of = { ...bulk, count: 20, stalled: 10, ms: plan.stalledMs }
  say(stalledLine(await stalledRow(feed, clients, of)))
}

async function throughput(
  databaseUrl: string,
  bulk: Parameters<typeof feedRound>[2],
): Promise<ThroughputRounds> {
  at('throughput')
  const { url } = await bare.call('start')
  const { windows } = plan
  const bed = { clients, count: CLIENTS, windows }
  const few = { ...bed, count: SINGLE_CLIENTS }
  const rounds: ThroughputRounds = { feed: [], bare: [], prepared: [], single: [] }
  // The first makes the events that the others broadcast, and warms the server.
  await feedRound(bed, feed, bulk)
  const batched = await eventsOf(databaseUrl, bulk.target.id, EVENTS_PER_FRAME, windows + 1)
  const each = await eventsOf(databaseUrl, bulk.target.id, 1, (windows + 1) * EVENTS_PER_FRAME)
  const one = { url, frames: batched, framesPerWindow: 1 }
  const many = { url, frames: each, framesPerWindow: EVENTS_PER_FRAME, prepared: false }
  for (let done = 0; done < plan.rounds; done++) {
    rounds.feed.push(await feedRound(bed, feed, bulk))
    rounds.bare.push(await bareRound(bed, bare, { ...one, prepared: false }))
    rounds.prepared.push(await bareRound(bed, bare, { ...one, prepared: true }))
    rounds.single.push(await bareRound(few, bare, many))
    const last = Object.entries(rounds).map(([name, all]) => `${name} ${all.at(-1)?.perCoreSecond}`)
    at(`throughput, round ${done + 1}: ${last.join(', ')}`)
  }
  return rounds
}

async function commits(of: Parameters<typeof commitRound>[2]): Promise<CommitRound[]> {
  at('commits')
  const rounds: CommitRound[] = []
  await feed.call('commit', { writers: 32, ms: of.ms })
  for (let done = 0; done < plan.rounds; done++) {
    const round = await commitRound(feed, clients, of)
    rounds.push(round)
    at(`commits, round ${done + 1}: ${JSON.stringify(round)}`)
  }
  return rounds
}

async function eventsOf(databaseUrl: string, id: string, perFrame: number, count: number) {
  const database = await openDatabase({ databaseUrl, dataDir: '', log: silentLog, poolMax: 1 })
  try {
    return await framesOf(database, id, perFrame, count)
  } finally {
    await database.close()
  }
}
