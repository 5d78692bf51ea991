/**
 * How well two raters agree on an ordinal scale: confusion matrix, exact share, share within one
 * step and quadratic weighted kappa. Says nothing about who is right.
 */
import { type ScoreValue, scoreValues } from './score.ts'

export interface RatedPair {
  /** The label somebody gave. */
  expected: ScoreValue
  /** What the scorer said. */
  actual: ScoreValue
}

export interface Agreement {
  count: number
  /** Rows expected 1–4, columns actual 1–4. */
  confusion: number[][]
  /** Share of equal pairs; 0 without pairs. */
  exact: number
  /** Share of pairs at most one step apart; 0 without pairs. */
  withinOne: number
  /** 1 perfect, 0 as good as chance, below 0 worse; null where neither rater ever varies. */
  kappa: number | null
}

export function agreementOf(pairs: readonly RatedPair[]): Agreement {
  const confusion = confusionOf(pairs)
  const share = (holds: (pair: RatedPair) => boolean) =>
    pairs.length === 0 ? 0 : pairs.filter(holds).length / pairs.length
  return {
    count: pairs.length,
    confusion,
    exact: share((pair) => pair.expected === pair.actual),
    withinOne: share((pair) => Math.abs(pair.expected - pair.actual) <= 1),
    kappa: quadraticWeightedKappa(confusion),
  }
}

export function confusionOf(pairs: readonly RatedPair[]): number[][] {
  return scoreValues.map((expected) =>
    scoreValues.map(
      (actual) => pairs.filter((p) => p.expected === expected && p.actual === actual).length,
    ),
  )
}

/**
 * 1 - (weighted disagreement seen) / (weighted disagreement expected by chance), the weight being
 * the squared distance: taking a 4 for a 1 costs nine times what taking a 4 for a 3 does.
 */
export function quadraticWeightedKappa(confusion: readonly (readonly number[])[]): number | null {
  const rowSums = confusion.map((row) => sum(row))
  const columnSums = confusion.map((_row, column) => sum(confusion.map((row) => row[column] ?? 0)))
  const total = sum(rowSums)
  let seen = 0
  let byChance = 0
  confusion.forEach((row, i) => {
    row.forEach((cell, j) => {
      const weight = (i - j) ** 2
      seen += weight * cell
      byChance += total === 0 ? 0 : (weight * (rowSums[i] ?? 0) * (columnSums[j] ?? 0)) / total
    })
  })
  return byChance === 0 ? null : 1 - seen / byChance
}

/** One line a row for terminals: name, count, kappa, exact, within one. */
export function agreementTable(rows: readonly { name: string; agreement: Agreement }[]): string {
  const width = Math.max(4, ...rows.map((row) => row.name.length))
  const lines = rows.map(({ name, agreement }) =>
    [
      name.padEnd(width),
      String(agreement.count).padStart(5),
      (agreement.kappa?.toFixed(2) ?? '-').padStart(6),
      `${(agreement.exact * 100).toFixed(0)} %`.padStart(6),
      `${(agreement.withinOne * 100).toFixed(0)} %`.padStart(10),
    ].join(' '),
  )
  return [`${'axis'.padEnd(width)} count  kappa  exact within one`, ...lines].join('\n')
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
