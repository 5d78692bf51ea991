/**
 * The vocabulary of scoring: what a scorer is asked, what it answers. Two scorers implement
 * `Scorer`: the LLM (`clients/openai.ts`) and the offline rules (`rules-scorer.ts`).
 */
import type { Channel } from '../channels/inbound-event.ts'

export const scoreValues = [1, 2, 3, 4] as const
export type ScoreValue = (typeof scoreValues)[number]

export const REASONING_CHARACTERS_MAX = 500

export interface Scores {
  fitScore: ScoreValue
  intentScore: ScoreValue
  overallScore: ScoreValue
  /** Plain text, at most REASONING_CHARACTERS_MAX characters. */
  reasoning: string
}

/** What a disqualified lead gets, without a call. */
export function disqualifiedScores(reason: string): Scores {
  const reasoning = `Disqualified: ${reason}`.slice(0, REASONING_CHARACTERS_MAX)
  return { fitScore: 1, intentScore: 1, overallScore: 1, reasoning }
}

export interface TranscriptEntry {
  direction: 'inbound' | 'outbound'
  channel: Channel
  /** Only what was written: a person's text, or a machine's automatic answer. */
  kind: 'text' | 'auto_reply'
  subject: string | null
  body: string
  at: Date
}

/** What the workspace says about itself; null where nobody has filled it in yet. */
export interface ScoringContext {
  companyName: string | null
  serviceDescription: string | null
  idealCustomerProfile: string | null
  qualificationQuestions: string[]
}

export interface LeadProfile {
  name: string | null
  company: string | null
  title: string | null
  industry: string | null
  headcount: string | null
}

export interface ScoringRequest {
  workspaceId: string
  leadId: string
  context: ScoringContext
  lead: LeadProfile
  /** Oldest first, already bounded by `boundTranscript`. */
  transcript: TranscriptEntry[]
}

/** Outcome words of an AI interaction; `ok` is the only one that carries scores. */
export const interactionOutcomes = [
  'ok',
  'refused',
  'incomplete',
  'invalid',
  'timeout',
  'rate_limited',
  'error',
] as const
export type InteractionOutcome = (typeof interactionOutcomes)[number]

/** One LLM call as it is billed and shown; null where the answer did not say. */
export interface Interaction {
  requestedModel: string
  /** The model that answered; equals requestedModel where no answer came. */
  model: string
  promptVersion: string
  outcome: InteractionOutcome
  inputTokens: number | null
  cachedTokens: number | null
  outputTokens: number | null
  reasoningTokens: number | null
  /** Null for a model without a known price: never a guess. */
  costUsd: number | null
  latencyMs: number
  requestId: string | null
  /** Short cause for people, without message text; null when ok. */
  error: string | null
}

export type ScoringResult =
  | {
      outcome: 'ok'
      scores: Scores
      model: string
      promptVersion: string
      /** Made by the rules in a model's place: to be made again when the AI budget allows. */
      provisional?: boolean
      /** Every call made on the way, e.g. one refused by a retired model before its successor. */
      interactions: Interaction[]
    }
  | {
      outcome: Exclude<InteractionOutcome, 'ok'>
      reason: string
      /** Trying the same again cannot help (refused, bad credentials). */
      terminal: boolean
      /** The provider asked to wait this long. */
      retryAfterMs: number | null
      /** The model's circuit breaker is open and lets the next call through after this. */
      circuitOpenMs?: number
      interactions: Interaction[]
    }

export interface Scorer {
  /** `rules-v1` or the configured model, for people. */
  readonly name: string
  /** Never throws for a failed call: failure is a result. `signal` ends the call at once. */
  score(request: ScoringRequest, signal: AbortSignal): Promise<ScoringResult>
}
