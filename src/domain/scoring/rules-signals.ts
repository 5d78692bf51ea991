/**
 * All signals of rules-v1 and their description for people: the README section "Scoring without a model" holds this
 * very table, and a test compares the two.
 */
import { fitSignals } from './rules-fit-signals.ts'
import { interestSignals, nextStepSignals } from './rules-interest-signals.ts'
import { delaySignals, refusalSignals } from './rules-refusal-signals.ts'
import type { Signal } from './rules-signal.ts'

/** The order is the priority: a match takes its words away from the signals below. */
export const intentSignals: readonly Signal[] = [
  ...refusalSignals,
  ...delaySignals,
  ...nextStepSignals,
  ...interestSignals,
]

export const signals: readonly Signal[] = [...intentSignals, ...fitSignals]

/** A Markdown table, one signal a row, in order of priority. */
export function describeSignals(): string {
  const rows = signals.map(
    ({ axis, name, meaning, effect, score, tag, example }) =>
      `| ${axis} | \`${name}\` | ${meaning} | ${effect} ${score} | ${tag ?? '–'} | ${example} |`,
  )
  return [
    '| axis | signal | the lead … | effect | sentiment | for example |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}
