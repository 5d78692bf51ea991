/**
 * Events per second of the server's processor time: the feed (reads from PostgreSQL, encodes, sends
 * in batches), a bare `ws` broadcast of the same frames, and one send per event. Clients and the
 * writer are other processes, and a round counts only when every client got every event.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import type { BareServerCommands } from './bare-server.ts'
import type { ClientCommands } from './clients.ts'
import type { FeedServerCommands } from './feed-server.ts'
import type { Remote } from './process.ts'
import { commitEvents, type Target } from './scores.ts'

/** In a window of 25 ms, i.e. 640 scores a second in one workspace. */
export const EVENTS_PER_FRAME = 16
const WINDOW_MS = 25

export interface Round {
  /** Events taken by clients per second of processor time of the server. */
  perCoreSecond: number
  /** Of the time measured. */
  coresUsed: number
}

interface Bed {
  clients: Remote<ClientCommands>
  count: number
  windows: number
}

/** The feed's own server, told of each commit as of one of its own. */
export async function feedRound(
  bed: Bed,
  server: Remote<FeedServerCommands>,
  of: { url: string; headers: Record<string, string>; target: Target; sql: Client },
): Promise<Round> {
  const { clients, count, windows } = bed
  const { url, headers, target, sql } = of
  await clients.call('connect', { url, headers: [headers], count, subscribe: true })
  const window = async () => {
    const last = await commitEvents(sql, target, EVENTS_PER_FRAME)
    await server.call('wake', { id: target.id })
    return last
  }
  await clients.call('reached', { seq: await window() })
  return measured(bed, server, windows, window)
}

/** `frames` hold the numbers from 1 on. */
export async function bareRound(
  bed: Bed,
  server: Remote<BareServerCommands>,
  of: { url: string; frames: string[]; framesPerWindow: number; prepared: boolean },
): Promise<Round> {
  const { clients, count } = bed
  const { url, frames, framesPerWindow, prepared } = of
  await clients.call('connect', { url, headers: [{}], count, subscribe: false })
  const windows = Math.floor(frames.length / framesPerWindow) - 1
  let next = 0
  const window = async () => {
    const some = frames.slice(next, next + framesPerWindow)
    next += framesPerWindow
    await server.call('broadcast', { frames: some, prepared })
    return Number(/"to":(\d+)/.exec(some.at(-1) ?? '')?.[1])
  }
  await clients.call('reached', { seq: await window() })
  return measured(bed, server, windows, window)
}

async function measured(
  { clients, count }: Bed,
  server: Remote<{ cpuMs(): number }>,
  windows: number,
  window: () => Promise<number>,
): Promise<Round> {
  await clients.call('reset', { latency: false })
  const cpuBefore = await server.call('cpuMs')
  const began = performance.now()
  let last = 0
  for (let done = 0; done < windows; done++) {
    last = await window()
    const dueAt = began + (done + 1) * WINDOW_MS
    await delay(Math.max(0, dueAt - performance.now()))
  }
  await clients.call('reached', { seq: last })
  const wallMs = performance.now() - began
  const cpu = (await server.call('cpuMs')) - cpuBefore
  const { events, merged, open } = await clients.call('tally')
  await clients.call('close')
  if (merged > 0 || open < count) throw new Error(`${merged} events merged, ${open} clients left`)
  return { perCoreSecond: Math.round(events / (cpu / 1000)), coresUsed: cpu / wallMs }
}
