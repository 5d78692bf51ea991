/**
 * The language model of post-processing behind the gate that scoring calls pass, too: together they
 * never exceed LLM_CONCURRENCY. They go before waiting scores, which wait for them anyway, but wait
 * themselves for a bounded time: a message must not hang on a model that is overrun.
 */
import type { LanguageModel, ModelAnswer, ModelQuestion } from '../domain/post-process/outside.ts'
import type { CallOutcome } from './call-pace.ts'
import type { Gate } from './gate.ts'
import { withPermit } from './permit-wait.ts'

export function gatedModel(model: LanguageModel, gate: Gate): LanguageModel {
  return {
    async ask<Value>(question: ModelQuestion<Value>, signal: AbortSignal) {
      const call = () => model.ask(question, signal)
      const work = { call, outcomeOf }
      const { workspaceId } = question
      const answer = await withPermit<ModelAnswer<Value>>(gate, workspaceId, signal, work)
      // Without an answer rules judge, and the draft is left out.
      return answer ?? busy
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
