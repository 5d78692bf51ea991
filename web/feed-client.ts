/**
 * A client of the feed that proves what it got: it opens with a ticket, subscribes, resumes from its
 * position after every break, and checks by the watermark that no event was left out or told twice.
 * Where no WebSocket comes through it goes on over server-sent events, from the same position.
 * Knows no framework and no page; runs in browsers and in Node.
 */

import type {
  FeedFilter,
  FeedPosition,
  FeedSocket,
  FeedState,
  FeedViolation,
  Frame,
  HelloFrame,
  ScoresFrame,
  SnapshotFrame,
} from './feed-frames.ts'
import { getTicket, openSse, openWebSocket, Refusal } from './feed-transport.ts'

export interface FeedClientOptions {
  /** e.g. `https://scores.example.com` */
  baseUrl: string
  token(): string
  filter?: FeedFilter
  /** Where to go on from; without it the client starts with what comes next. */
  since?: FeedPosition
  /** Ask for all leads first. After a reset they come in any case. */
  snapshot?: boolean
  onScores(batch: ScoresFrame): void
  onSnapshot?(page: SnapshotFrame): void
  /** The position was not resumable: what is known is stale until the snapshot that follows. */
  onReset?(reason: string): void
  onState?(state: FeedState): void
  onViolation?(violation: FeedViolation): void
  socket?(url: string, protocols: string[]): FeedSocket
  fetch?: typeof fetch
  random?(): number
  backoffMs?: { min: number; max: number }
  connectWithinMs?: number
  /** `auto` tries the WebSocket first and changes over when it does not open. */
  transport?: 'auto' | 'websocket' | 'sse'
}

export interface FeedClient {
  start(): void
  stop(): void
  /** The network is back: waits no longer. */
  reconnectNow(): void
  position(): FeedPosition | null
  /** Events that came only as part of a newer one of their lead, because we were slow. */
  merged(): number
}

const BACKOFF_MS = { min: 500, max: 30_000 }
const CONNECT_WITHIN_MS = 10_000
/** How much later than announced a heartbeat may come. */
const HEARTBEAT_GRACE_MS = 10_000
/** WebSockets in a row that said no hello, before the other transport is tried. */
const SILENT_SOCKETS_MAX = 2

