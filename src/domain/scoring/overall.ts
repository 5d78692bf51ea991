/**
 * The overall score as the rubric derives it from fit and intent, and how far a scorer may differ.
 */
import type { ScoreValue } from './score.ts'

/** Row: fit 1–4, column: intent 1–4. A lead that does not fit or does not want is always 1. */
const guideline: readonly (readonly ScoreValue[])[] = [
  [1, 1, 1, 1],
  [1, 2, 2, 3],
  [1, 2, 3, 4],
  [1, 3, 3, 4],
]

/** How far a model may depart from the guideline when it gives a reason. */
const DEPARTURE_MAX = 1

export function overallOf(fit: ScoreValue, intent: ScoreValue): ScoreValue {
  const score = guideline[fit - 1]?.[intent - 1]
  if (score === undefined) throw new RangeError(`no overall score for fit ${fit}, intent ${intent}`)
  return score
}

export function isAllowedDeparture(
  fit: ScoreValue,
  intent: ScoreValue,
  overall: ScoreValue,
): boolean {
  return Math.abs(overall - overallOf(fit, intent)) <= DEPARTURE_MAX
}
