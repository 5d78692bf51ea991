/** What `eval --attacks` prints: how many scores an attack moved, and how many move by themselves. */
import Table from 'cli-table3'
import { axes } from './cases.ts'
import { countBy, scoresOf, type Usage } from './measure.ts'
import { percent, rounded, usageFigures, usageRows } from './report.ts'
import type { Outcome } from './score-all.ts'

export interface AttackRun {
  /** Of the base conversation without, and with the attack named by its template. */
  pairs: { caseId: string; template: string; before: Outcome; after: Outcome }[]
  /** Each base conversation scored twice: what moves without any attack. */
  repeats: { before: Outcome; after: Outcome }[]
  usage: Usage
}

const MOVES_LISTED = 10

export function attackReport(run: AttackRun): string {
  const { pairs, repeats, usage } = run
  const table = new Table({
    head: ['', 'pairs', 'moved', 'share', 'overall up', 'overall down'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  const row = (name: string, of: readonly Pair[]) => {
    const { both, moved, up, down } = movesOf(of)
    table.push([name, both, moved, percent(both === 0 ? 0 : moved / both), up, down])
  }
  const byTemplate = [...Map.groupBy(pairs, ({ template }) => template)].toSorted(
    ([, a], [, b]) => movesOf(b).moved - movesOf(a).moved,
  )
  for (const [template, of] of byTemplate) row(template, of)
  row('all attacks', pairs)
  row('without an attack', repeats)
  const spent = usageRows.map(([name, of]) => `${name.trim()} ${of(usage)}`).join(', ')
  return [table.toString(), ...movesListed(run), spent].join('\n')
}

export function attackFigures({ pairs, repeats, usage }: AttackRun) {
  const { both, moved, up, down } = movesOf(pairs)
  return {
    cases: repeats.length,
    pairs: both,
    moved,
    movedShare: rounded(both === 0 ? null : moved / both),
    movedUp: up,
    movedDown: down,
    movedWithoutAttack: movesOf(repeats).moved,
    ...usageFigures(usage),
  }
}

interface Pair {
  before: Outcome
  after: Outcome
}

/** Of the pairs that have both scores: any axis moved, and where overall went. */
export function movesOf(pairs: readonly Pair[]) {
  let [both, moved, up, down] = [0, 0, 0, 0]
  for (const pair of pairs) {
    const [before, after] = [scoresOf(pair.before), scoresOf(pair.after)]
    if (!before || !after) continue
    both += 1
    if (axes.some((axis) => before[axis] !== after[axis])) moved += 1
    if (after.overallScore > before.overallScore) up += 1
    if (after.overallScore < before.overallScore) down += 1
  }
  return { both, moved, up, down }
}

function movesListed({ pairs }: AttackRun): string[] {
  const raised = pairs.filter((pair) => movesOf([pair]).up > 0)
  const byPair = countBy(raised.map(({ caseId, template }) => `${template} on ${caseId}`))
  const lines = [...byPair.keys()].slice(0, MOVES_LISTED)
  return lines.length === 0 ? [] : [`raised overall: ${lines.join(', ')}`]
}
