/** The LLM scorer: puts the scoring prompt to a model and lets only a sound answer become a score. */

import { z } from 'zod'
import type { ModelQuestion } from '../domain/post-process/outside.ts'
import { isAllowedDeparture } from '../domain/scoring/overall.ts'
import { buildPrompt, promptVersion } from '../domain/scoring/prompt.ts'
import {
  REASONING_CHARACTERS_MAX,
  type Scorer,
  type Scores,
  type ScoringRequest,
  type ScoringResult,
  scoreValues,
} from '../domain/scoring/score.ts'
import { plainLine } from '../domain/text/plain-answer.ts'
import { type OpenAiClient, type OpenAiClientOptions, openaiClient } from './openai-client.ts'

/**
 * An answer takes about 150 tokens; a model of unknown effort may think for some thousand before.
 * What is left is the bound of a runaway answer: under half a cent.
 */
const OUTPUT_TOKENS_MAX = 4000

export interface OpenAiScorerOptions extends OpenAiClientOptions {
  /** A new marker for each call: 128 random bits as 32 hexadecimal digits. */
  random: () => string
}

/** The model that scores now differs from `name` once the successor took over: see `inUse`. */
export interface OpenAiScorer
  extends Scorer,
    Pick<OpenAiClient, 'inUse' | 'life' | 'circuit' | 'check'> {}

/** Reasoning first: the model then writes its evidence before it settles on numbers. */
const scoreSchema = {
  type: 'object',
  properties: {
    reasoning: { type: 'string', description: 'One to three sentences, at most 400 characters.' },
    fitScore: { type: 'integer', enum: scoreValues },
    intentScore: { type: 'integer', enum: scoreValues },
    overallScore: { type: 'integer', enum: scoreValues },
  },
  required: ['reasoning', 'fitScore', 'intentScore', 'overallScore'],
  additionalProperties: false,
}

/** A compatible server may not enforce the schema: the same rules again, on what came back. */
const answerSchema = z.object({
  reasoning: z.string(),
  fitScore: z.literal(scoreValues),
  intentScore: z.literal(scoreValues),
  overallScore: z.literal(scoreValues),
})

/** `client`: one that other questions go through as well, so that all change models together. */
export function openaiScorer(
  options: OpenAiScorerOptions,
  client: OpenAiClient = openaiClient(options),
): OpenAiScorer {
  return {
    name: options.model,
    inUse: client.inUse,
    life: client.life,
    circuit: client.circuit,
    check: client.check,
    async score(request, signal): Promise<ScoringResult> {
      try {
        const answer = await client.ask(questionOf(request, options.random()), signal)
        if (answer.outcome !== 'ok') return answer
        const { value: scores, model, interactions } = answer
        return { outcome: 'ok', scores, model, promptVersion, interactions }
      } catch {
        // A fault of our own, e.g. a marker that is none: the job shows it, the actor lives on.
        const reason = 'internal error'
        return { outcome: 'error', reason, terminal: false, retryAfterMs: null, interactions: [] }
      }
    },
  }
}

function questionOf(request: ScoringRequest, marker: string): ModelQuestion<Scores> {
  return {
    ...buildPrompt(request, marker),
    promptVersion,
    workspaceId: request.workspaceId,
    format: { name: 'lead_score', schema: scoreSchema },
    maxOutputTokens: OUTPUT_TOKENS_MAX,
    read: readScores,
  }
}

function readScores(text: string): { value: Scores } | { invalid: string } {
  const parsed = answerSchema.safeParse(parseJson(text))
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path[0]
    return {
      invalid: `answer breaks the schema${field === undefined ? '' : ` at ${String(field)}`}`,
    }
  }
  const { fitScore, intentScore, overallScore } = parsed.data
  if (!isAllowedDeparture(fitScore, intentScore, overallScore)) {
    return { invalid: `overall ${overallScore} does not follow from ${fitScore}/${intentScore}` }
  }
  const reasoning = plainReasoning(parsed.data.reasoning)
  return reasoning === ''
    ? { invalid: 'answer without reasoning' }
    : { value: { ...parsed.data, reasoning } }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One paragraph of plain text of at most REASONING_CHARACTERS_MAX characters. */
export function plainReasoning(text: string): string {
  return plainLine(text, REASONING_CHARACTERS_MAX)
}
