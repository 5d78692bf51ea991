/** One question of a step to the model, with its accounting. */
import { recordAiCalls } from '../ai/record-calls.ts'
import type { ModelAnswer, ModelQuestion } from './outside.ts'
import { type StepOptions, sourceOf } from './step.ts'
import type { StepMessage } from './step-message.ts'

/** Recorded at once and on its own: the call is billed whatever becomes of the step. */
export async function askModel<Value>(
  { store, outside }: StepOptions,
  { workspaceId, leadId, channel }: StepMessage,
  featureId: string,
  question: ModelQuestion<Value>,
  signal: AbortSignal,
): Promise<ModelAnswer<Value>> {
  if (!outside.model) throw new Error('a step asked for a model that is not there')
  const answer = await outside.model.ask(question, signal)
  const source = sourceOf(channel)
  await recordAiCalls(store, { workspaceId, leadId, source, featureId }, answer.interactions)
  return answer
}
