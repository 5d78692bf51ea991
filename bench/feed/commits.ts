/**
 * What the feed costs those who score: commits per second of 32 writers in the process of the feed,
 * with clients that follow every workspace and with none.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ClientCommands } from './clients.ts'
import type { FeedServerCommands } from './feed-server.ts'
import type { Remote } from './process.ts'

const WRITERS = 32

export interface CommitRound {
  withClients: number
  without: number
}

export async function commitRound(
  server: Remote<FeedServerCommands>,
  clients: Remote<ClientCommands>,
  of: { url: string; headers: Record<string, string>[]; count: number; ms: number },
): Promise<CommitRound> {
  const { url, headers, count, ms } = of
  const without = await server.call('commit', { writers: WRITERS, ms })
  await clients.call('connect', { url, headers, count, subscribe: true })
  await delay(200)
  await clients.call('reset', { latency: false })
  const withClients = await server.call('commit', { writers: WRITERS, ms })
  await delay(500)
  const { events, open } = await clients.call('tally')
  await clients.call('close')
  // Each workspace has the same number of clients, so this many events were due.
  const due = (withClients * count) / headers.length
  if (open < count || Math.abs(events - due) > due / 50) {
    throw new Error(`${events} events of ${due}, ${open} clients left`)
  }
  return { withClients, without }
}
