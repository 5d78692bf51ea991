/** A language model under a workspace's monthly budget: used up, it is not asked. */
import type { LanguageModel } from '../post-process/outside.ts'
import type { AiBudget } from './budget.ts'

export function budgetedModel(model: LanguageModel, budget: AiBudget): LanguageModel {
  return {
    async ask(question, signal) {
      if (await budget.isPaused(question.workspaceId)) {
        return { outcome: 'rate_limited', reason: 'monthly AI budget used up', interactions: [] }
      }
      const answer = await model.ask(question, signal)
      budget.spent(question.workspaceId, answer.interactions)
      return answer
    },
  }
}
