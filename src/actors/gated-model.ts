/**
 * The language model of post-processing behind the gate that scoring calls pass, too: together they
 * never exceed LLM_CONCURRENCY. They go before waiting scores, which wait for them anyway, but wait
 * themselves for a bounded time: a message must not hang on a model that is overrun.
 */
import type { LanguageModel, ModelAnswer } from '../domain/post-process/outside.ts'
import type { CallOutcome } from './call-pace.ts'
import type { Gate } from './gate.ts'

/** About the time of one call: after it, rules judge and the draft is left out. */
const PERMIT_WAIT_MS = 5000
/** Sorts before every score of its workspace, whose `since` is a time. */
const FIRST = 0

export function gatedModel(model: LanguageModel, gate: Gate): LanguageModel {
  return {
    async ask(question, signal) {
      if (gate.meters().pausedMs > PERMIT_WAIT_MS) return busy
      const asked = Promise.withResolvers<boolean>()
      const permit = gate.acquire({ workspaceId: question.workspaceId, since: FIRST }, () =>
        asked.resolve(true),
      )
      const timer = setTimeout(() => asked.resolve(false), PERMIT_WAIT_MS)
      const stop = () => asked.resolve(false)
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
      try {
        if (await asked.promise) {
          const answer = await model.ask(question, signal)
          permit.release(outcomeOf(answer))
          return answer
        }
        return busy
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        permit.release()
      }
    },
  }
}

const busy = {
  outcome: 'rate_limited' as const,
  reason: 'the model takes no calls just now',
  interactions: [],
}

/** What the gate slows down by; a question that was never put shows nothing. */
function outcomeOf(answer: ModelAnswer<unknown>): CallOutcome {
  if (answer.outcome !== 'ok' && answer.circuitOpenMs !== undefined) {
    return { ok: false, circuitOpen: { retryAfterMs: answer.circuitOpenMs } }
  }
  if (answer.interactions.length === 0) return {}
  if (answer.outcome === 'ok') return { ok: true }
  if (answer.outcome !== 'rate_limited') return {}
  return { ok: false, rateLimited: { retryAfterMs: answer.retryAfterMs ?? null } }
}
