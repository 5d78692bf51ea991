/**
 * What a lead would be scored with other settings. Writes no score and no event; its calls to a
 * model are accounted for like all others, under a source and a feature of their own.
 */
import { recordAiCalls } from '../ai/record-calls.ts'
import type { Store } from '../sql.ts'
import {
  disqualifiedScores,
  type Scorer,
  type Scores,
  type ScoringContext,
  type ScoringResult,
} from './score.ts'
import { readScoringInput } from './scoring-input.ts'

export const PREVIEW_SOURCE = 'dashboard/settings-preview'
export const PREVIEW_FEATURE = 'lead_scoring.preview'

export interface PreviewOf {
  workspaceId: string
  leadId: string
  /** Instead of the saved ones; what is absent is taken from them. */
  settings: Partial<ScoringContext>
}

export type Preview =
  | { kind: 'scores'; scores: Scores; model: string; promptVersion: string; provisional: boolean }
  /** Nobody has written yet, so there is nothing to judge. */
  | { kind: 'nothing to score' }
  | { kind: 'failed'; failure: Exclude<ScoringResult, { outcome: 'ok' }> }

/** Null: the workspace has no such lead. */
export async function previewScore(
  { store, scorer }: { store: Store; scorer: Scorer },
  { workspaceId, leadId, settings }: PreviewOf,
  signal: AbortSignal,
): Promise<Preview | null> {
  const input = await readScoringInput(store, { workspaceId, leadId })
  if (!input) return null
  if (input.disqualifiedReason) {
    const scores = disqualifiedScores(input.disqualifiedReason)
    return {
      kind: 'scores',
      scores,
      model: 'disqualified',
      promptVersion: 'none',
      provisional: false,
    }
  }
  if (!input.hasInbound) return { kind: 'nothing to score' }
  const context = { ...input.request.context, ...settings }
  const result = await scorer.score({ ...input.request, context }, signal)
  const calls = { workspaceId, leadId, source: PREVIEW_SOURCE, featureId: PREVIEW_FEATURE }
  await recordAiCalls(store, calls, result.interactions)
  if (result.outcome !== 'ok') return { kind: 'failed', failure: result }
  const { scores, model, promptVersion, provisional = false } = result
  return { kind: 'scores', scores, model, promptVersion, provisional }
}