export function feedClient(options: FeedClientOptions): FeedClient {
  const { filter, random = Math.random, backoffMs = BACKOFF_MS } = options
  const isFiltered = filter !== undefined && Object.values(filter).some((part) => part != null)
  let position: FeedPosition | null = options.since ?? null
  let wantsSnapshot = options.snapshot === true && !position
  let socket: FeedSocket | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Raised by each connect and stop: what an earlier connection still does is ignored. */
  let generation = 0
  let failures = 0
  /** In a row, of this transport. */
  let silentSockets = 0
  let overSse = options.transport === 'sse'
  let silenceMs = CONNECT_WITHIN_MS
  let merged = 0
  let state: FeedState = { kind: 'stopped' }

  function enter(next: FeedState): void {
    state = next
    options.onState?.(next)
  }

  function wait(ms: number, then: () => void): void {
    clearTimeout(timer)
    timer = setTimeout(then, ms)
  }

  function drop(): void {
    generation += 1
    clearTimeout(timer)
    const old = socket
    socket = null
    if (!old) return
    old.onmessage = null
    old.onclose = null
    old.close()
  }

  function connect(): void {
    drop()
    const mine = generation
    enter({ kind: 'connecting' })
    wait(options.connectWithinMs ?? CONNECT_WITHIN_MS, () => {
      countSilence()
      retry('no answer in time')
    })
    getTicket(options, options.connectWithinMs ?? CONNECT_WITHIN_MS).then(
      (ticket) => {
        if (mine === generation) open(ticket, mine)
      },
      (error: unknown) => {
        if (mine !== generation) return
        if (error instanceof Refusal) refuse(error.why, error.message)
        else retry(error instanceof Error ? error.message : String(error))
      },
    )
  }

  function open(ticket: string, mine: number): void {
    const opened = overSse
      ? openSse(options, ticket, { since: position, snapshot: wantsSnapshot })
      : openWebSocket(options, ticket)
    socket = opened
    opened.onerror = () => {}
    opened.onclose = ({ code, reason }) => {
      if (mine !== generation) return
      if (state.kind !== 'live') countSilence()
      onClose(code, reason)
    }
    opened.onmessage = ({ data }) => {
      if (mine === generation) onFrame(JSON.parse(String(data)) as Frame)
    }
  }

  /** Some proxies swallow upgrades; some cut answers that never end. Neither is tried for ever. */
  function countSilence(): void {
    silentSockets += 1
    if ((options.transport ?? 'auto') !== 'auto' || silentSockets < SILENT_SOCKETS_MAX) return
    silentSockets = 0
    overSse = !overSse
  }

  function onFrame(frame: Frame): void {
    switch (frame.type) {
      case 'hello':
        onHello(frame)
        break
      case 'scores':
        onScores(frame)
        break
      case 'heartbeat':
        onHeartbeat(frame.seq)
        break
      case 'reset':
        position = null
        options.onReset?.(frame.reason)
        break
      case 'snapshot':
        onSnapshot(frame)
        break
      default:
        // Of a later version.
        break
    }
    // Any traffic is a sign of life. A violation above has begun to wait for something else.
    if (state.kind === 'live') wait(silenceMs, () => retry('the server fell silent'))
  }

  function onHello({ epoch, seq, heartbeatMs }: HelloFrame): void {
    silenceMs = heartbeatMs + HEARTBEAT_GRACE_MS
    silentSockets = 0
    const since = position
    if (!since && !wantsSnapshot) position = { epoch, seq }
    socket?.send(
      JSON.stringify({
        type: 'subscribe',
        ...(since && { since }),
        ...(!since && wantsSnapshot && { snapshot: true }),
        ...(filter && { filter }),
      }),
    )
    enter({ kind: 'live' })
  }

  function onScores(batch: ScoresFrame): void {
    merged += batch.merged ?? 0
    const expected = (position?.seq ?? -1) + 1
    if (!position || batch.from !== expected) {
      violated(expected, batch.from)
      return
    }
    let last = batch.from - 1
    for (const { seq } of batch.events) {
      if (seq <= last || seq > batch.to) {
        violated(last + 1, seq)
        return
      }
      last = seq
    }
    failures = 0
    position = { epoch: position.epoch, seq: batch.to }
    options.onScores(batch)
  }

  function onHeartbeat(seq: number): void {
    if (!position) return
    const isSound = isFiltered ? seq >= position.seq : seq === position.seq
    if (!isSound) {
      violated(position.seq, seq)
      return
    }
    failures = 0
    position = { epoch: position.epoch, seq }
  }

  function onSnapshot(page: SnapshotFrame): void {
    options.onSnapshot?.(page)
    if (page.more) return
    wantsSnapshot = false
    position = { epoch: page.epoch, seq: page.seq }
  }

  function violated(expected: number, got: number): void {
    options.onViolation?.({ kind: got > expected ? 'gap' : 'repeat', expected, got })
    // From the last position that was proven; the server reads what follows from its log.
    retry('the feed was not complete')
  }

  function onClose(code: number, reason: string): void {
    if (code >= 4000 && code < 4100) {
      const why = code === 4001 ? 'unauthorized' : code === 4003 ? 'forbidden' : 'protocol'
      refuse(why, reason)
      return
    }
    const retryMs = retryMsOf(reason)
    if (code >= 4200 && code < 4300) {
      retryAfter(retryMs ?? random() * 1000, 'the server asked to reconnect')
    } else retry(code === 4108 ? 'this connection was too slow' : 'connection lost', retryMs)
  }

  function retry(why: string, atLeastMs = 0): void {
    const span = Math.min(backoffMs.max, backoffMs.min * 2 ** failures)
    failures += 1
    retryAfter(Math.max(atLeastMs, span / 2 + (random() * span) / 2), why)
  }

  function retryAfter(retryMs: number, why: string): void {
    drop()
    enter({ kind: 'waiting', retryMs, why })
    wait(retryMs, connect)
  }

  function refuse(why: 'unauthorized' | 'forbidden' | 'protocol', detail: string): void {
    drop()
    enter({ kind: 'refused', why, detail })
  }

  return {
    start: () => connect(),
    stop() {
      drop()
      enter({ kind: 'stopped' })
    },
    reconnectNow() {
      if (state.kind === 'waiting') connect()
    },
    position: () => position,
    merged: () => merged,
  }
}

function retryMsOf(reason: string): number | undefined {
  try {
    const { retryMs } = JSON.parse(reason) as { retryMs?: unknown }
    return typeof retryMs === 'number' && retryMs >= 0 ? retryMs : undefined
  } catch {
    return undefined
  }
}
