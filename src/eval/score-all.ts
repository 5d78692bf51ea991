/**
 * Puts many requests to one scorer, a bounded number at a time, behind the gate that the service
 * uses: it slows down when the endpoint says so and probes while its circuit is open. What failed
 * for the moment is asked again; an endpoint that gives nothing but failures ends the run early.
 */
import { setMaxListeners } from 'node:events'
import { callOutcome } from '../actors/call-pace.ts'
import { type Clock, gate } from '../actors/gate.ts'
import type { Interaction, Scorer, Scores, ScoringRequest } from '../domain/scoring/score.ts'

/** The provider's trouble passes; an answer that is of no use three times is the model's. */
const TRIES_MAX = { transient: 5, unusable: 3 }
const BACKOFF_MS = 1000
/** Longer, and a person at a terminal would rather come back another time. */
const WAIT_MS_MAX = 120_000
/** So many in a row without a score: the key, the model's name or the server is wrong. */
const UNSCORED_IN_A_ROW_MAX = 10

export type Outcome =
  | { scores: Scores; model: string; latencyMs: number }
  /** Why there is no score, for people. */
  | { reason: string }

export interface ScoredAll {
  /** One per request, in their order. */
  outcomes: Outcome[]
  interactions: Interaction[]
  retries: Retry[]
}

export interface Retry {
  reason: string
  waitMs: number
}

export interface ScoreAllDeps {
  scorer: Scorer
  concurrency: number
  clock?: Clock
  onRetry(retry: Retry): void
  /** How many have ended, with a score or without. */
  onProgress(done: number): void
}

export async function scoreAll(
  requests: readonly ScoringRequest[],
  { scorer, concurrency, clock = systemClock, onRetry, onProgress }: ScoreAllDeps,
): Promise<ScoredAll> {
  const permits = gate({ limit: concurrency, clock })
  const interactions: Interaction[] = []
  const retries: Retry[] = []
  const stop = new AbortController()
  // As many listeners as calls at once.
  setMaxListeners(0, stop.signal)
  const stopped = new Promise<void>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  let inARow = 0
  let done = 0

  async function call(request: ScoringRequest, since: number) {
    const asked = Promise.withResolvers<void>()
    // The order of the requests is that of the permits.
    const permit = permits.acquire({ workspaceId: 'eval', since }, asked.resolve)
    // Whoever waits when the run ends gets in and finds the signal aborted.
    await Promise.race([asked.promise, stopped])
    const startedAt = performance.now()
    const result = await scorer.score(request, stop.signal)
    const latencyMs = performance.now() - startedAt
    permit.release(callOutcome(result))
    interactions.push(...result.interactions)
    return { result, latencyMs }
  }

  async function pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = clock.after(ms, resolve)
    await Promise.race([promise, stopped])
    cancel()
  }

  async function scoreOne(request: ScoringRequest, index: number): Promise<Outcome> {
    let why = ''
    for (let tries = 1; ; tries += 1) {
      if (stop.signal.aborted) return { reason: String(stop.signal.reason) }
      const { result, latencyMs } = await call(request, index)
      if (result.outcome === 'ok') return { scores: result.scores, model: result.model, latencyMs }
      if (stop.signal.aborted) return { reason: String(stop.signal.reason) }
      const { outcome, reason, terminal, retryAfterMs, circuitOpenMs = 0 } = result
      // "The circuit is open" says nothing of what opened it.
      if (why === '' || circuitOpenMs === 0) why = reason
      const unusable = outcome === 'invalid' || outcome === 'incomplete' || outcome === 'refused'
      const most = unusable ? TRIES_MAX.unusable : TRIES_MAX.transient
      const backoffMs = unusable ? 0 : BACKOFF_MS * 2 ** (tries - 1)
      const waitMs = Math.max(retryAfterMs ?? backoffMs, circuitOpenMs)
      if (waitMs > WAIT_MS_MAX) stop.abort(`${reason}; asks to wait ${Math.round(waitMs / 1000)} s`)
      if (terminal || tries === most || stop.signal.aborted) return { reason: why }
      retries.push({ reason, waitMs })
      onRetry({ reason, waitMs })
      await pause(waitMs)
    }
  }

  async function settle(request: ScoringRequest, index: number): Promise<Outcome> {
    const outcome = await scoreOne(request, index)
    done += 1
    onProgress(done)
    inARow = 'scores' in outcome ? 0 : inARow + 1
    if (inARow >= UNSCORED_IN_A_ROW_MAX && 'reason' in outcome && !stop.signal.aborted) {
      stop.abort(`not tried after ${inARow} failures in a row: ${outcome.reason}`)
    }
    return outcome
  }

  return { outcomes: await Promise.all(requests.map(settle)), interactions, retries }
}

/** The gate's own would let the process end while everything waits. */
const systemClock: Clock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}
