/**
 * All signals of rules-v1 and their description for people: `docs/scoring-rules-v1.md` holds this
 * very table, and a test compares the two.
 */
import { fitSignals } from './rules-fit-signals.ts'
import { intentSignals } from './rules-intent-signals.ts'
import type { Signal } from './rules-signal.ts'

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
