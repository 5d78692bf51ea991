/** What `eval` prints of labelled cases: one column a scorer, then where the scores went. */
import Table from 'cli-table3'
import type { Agreement } from '../domain/scoring/agreement.ts'
import { scoreValues } from '../domain/scoring/score.ts'
import { type Axis, axes } from './cases.ts'
import { countBy, type Measured, mutualAgreement, scoresOf, type Usage } from './measure.ts'

const axisNames: Record<Axis, string> = {
  fitScore: 'fit',
  intentScore: 'intent',
  overallScore: 'overall',
}
/** More are a matter for a file. */
const CASES_LISTED = 10

const style = { head: [], border: [], compact: true }

export function report(runs: readonly Measured[]): string {
  const blocks = [summary(runs), ...runs.map(confusions)]
  const [one, other] = runs
  if (one && other) blocks.push(mutual(one, other))
  for (const run of runs) blocks.push(...misses(run), ...unscored(run))
  return blocks.join('\n')
}

function summary(runs: readonly Measured[]): string {
  const head = ['', ...runs.map(({ name }) => name)]
  const table = new Table({ head, colAligns: ['left', ...runs.map(() => 'right' as const)], style })
  const row = (name: string, of: (run: Measured) => string) => table.push([name, ...runs.map(of)])
  row('scored', ({ agreement, cases }) => `${agreement.overallScore.count}/${cases.length}`)
  for (const axis of axes) {
    row(`${axisNames[axis]}: kappa`, ({ agreement }) => kappa(agreement[axis]))
    row('  exact', ({ agreement }) => percent(agreement[axis].exact))
    row('  within one', ({ agreement }) => percent(agreement[axis].withinOne))
  }
  for (const [name, of] of usageRows) row(name, ({ usage }) => of(usage))
  row('answered by', ({ answeredBy }) => counted(answeredBy) || '–')
  return table.toString()
}

export const usageRows: readonly (readonly [string, (usage: Usage) => string])[] = [
  ['calls', ({ calls }) => String(calls)],
  ['tokens in', ({ inputTokens }) => String(inputTokens)],
  ['  of these cached', ({ cachedTokens }) => String(cachedTokens)],
  ['tokens out', ({ outputTokens }) => String(outputTokens)],
  ['cost', ({ costUsd }) => (costUsd === null ? 'unknown' : `$${costUsd.toFixed(5)}`)],
  ['latency p50', ({ p50Ms }) => duration(p50Ms)],
  ['latency p95', ({ p95Ms }) => duration(p95Ms)],
]

/** Rows: the label; columns: the score. */
function confusions({ name, agreement }: Measured): string {
  const colAligns = Array.from({ length: 13 }, () => 'right' as const)
  const table = new Table({ colAligns, style })
  table.push(['', ...axes.map((axis) => ({ content: axisNames[axis], colSpan: 4 }))])
  table.push(['', ...axes.flatMap(() => scoreValues.map(String))])
  for (const [index, label] of scoreValues.entries()) {
    const cells = axes.flatMap((axis) => agreement[axis].confusion[index] ?? [])
    table.push([String(label), ...cells.map((count) => (count === 0 ? '·' : String(count)))])
  }
  return `${name}: labels in rows, its scores in columns\n${table.toString()}`
}

function mutual(one: Measured, other: Measured): string {
  const agreement = mutualAgreement(one, other)
  const parts = axes.map(
    (axis) =>
      `${axisNames[axis]} ${kappa(agreement[axis])} (${percent(agreement[axis].exact)} equal)`,
  )
  return `${other.name} against ${one.name}, kappa: ${parts.join(', ')}`
}

/** The scores that no reading of the rubric explains. */
function misses({ name, cases, outcomes }: Measured): string[] {
  const lines = cases.flatMap((labelled, index) => {
    const scores = scoresOf(outcomes[index])
    const far = axes.filter((axis) => scores && Math.abs(labelled[axis] - scores[axis]) > 1)
    const shown = far.map((axis) => `${axisNames[axis]} ${labelled[axis]} → ${scores?.[axis]}`)
    return far.length > 0 ? [`  ${labelled.id}: ${shown.join(', ')}`] : []
  })
  return listed(`${name}, off by two or more`, lines)
}

function unscored({ name, cases, outcomes }: Measured): string[] {
  const lines = cases.flatMap(({ id }, index) => {
    const outcome = outcomes[index]
    return outcome && 'reason' in outcome ? [`  ${id}: ${outcome.reason}`] : []
  })
  return listed(`${name}, without a score`, lines)
}

function listed(title: string, lines: string[]): string[] {
  if (lines.length === 0) return []
  const more = lines.length > CASES_LISTED ? [`  and ${lines.length - CASES_LISTED} more`] : []
  return [`${title} (${lines.length}):`, ...lines.slice(0, CASES_LISTED), ...more]
}

/** The line for machines. */
export function figures({ agreement, usage }: Measured) {
  return {
    cases: agreement.overallScore.count,
    kappaFit: rounded(agreement.fitScore.kappa),
    kappaIntent: rounded(agreement.intentScore.kappa),
    kappaOverall: rounded(agreement.overallScore.kappa),
    ...usageFigures(usage),
  }
}

export function usageFigures({ costUsd, p95Ms }: Usage) {
  return { costUsd: rounded(costUsd, 8), p95Ms: rounded(p95Ms, 1) }
}

/** What had to be asked again; nothing where nothing had. */
export function retried(reasons: readonly { reason: string }[]): string[] {
  const counts = counted(countBy(reasons.map(({ reason }) => reason)))
  return counts === '' ? [] : [`asked again: ${counts}`]
}

function counted(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${count} × ${what}`).join(', ')
}

export function rounded(value: number | null, digits = 4): number | null {
  return value === null ? null : Number(value.toFixed(digits))
}

const kappa = ({ kappa }: Agreement) => kappa?.toFixed(2) ?? '–'
export const percent = (share: number) => `${(share * 100).toFixed(0)} %`

function duration(ms: number | null): string {
  if (ms === null) return '–'
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}
