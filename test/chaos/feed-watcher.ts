/**
 * One client of the feed proof: the client that is shipped, over a network that can be cut under it;
 * and a script that polls, as the documents show it. Both note everything that they are told.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket as WsWebSocket } from 'ws'
import { feedClient } from '../../web/feed-client.ts'
import type { FeedFilter, FeedPosition, FeedSocket, ScoresFrame } from '../../web/feed-frames.ts'
import type { Seen } from './feed-truth.ts'

export interface WatcherPlan {
  workspaceId: string
  token: string
  /** `websocket` is cut without a word, `polite` (Node's own WebSocket) says good-bye. */
  transport: 'websocket' | 'polite' | 'sse' | 'poll'
  filter: FeedFilter
  /** From what comes next, from the beginning of the log, or all leads first. */
  start: 'now' | FeedPosition | 'snapshot'
}

export interface Watcher {
  readonly plan: WatcherPlan
  /** Open and told where the feed stands. */
  isLive(): boolean
  /** What it does, in a word or two. */
  doing(): string
  /** Cuts what is open; false when nothing is. */
  drop(): boolean
  seq(): number
  seen(): Seen
  /** What a sound feed never does to a client. */
  odd(): string[]
  stop(): void
}

export interface WatcherOptions {
  baseUrl: string
  /** Between two polls. */
  pollMs: number
  onLive(): void
}

export function watcher(plan: WatcherPlan, options: WatcherOptions): Watcher {
  return plan.transport === 'poll' ? poller(plan, options) : shipped(plan, options)
}

function notes(plan: WatcherPlan) {
  const seen: Seen = {
    filter: plan.filter,
    startedAt: typeof plan.start === 'object' ? plan.start.seq : -1,
    applied: [],
    merges: [],
    snapshot: plan.start === 'snapshot' ? new Map() : null,
  }
  const odd: string[] = []
  return {
    seen,
    odd,
    apply({ from, to, merged, events }: ScoresFrame) {
      if (merged) seen.merges.push({ from, to, merged })
      for (const { seq, leadId, overallScore } of events) {
        seen.applied.push({ seq, leadId, overall: overallScore })
      }
    },
  }
}

function shipped(plan: WatcherPlan, { baseUrl, onLive }: WatcherOptions): Watcher {
  const { seen, odd, apply } = notes(plan)
  const { transport, start } = plan
  let cut: (() => void) | null = null
  let live = false
  let doing = 'nothing'
  const client = feedClient({
    baseUrl,
    token: () => plan.token,
    filter: plan.filter,
    transport: transport === 'sse' ? 'sse' : 'websocket',
    snapshot: start === 'snapshot',
    ...(typeof start === 'object' && { since: start }),
    onScores: apply,
    onSnapshot(page) {
      for (const { id, overallScore } of page.leads) {
        seen.snapshot?.set(String(id), (overallScore ?? null) as number | null)
      }
      if (!page.more) seen.startedAt = page.seq
    },
    onReset: (reason) => odd.push(`reset: ${reason}`),
    onViolation: ({ kind, expected, got }) => odd.push(`${kind}: ${got} instead of ${expected}`),
    onState(state) {
      live = state.kind === 'live'
      doing = state.kind === 'waiting' ? state.why : state.kind
      if (state.kind === 'refused') odd.push(`refused: ${state.why}: ${state.detail}`)
      if (!live) return
      if (seen.startedAt < 0 && start === 'now') seen.startedAt = client.position()?.seq ?? -1
      onLive()
    },
    ...(transport === 'websocket' && {
      socket(url: string, protocols: string[]) {
        const socket = new WsWebSocket(url, protocols, { perMessageDeflate: false })
        cut = () => socket.terminate()
        return socket as unknown as FeedSocket
      },
    }),
    ...(transport === 'polite' && {
      socket(url: string, protocols: string[]) {
        const socket = new WebSocket(url, protocols)
        cut = () => socket.close()
        return socket as unknown as FeedSocket
      },
    }),
    ...(transport === 'sse' && {
      fetch(url: Parameters<typeof fetch>[0], init?: RequestInit) {
        const abort = new AbortController()
        cut = () => abort.abort()
        const signals = init?.signal ? [init.signal, abort.signal] : [abort.signal]
        return fetch(url, { ...init, signal: AbortSignal.any(signals) })
      },
    }),
  })
  client.start()
  return {
    plan,
    isLive: () => live,
    doing: () => doing,
    drop() {
      if (!live || !cut) return false
      cut()
      cut = null
      return true
    },
    seq: () => client.position()?.seq ?? -1,
    seen: () => seen,
    odd: () => odd,
    stop: () => client.stop(),
  }
}

interface PollAnswer extends Partial<Omit<ScoresFrame, 'type'>> {
  type: 'scores' | 'reset'
  epoch: string
  more?: boolean
  reason?: string
}

function poller(plan: WatcherPlan, { baseUrl, pollMs, onLive }: WatcherOptions): Watcher {
  const { seen, odd, apply } = notes(plan)
  let position = typeof plan.start === 'object' ? plan.start : null
  let stopped = false
  /** Of the request under way. */
  let abort: AbortController | null = null

  async function ask(): Promise<boolean> {
    const query = new URLSearchParams({ limit: '50' })
    if (position) {
      query.set('sinceSeq', String(position.seq))
      query.set('epoch', position.epoch)
    }
    for (const [name, value] of Object.entries(plan.filter)) query.set(name, String(value))
    abort = new AbortController()
    onLive()
    const response = await fetch(`${baseUrl}/api/v1/feed?${query}`, {
      headers: { authorization: `Bearer ${plan.token}` },
      signal: abort.signal,
    })
    if (!response.ok) {
      // A service that stops or has no database says 503; anything else is an answer to a mistake.
      if (response.status !== 503) odd.push(`the poll was answered ${response.status}`)
      throw new Error(`answered ${response.status}`)
    }
    const answer = (await response.json()) as PollAnswer
    abort = null
    if (answer.type === 'reset') {
      odd.push(`reset: ${answer.reason}`)
      return false
    }
    const { from = 0, to = 0, events = [] } = answer
    if (position && from !== position.seq + 1)
      odd.push(`poll from ${from}, not ${position.seq + 1}`)
    if (!position) seen.startedAt = from - 1
    apply({ type: 'scores', from, to, events })
    position = { epoch: answer.epoch, seq: to }
    return answer.more === true
  }

  async function run(): Promise<void> {
    while (!stopped) {
      // Cut off or without a server: the next request asks for the same again.
      const more = await ask().catch(() => false)
      abort = null
      if (!more) await delay(pollMs)
    }
  }
  void run()
  return {
    plan,
    isLive: () => abort !== null,
    doing: () => (abort ? 'polling' : 'between polls'),
    drop() {
      if (!abort) return false
      abort.abort()
      return true
    },
    seq: () => position?.seq ?? -1,
    seen: () => seen,
    odd: () => odd,
    stop() {
      stopped = true
      abort?.abort()
    },
  }
}
