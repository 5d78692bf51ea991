/** What came out of scoring a labelled set: agreement with the labels, tokens, cost and latency. */
import { type Agreement, agreementOf, type RatedPair } from '../domain/scoring/agreement.ts'
import type { Interaction, Scores } from '../domain/scoring/score.ts'
import { percentile } from '../simulate/report.ts'
import { type Axis, axes, type LabelledCase } from './cases.ts'
import type { Outcome, ScoredAll } from './score-all.ts'

export interface Usage {
  calls: number
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  /** Null: a call was billed whose price or tokens are not known. */
  costUsd: number | null
  p50Ms: number | null
  p95Ms: number | null
}

export interface Measured {
  /** What was asked: `rules-v1` or a model. */
  name: string
  /** Who answered, with the number of scores. */
  answeredBy: Map<string, number>
  cases: readonly LabelledCase[]
  outcomes: Outcome[]
  agreement: Record<Axis, Agreement>
  usage: Usage
}

export function measure(
  name: string,
  cases: readonly LabelledCase[],
  { outcomes, interactions }: Pick<ScoredAll, 'outcomes' | 'interactions'>,
): Measured {
  const pairsOf = (axis: Axis): RatedPair[] =>
    cases.flatMap((labelled, index) => {
      const scores = scoresOf(outcomes[index])
      return scores ? [{ expected: labelled[axis], actual: scores[axis] }] : []
    })
  return {
    name,
    answeredBy: countBy(outcomes.flatMap((it) => ('model' in it ? [it.model] : []))),
    cases,
    outcomes,
    agreement: byAxis((axis) => agreementOf(pairsOf(axis))),
    usage: usageOf(outcomes, interactions),
  }
}

/** How far two scorers agree with each other, on what both scored. */
export function mutualAgreement(one: Measured, other: Measured): Record<Axis, Agreement> {
  return byAxis((axis) =>
    agreementOf(
      one.outcomes.flatMap((outcome, index) => {
        const [a, b] = [scoresOf(outcome), scoresOf(other.outcomes[index])]
        return a && b ? [{ expected: a[axis], actual: b[axis] }] : []
      }),
    ),
  )
}

export function usageOf(outcomes: readonly Outcome[], interactions: readonly Interaction[]): Usage {
  const total = (tokens: 'inputTokens' | 'cachedTokens' | 'outputTokens') =>
    interactions.reduce((sum, interaction) => sum + (interaction[tokens] ?? 0), 0)
  // What failed without telling its usage was not billed; a good answer was, told or not.
  const billed = interactions.filter(
    ({ outcome, inputTokens }) => outcome === 'ok' || inputTokens !== null,
  )
  const unknown = billed.some(({ costUsd }) => costUsd === null)
  const times = outcomes.flatMap((it) => ('latencyMs' in it ? [it.latencyMs] : []))
  return {
    calls: interactions.length,
    inputTokens: total('inputTokens'),
    cachedTokens: total('cachedTokens'),
    outputTokens: total('outputTokens'),
    costUsd: unknown ? null : billed.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0),
    p50Ms: percentile(times, 0.5),
    p95Ms: percentile(times, 0.95),
  }
}

export function scoresOf(outcome: Outcome | undefined): Scores | null {
  return outcome && 'scores' in outcome ? outcome.scores : null
}

export function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function byAxis<Value>(of: (axis: Axis) => Value): Record<Axis, Value> {
  return Object.fromEntries(axes.map((axis) => [axis, of(axis)])) as Record<Axis, Value>
}
