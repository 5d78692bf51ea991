/**
 * The offline scorer `rules-v1`: scores by the documented signals of the README section "Scoring without a model",
 * without a model. It is the default without an API key and the baseline that models are measured
 * against. Deterministic; it reads a conversation's words, not its sense.
 */
import type { Channel } from '../channels/inbound-event.ts'
import { overallOf } from './overall.ts'
import { type Fit, fitOf } from './rules-fit.ts'
import { intentOfConversation, type MessageIntent } from './rules-intent.ts'
import {
  REASONING_CHARACTERS_MAX,
  type Scorer,
  type Scores,
  type ScoreValue,
  type ScoringRequest,
  type ScoringResult,
} from './score.ts'

export const RULES_MODEL = 'rules-v1'

/** Intent of a conversation that says nothing either way, e.g. one absence notice. */
const INTENT_DEFAULT: ScoreValue = 2

const channelNames: Record<Channel, string> = {
  email: 'email',
  sms: 'SMS',
  linkedin: 'LinkedIn',
  smartlead: 'SmartLead',
  instantly: 'Instantly',
}

export function rulesScorer(): Scorer {
  return {
    name: RULES_MODEL,
    score: async (request, signal) => (signal.aborted ? aborted : scoredByRules(request)),
  }
}

const aborted: ScoringResult = {
  outcome: 'error',
  reason: 'aborted before scoring',
  terminal: false,
  retryAfterMs: null,
  interactions: [],
}

function scoredByRules(request: ScoringRequest): ScoringResult {
  return {
    outcome: 'ok',
    scores: scoresByRules(request),
    model: RULES_MODEL,
    promptVersion: RULES_MODEL,
    interactions: [],
  }
}

/** Pure: the same request always scores the same. */
export function scoresByRules(request: ScoringRequest): Scores {
  const intent = intentOfConversation(request.transcript)
  const intentScore = intent.score ?? INTENT_DEFAULT
  const fit = fitOf(request, intentScore >= 3)
  return {
    fitScore: fit.score,
    intentScore,
    overallScore: overallOf(fit.score, intentScore),
    reasoning: reasoningOf(request, intent, intentScore, fit),
  }
}

/** Names signals, never message text: it is shown to people and must not carry a lead's words. */
function reasoningOf(
  request: ScoringRequest,
  intent: MessageIntent,
  intentScore: ScoreValue,
  fit: Fit,
): string {
  const inbound = request.transcript.filter((entry) => entry.direction === 'inbound')
  const latest = inbound.at(-1)
  const where = latest ? ` (latest message on ${channelNames[latest.channel]})` : ''
  const answered = inbound.some((entry) => entry.kind === 'text')
  const what = answered ? `the lead ${intent.meaning}` : 'only automatic replies so far'
  return `Intent ${intentScore}: ${what}${where}. Fit ${fit.score}: ${fit.meaning}.`.slice(
    0,
    REASONING_CHARACTERS_MAX,
  )
}
