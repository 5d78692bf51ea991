/**
 * The circuit breaker of one model: after several failures in a row that are the provider's, calls
 * are refused at once, and then a single probe at a time finds out whether it is back. An account
 * without quota opens it with its first refusal. Reads the process's clock, as cockatiel does.
 */
import {
  CircuitState,
  circuitBreaker,
  handleWhenResult,
  type IBackoff,
  type IHalfOpenAfterBackoffContext,
  isBrokenCircuitError,
} from 'cockatiel'
import type { ModelCircuit } from '../domain/ai/model-life.ts'
import { type Failure, RETRY_AFTER_MS_MAX } from './openai-failure.ts'

/** One lost connection is no outage; with more, each lead of a burst would wait for its time limit. */
const FAILURES_TO_OPEN = 5
/** Until the first probe; doubled by each probe that fails. A provider's hiccup lasts some seconds. */
const PAUSE_MS = 5000
/** Longer, and scores would wait for minutes after the provider is back. */
const PAUSE_MS_MAX = 60_000
/** For a call that comes while a probe is under way, which the gate does not let happen often. */
const PROBE_WAIT_MS = 1000

export interface CircuitEvent {
  level: 'warn'
  event: 'openai.circuit_opened' | 'openai.circuit_closed'
  model: string
  cause: 'outage' | 'insufficient_quota' | 'answered'
}

export interface Attempted {
  /** Null: the model answered well. */
  failure: Failure | null
}

export interface ModelBreaker {
  /** Makes the call unless the circuit is open: `refused` then, and nothing was called. */
  run<Call extends Attempted>(call: () => Promise<Call>): Promise<Call | 'refused'>
  state(): ModelCircuit['state']
  /** Milliseconds until the next call may be made; 0: now. */
  openMs(): number
}

type Signs = 'outage' | 'aborted' | 'answered'

export function modelBreaker(model: string, log: (event: CircuitEvent) => void): ModelBreaker {
  /** Failures in a row; a call that our own side ended says nothing about the provider. */
  let streak = 0
  let pauseMs = 0
  let openUntil = 0

  function isFailed(result: unknown): boolean {
    const { failure } = result as Attempted
    const signs = signsOf(failure)
    if (signs === 'outage') streak += 1
    if (signs === 'answered') streak = 0
    if (failure?.cause === 'insufficient_quota') streak = FAILURES_TO_OPEN
    // A probe that was aborted found nothing out: without this the circuit would close.
    return signs === 'outage' || (signs === 'aborted' && policy.state === CircuitState.HalfOpen)
  }

  const policy = circuitBreaker(handleWhenResult(isFailed), {
    halfOpenAfter: { next: pauseAfter },
    breaker: { state: null, success: () => {}, failure: () => streak >= FAILURES_TO_OPEN },
  })

  function pauseAfter(context: IHalfOpenAfterBackoffContext): IBackoff<typeof context> {
    const failure = 'value' in context.result ? (context.result.value as Attempted).failure : null
    const paid = failure?.cause === 'insufficient_quota'
    const doubled = Math.min(PAUSE_MS * 2 ** (context.attempt - 1), PAUSE_MS_MAX)
    pauseMs = paid ? RETRY_AFTER_MS_MAX : Math.max(doubled, failure?.retryAfterMs ?? 0)
    if (context.attempt === 1) {
      const cause = paid ? 'insufficient_quota' : 'outage'
      log({ level: 'warn', event: 'openai.circuit_opened', model, cause })
    }
    return { duration: pauseMs, next: pauseAfter }
  }

  policy.onBreak(() => {
    openUntil = Date.now() + pauseMs
  })
  policy.onReset(() => {
    log({ level: 'warn', event: 'openai.circuit_closed', model, cause: 'answered' })
  })

  return {
    async run(call) {
      // cockatiel would let it wait for the probe's end, beyond every time limit of ours.
      if (policy.state === CircuitState.HalfOpen) return 'refused'
      try {
        return await policy.execute(call)
      } catch (error) {
        if (isBrokenCircuitError(error)) return 'refused'
        throw error
      }
    },
    state: () => stateWords[policy.state],
    openMs() {
      if (policy.state === CircuitState.HalfOpen) return PROBE_WAIT_MS
      return policy.state === CircuitState.Open ? Math.max(0, openUntil - Date.now()) : 0
    },
  }
}

const stateWords: Record<CircuitState, ModelCircuit['state']> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  // Only by `isolate`, which nobody calls.
  [CircuitState.Isolated]: 'open',
}

function signsOf(failure: Failure | null): Signs {
  if (failure?.cause === 'aborted') return 'aborted'
  const isOutage = failure?.cause === 'outage' || failure?.cause === 'insufficient_quota'
  return isOutage ? 'outage' : 'answered'
}
