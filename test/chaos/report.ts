/** The table of all scenarios, what went wrong, and the one JSON line that machines read. */
import Table from 'cli-table3'
import { percentile } from '../../src/simulate/report.ts'
import type { Outcome } from './scenario.ts'

const counted = [
  'kills',
  'acked',
  'lost',
  'duplicated',
  'overlapping',
  'stale',
  'unscored',
] as const
const faults = ['lost', 'duplicated', 'overlapping', 'stale', 'unscored'] as const
const FINDINGS_MAX = 25

export function table(outcomes: readonly Outcome[]): string {
  const head = ['', '', ...counted, 'parked', 'calls', 'recovery p50', 'p95', 'max']
  const lines = new Table({
    head,
    colAligns: head.map((_, index) => (index < 2 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  })
  for (const outcome of outcomes) {
    const { scenario, storage, recoveryMs } = outcome
    lines.push([
      scenario,
      storage,
      ...counted.map((name) => outcome[name]),
      outcome.parked,
      outcome.calls,
      seconds(percentile(recoveryMs, 0.5)),
      seconds(percentile(recoveryMs, 0.95)),
      seconds(percentile(recoveryMs, 1)),
    ])
  }
  return lines.toString()
}

/** What the table cannot say. */
export function remarks(outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ scenario, storage, notes, findings }) => [
    `${scenario} (${storage}): ${notes.join(' · ')}`,
    ...findings.slice(0, FINDINGS_MAX).map((finding) => `  FAULT ${finding}`),
    ...(findings.length > FINDINGS_MAX ? [`  and ${findings.length - FINDINGS_MAX} more`] : []),
  ])
}

export function summary(outcomes: readonly Outcome[]): Record<string, number | null> {
  const sums = counted.map((name) => [name, sum(outcomes.map((outcome) => outcome[name]))])
  const recoveryP95Ms = percentile(
    outcomes.flatMap(({ recoveryMs }) => recoveryMs),
    0.95,
  )
  return {
    ...(Object.fromEntries(sums) as Record<string, number>),
    recoveryP95Ms: recoveryP95Ms === null ? null : Math.round(recoveryP95Ms),
  }
}

export const isSound = (outcomes: readonly Outcome[]): boolean =>
  outcomes.every(
    (outcome) => outcome.findings.length === 0 && faults.every((name) => outcome[name] === 0),
  )

const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0)
const seconds = (ms: number | null) => (ms === null ? '–' : `${(ms / 1000).toFixed(1)} s`)
