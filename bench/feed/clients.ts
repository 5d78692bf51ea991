/**
 * Feed clients in a process of their own: bare `ws` sockets that look only at what is measured, so
 * that the clients cost as little as they can. Each checks that no frame is missing.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { serve } from './process.ts'

interface Client {
  socket: WebSocket
  /** Number of the last event; -1 before the first frame. */
  last: number
}

let clients: Client[] = []
let stalled: WebSocket[] = []
let events = 0
let frames = 0
let merged = 0
let latencies: number[] | null = null
/** Any gap makes every figure worthless. */
let broken: string | null = null

const RANGE = /^\{"type":"scores","from":(\d+),"to":(\d+)(?:,"merged":(\d+))?/
const STAMP = '"scoredAt":"'
const STAMP_LENGTH = 24
const OPEN_AT_ONCE = 50

function onMessage(client: Client, data: Buffer): void {
  const range = RANGE.exec(data.toString('latin1', 0, 96))
  if (!range) return
  const [from, to] = [Number(range[1]), Number(range[2])]
  if (client.last >= 0 && from !== client.last + 1) broken ??= `${from} after ${client.last}`
  client.last = to
  frames += 1
  events += to - from + 1
  merged += Number(range[3] ?? 0)
  if (latencies) addLatencies(latencies, data)
}

/** From the start of the transaction that scored, by the clock of the same machine. */
function addLatencies(into: number[], data: Buffer): void {
  const now = performance.timeOrigin + performance.now()
  for (let at = data.indexOf(STAMP); at >= 0; at = data.indexOf(STAMP, at + STAMP_LENGTH)) {
    const start = at + STAMP.length
    into.push(now - Date.parse(data.toString('latin1', start, start + STAMP_LENGTH)))
  }
}

async function open(of: { url: string; headers: Record<string, string>; subscribe: boolean }) {
  const socket = new WebSocket(of.url, ['leadpulse.feed.v1'], {
    headers: of.headers,
    perMessageDeflate: false,
    skipUTF8Validation: true,
  })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => undefined)
  if (of.subscribe) socket.send('{"type":"subscribe"}')
  return socket
}

const commands = {
  async connect(of: {
    url: string
    /** One connection each, in turn. */
    headers: Record<string, string>[]
    count: number
    subscribe: boolean
    stalled?: boolean
  }): Promise<void> {
    for (let done = 0; done < of.count; done += OPEN_AT_ONCE) {
      const some = Array.from({ length: Math.min(OPEN_AT_ONCE, of.count - done) }, (_, index) =>
        open({ ...of, headers: of.headers[(done + index) % of.headers.length] ?? {} }),
      )
      for (const socket of await Promise.all(some)) {
        if (of.stalled) {
          stalled.push(socket)
          // Time for the subscription to be answered, then it takes nothing more.
          socket.once('message', () => socket.pause())
          continue
        }
        const client: Client = { socket, last: -1 }
        socket.on('message', (data: Buffer) => onMessage(client, data))
        clients.push(client)
      }
    }
  },
  /** Counts anew. */
  reset({ latency }: { latency: boolean }): void {
    events = 0
    frames = 0
    merged = 0
    latencies = latency ? [] : null
  },
  tally() {
    if (broken) throw new Error(`frames were missing: ${broken}`)
    latencies?.sort((a, b) => a - b)
    const quantile = (q: number) => latencies?.[Math.floor(latencies.length * q)] ?? null
    const open_ = clients.filter(({ socket }) => socket.readyState === WebSocket.OPEN).length
    return { events, frames, merged, open: open_, p50: quantile(0.5), p99: quantile(0.99) }
  },
  /** Resolves when each client has been told everything up to there. */
  async reached({ seq }: { seq: number }): Promise<void> {
    while (clients.some(({ last }) => last < seq)) await delay(5)
  },
  async close(): Promise<void> {
    const all = [...clients.map(({ socket }) => socket), ...stalled]
    clients = []
    stalled = []
    broken = null
    const ended = all.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const socket of all) socket.terminate()
    await Promise.race([Promise.all(ended), delay(2000)])
  },
}
export type ClientCommands = typeof commands
serve(commands)
