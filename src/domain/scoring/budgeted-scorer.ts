/**
 * A model's scorer under a workspace's monthly budget: when that is used up the rules score in its
 * place, at no cost, and the score is marked provisional until the model can make it again.
 */
import type { AiBudget } from '../ai/budget.ts'
import type { Scorer } from './score.ts'

export function budgetedScorer(options: {
  model: Scorer
  rules: Scorer
  budget: AiBudget
}): Scorer {
  const { model, rules, budget } = options
  return {
    name: model.name,
    async score(request, signal) {
      if (await budget.isPaused(request.workspaceId)) {
        const result = await rules.score(request, signal)
        return result.outcome === 'ok' ? { ...result, provisional: true } : result
      }
      const result = await model.score(request, signal)
      budget.spent(request.workspaceId, result.interactions)
      return result
    },
  }
}
