/** What the feed bench prints: its tables, and the one line for machines. */
import Table from 'cli-table3'
import { median } from '../ingest/figures.ts'
import type { CommitRound } from './commits.ts'
import type { LatencyRow, MemoryRow } from './latency.ts'
import type { StalledRow } from './stalled.ts'
import { EVENTS_PER_FRAME, type Round } from './throughput.ts'

export type ThroughputRounds = Record<'feed' | 'bare' | 'prepared' | 'single', Round[]>

/** Empty or null: not measured in this run. */
export interface Measured {
  latency: LatencyRow[]
  memory: MemoryRow | null
  rounds: ThroughputRounds | null
  commits: CommitRound[]
}

/** Latency is that of the most clients; the bare server is the faster of the two. */
export function figuresOf({ latency, memory, rounds, commits }: Measured) {
  const many = latency.at(-1)
  const bare = rounds && Math.max(middle(rounds.bare), middle(rounds.prepared))
  return {
    p50Ms: many?.p50Ms ?? null,
    p99Ms: many?.p99Ms ?? null,
    vsWsBroadcast: rounds && bare ? round(middle(rounds.feed) / bare) : null,
    batchedVsSingle: rounds && round(middle(rounds.feed) / middle(rounds.single)),
    kbPerIdleConnection: memory?.kbPerConnection ?? null,
    commitsRatio:
      commits.length > 0
        ? round(median(commits.map(({ withClients, without }) => withClients / without)))
        : null,
  }
}

export function latencyTable(rows: LatencyRow[]): string {
  const table = new Table({
    head: ['clients', 'p50 ms', 'p99 ms', 'scores /s'],
    colAligns: ['right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const { clients, p50Ms, p99Ms, eventsPerSecond } of rows) {
    table.push([clients, p50Ms, p99Ms, eventsPerSecond])
  }
  return table.toString()
}

const servers: Record<keyof ThroughputRounds, string> = {
  feed: `feed, batches of ${EVENTS_PER_FRAME}`,
  bare: 'bare ws, the same frames as texts',
  prepared: 'bare ws, the same frames as bytes',
  single: 'bare ws, one send per event',
}

export function throughputTable(rounds: ThroughputRounds): string {
  const table = new Table({
    head: ['server', 'events per core-second', 'cores used'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const name of Object.keys(servers) as (keyof ThroughputRounds)[]) {
    const cores = median(rounds[name].map(({ coresUsed }) => coresUsed))
    table.push([servers[name], middle(rounds[name]), cores.toFixed(2)])
  }
  return table.toString()
}

export function commitsLine(rounds: CommitRound[], { count, ms }: { count: number; ms: number }) {
  const perSecond = (of: keyof CommitRound) =>
    Math.round(median(rounds.map((each) => each[of])) / (ms / 1000))
  return `commits/s: ${perSecond('without')} without clients, ${perSecond('withClients')} with ${count}`
}

export function stalledLine({ p99Ms, stalled, kbPerStalled, closedAsSlow }: StalledRow): string {
  const [alone, beside] = p99Ms
  return [
    `p99 of clients that take everything: ${alone} ms, beside ${stalled} that take nothing ${beside} ms`,
    `one of these costs the server ${kbPerStalled} KB; ${closedAsSlow} were closed as slow`,
  ].join('\n')
}

function middle(rounds: Round[]): number {
  return Math.round(median(rounds.map(({ perCoreSecond }) => perCoreSecond)))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
