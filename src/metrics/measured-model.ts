/** Counts every call of a model, also those whose answer nobody could use. */
import type { LanguageModel } from '../domain/post-process/outside.ts'
import type { Scorer } from '../domain/scoring/score.ts'
import type { Metrics } from './metrics.ts'

export function measuredScorer(scorer: Scorer, metrics: Pick<Metrics, 'calls'>): Scorer {
  return {
    name: scorer.name,
    async score(request, signal) {
      const result = await scorer.score(request, signal)
      metrics.calls('score', result.interactions)
      return result
    },
  }
}

export function measuredModel(
  model: LanguageModel,
  metrics: Pick<Metrics, 'calls'>,
): LanguageModel {
  return {
    async ask(question, signal) {
      const answer = await model.ask(question, signal)
      metrics.calls('question', answer.interactions)
      return answer
    },
  }
}
