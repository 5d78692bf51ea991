/** What travels on the feed, as the dashboard reads it, and what its client tells of itself. */

export interface FeedPosition {
  epoch: string
  seq: number
}

export interface ScoreEvent {
  seq: number
  leadId: string
  leadName: string
  channel: string | null
  fitScore: number | null
  intentScore: number | null
  overallScore: number | null
  previousOverallScore: number | null
  scoreReasoning: string | null
  sentimentTag: string
  scoredAt: string
  model: string
  /** Made by the rules while the AI budget was used up. */
  provisional: boolean
  messageSeq: number
}

export interface FeedFilter {
  leadId?: string
  minOverall?: number
  channel?: string
}

export interface HelloFrame {
  type: 'hello'
  epoch: string
  seq: number
  heartbeatMs: number
}
export interface ScoresFrame {
  type: 'scores'
  from: number
  to: number
  events: ScoreEvent[]
  /** Events between `from` and `to` that a newer one of their lead stands for. */
  merged?: number
}
export interface SnapshotFrame {
  type: 'snapshot'
  epoch: string
  seq: number
  leads: Record<string, unknown>[]
  more: boolean
}
export type Frame =
  | HelloFrame
  | ScoresFrame
  | SnapshotFrame
  | { type: 'heartbeat'; seq: number }
  | { type: 'reset'; reason: string }

export type FeedState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  /** Comes back by itself after `retryMs`. */
  | { kind: 'waiting'; retryMs: number; why: string }
  /** Does not come back by itself. */
  | { kind: 'refused'; why: 'unauthorized' | 'forbidden' | 'protocol'; detail: string }
  | { kind: 'stopped' }

/** `gap`: numbers were left out · `repeat`: told twice or out of order. */
export interface FeedViolation {
  kind: 'gap' | 'repeat'
  expected: number
  got: number
}

/** What the client uses of a WebSocket. */
export interface FeedSocket {
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  onerror: ((event: unknown) => void) | null
  send(text: string): void
  close(code?: number): void
}
