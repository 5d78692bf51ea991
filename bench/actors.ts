/**
 * `npm run bench:actors`: what a live lead costs. Memory of leads active at once, what is left behind
 * by leads that passed through, and the price of one more lead among many. Tables, then a JSON line.
 *
 *   npm run bench:actors               a million leads pass, about two minutes
 *   npm run bench:actors -- --quick    a hundred thousand, half a minute
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Table from 'cli-table3'
import { Command } from 'commander'
import type { CostFigure, MemoryFigure, PassFigure } from './actors/probes.ts'

const { quick } = new Command()
  .option('--quick', 'fewer leads, half a minute')
  .parse()
  .opts<{ quick?: true }>()
const passing = quick ? 100_000 : 1_000_000
const perRound = quick ? 10_000 : 50_000
/** The full pass takes about a minute here; a machine ten times slower still gets its figure. */
const PROBE_MS_MAX = 600_000

const run = promisify(execFile)
async function probe<Figure>(...what: (string | number)[]): Promise<Figure> {
  const file = join(import.meta.dirname, 'actors', 'probe.ts')
  const { stdout } = await run(process.execPath, ['--expose-gc', file, ...what.map(String)], {
    timeout: PROBE_MS_MAX,
  })
  return JSON.parse(stdout) as Figure
}

function print(head: string[], rows: (string | number)[][]): void {
  const table = new Table({ head, style: { head: [], border: [] } })
  const local = (cell: string | number) =>
    typeof cell === 'number' ? cell.toLocaleString('en') : cell
  table.push(...rows.map((row) => row.map(local)))
  process.stdout.write(`${table.toString()}\n`)
}

const memory: MemoryFigure[] = []
for (const phase of ['Quiet', 'Queued']) {
  for (const leads of [1000, 10_000, 100_000]) memory.push(await probe('memory', leads, phase))
}
print(
  ['leads active', 'phase', 'MB', 'bytes per lead', 'MB resident'],
  memory.map((figure) => Object.values(figure)),
)

const pass = await probe<PassFigure>('pass', passing)
print(
  ['passed through', 'heap MB', 'timers', 'actors'],
  [
    ['before', ...Object.values(pass.before)],
    [`after ${passing.toLocaleString('en')} in ${pass.seconds} s`, ...Object.values(pass.after)],
  ],
)

const cost: CostFigure[] = []
for (const live of [100, 1000, 10_000, 100_000]) cost.push(await probe('cost', live, perRound))
print(
  ['live leads', 'µs per lead', 'µs per message'],
  cost.map((figure) => Object.values(figure)),
)
process.stdout.write(`${JSON.stringify({ memory, pass, cost })}\n`)
