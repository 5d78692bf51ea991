/** The accounting entry of one call to the model: what it was, what it cost, how it ended. */
import { costUsd } from '../domain/scoring/models.ts'
import type { Interaction } from '../domain/scoring/score.ts'
import type { Failure } from './openai-failure.ts'
import type { Billing } from './openai-reply.ts'

export function interactionOf(
  made: { model: string; promptVersion: string; latencyMs: number; requestId: string | null },
  { model, standardTier, usage }: Billing,
  failed: Failure | null,
): Interaction {
  const answering = model ?? made.model
  const { inputTokens, outputTokens } = usage
  const counted = inputTokens !== null && outputTokens !== null
  const cost =
    counted && standardTier
      ? costUsd(answering, {
          inputTokens,
          outputTokens,
          cachedTokens: usage.cachedTokens ?? 0,
          cacheWriteTokens: usage.cacheWriteTokens ?? 0,
        })
      : null
  return {
    requestedModel: made.model,
    model: answering,
    promptVersion: made.promptVersion,
    outcome: failed?.outcome ?? 'ok',
    inputTokens,
    cachedTokens: usage.cachedTokens,
    outputTokens,
    reasoningTokens: usage.reasoningTokens,
    costUsd: cost,
    latencyMs: made.latencyMs,
    requestId: made.requestId,
    error: failed?.reason ?? null,
  }
}
