/**
 * How many LLM calls may run at once just now: halved when the provider says "too many", raised by
 * one for each round of good calls, none while it asked to wait, one at a time while its circuit is
 * open. Decides only; the gate asks it and holds the timer.
 */
import type { ScoringResult } from '../domain/scoring/score.ts'

/** What a call showed about the provider. Empty: nothing, e.g. none was made or it was aborted. */
export interface CallOutcome {
  /** The model answered, whether or not the answer was of use. */
  ok?: boolean
  /** 429; null: without a usable `Retry-After`. */
  rateLimited?: { retryAfterMs: number | null }
  /** The model's circuit breaker lets nothing through for this long, and then one probe. */
  circuitOpen?: { retryAfterMs: number }
}

export interface CallPace {
  /** Calls that may run at once. */
  limit(): number
  /** No call may start before this instant of the clock. */
  pausedUntil(): number
  probing(): boolean
  /** `call` and `newest` count the calls started; `now` in milliseconds. */
  settle(outcome: CallOutcome, at: { call: number; newest: number; now: number }): void
}

/** A provider that asks for longer is asked again all the same: a bill may have been paid. */
const PAUSE_MS_MAX = 15 * 60_000
/** For a 429 that does not say how long: most per-minute limits refill within a second or two. */
const PAUSE_MS_DEFAULT = 1000

export function callPace(most: number): CallPace {
  let limit = most
  let pausedUntil = Number.NEGATIVE_INFINITY
  /** Calls up to these numbers started before what they would tell was known already. */
  let halvedAt = 0
  let probingSince: number | null = null

  return {
    limit: () => (probingSince === null ? Math.floor(limit) : 1),
    pausedUntil: () => pausedUntil,
    probing: () => probingSince !== null,
    settle({ ok, rateLimited, circuitOpen }, { call, newest, now }) {
      const wait = circuitOpen
        ? circuitOpen.retryAfterMs
        : rateLimited && (rateLimited.retryAfterMs ?? PAUSE_MS_DEFAULT)
      if (wait !== undefined) {
        pausedUntil = Math.max(pausedUntil, now + Math.min(wait, PAUSE_MS_MAX))
      }
      if (circuitOpen) probingSince = newest
      // A burst that was under way together is refused together: that is one refusal, not 32.
      if (rateLimited && call > halvedAt) {
        limit = Math.max(1, Math.floor(limit) / 2)
        halvedAt = newest
      }
      if (ok !== true) return
      // A good answer to a call from before the outage says nothing about now.
      if (probingSince !== null && call > probingSince) probingSince = null
      if (call > halvedAt) limit = Math.min(most, limit + 1 / limit)
    },
  }
}

export function callOutcome(result: ScoringResult): CallOutcome {
  if (result.outcome === 'ok') return { ok: true }
  if (result.circuitOpenMs !== undefined) {
    return { ok: false, circuitOpen: { retryAfterMs: result.circuitOpenMs } }
  }
  if (result.outcome === 'rate_limited') {
    return { ok: false, rateLimited: { retryAfterMs: result.retryAfterMs } }
  }
  return { ok: result.outcome !== 'timeout' && result.outcome !== 'error' }
}
