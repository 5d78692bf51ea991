/** What clients that take nothing cost those that take everything, and the server. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import type { ClientCommands } from './clients.ts'
import type { FeedServerCommands } from './feed-server.ts'
import type { Remote } from './process.ts'
import { commitEvents, type Target } from './scores.ts'

export interface StalledRow {
  /** Of clients that take everything: beside nobody, and beside the stalled ones. */
  p99Ms: [number, number]
  stalled: number
  /** What one of them adds to the memory of the server. */
  kbPerStalled: number
  /** Of them, by the end. */
  closedAsSlow: number
}

interface Bed {
  server: Remote<FeedServerCommands>
  clients: Remote<ClientCommands>
  sql: Client
  target: Target
  ms: number
}

const WINDOW_MS = 25
/** So much that the network between the two is full within a second or two. */
const EVENTS_PER_WINDOW = 200

export async function stalledRow(
  server: Remote<FeedServerCommands>,
  clients: Remote<ClientCommands>,
  of: Omit<Bed, 'server' | 'clients'> & {
    url: string
    headers: Record<string, string>
    count: number
    stalled: number
  },
): Promise<StalledRow> {
  const { url, count, stalled } = of
  const bed = { ...of, server, clients }
  const headers = [of.headers]
  await clients.call('connect', { url, headers, count, subscribe: true })
  await p99During(bed)
  const alone = await p99During(bed)
  const before = await server.call('rssKb')
  await clients.call('connect', { url, headers, count: stalled, subscribe: true, stalled: true })
  const with_ = await p99During(bed)
  const after = await server.call('rssKb')
  const { slowClosed } = await server.call('meters')
  await clients.call('close')
  return {
    p99Ms: [alone, with_],
    stalled,
    kbPerStalled: Math.round((after - before) / stalled),
    closedAsSlow: slowClosed,
  }
}

async function p99During({ server, clients, sql, target, ms }: Bed): Promise<number> {
  await clients.call('reset', { latency: true })
  const began = performance.now()
  let last = 0
  for (let dueAt = began; dueAt < began + ms; dueAt += WINDOW_MS) {
    last = await commitEvents(sql, target, EVENTS_PER_WINDOW)
    await server.call('wake', { id: target.id })
    await delay(Math.max(0, dueAt + WINDOW_MS - performance.now()))
  }
  await clients.call('reached', { seq: last })
  const { p99, merged } = await clients.call('tally')
  if (merged > 0) throw new Error(`${merged} events of clients that take everything were merged`)
  return Math.round((p99 ?? Number.NaN) * 10) / 10
}
