/**
 * `npm run fuzz -- [--runs 1000000] [--seed N]`: every parser, route, frame and filter with inputs
 * that nobody sane would send, on the embedded database. Ends with a table; exits 1 when something
 * answered 5xx, threw, accepted a false signature or changed a prototype.
 */
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { longestMs, type Part, parts } from './parts.ts'
import { fuzzedServer } from './routes.ts'

export interface PartResult {
  name: string
  runs: number
  /** Null: nothing went wrong. */
  failure: string | null
}

/** Runs a part its share of `runs` times, at least once. */
export async function runPart(part: Part, runs: number, seed: number): Promise<PartResult> {
  const numRuns = Math.max(1, Math.round((runs * part.percent) / 100))
  const details = await fc.check(part.property as fc.IAsyncProperty<[unknown]>, { numRuns, seed })
  const failure = details.failed ? fc.defaultReportMessage(details) : null
  return { name: part.name, runs: details.numRuns, failure: failure ?? null }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '7' },
    },
  })
  const runs = Number(values.runs)
  const seed = Number(values.seed)
  if (!Number.isInteger(runs) || runs < 100)
    throw new Error('--runs: takes a whole number from 100')
  const server = await fuzzedServer()
  const all = [...parts, ...server.parts]
  const results: PartResult[] = []
  for (const part of all) {
    const begun = performance.now()
    const result = await runPart(part, runs, seed)
    results.push(result)
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    const longest = longestMs.get(part.name)
    const stall = longest === undefined ? '' : `, longest ${longest.toFixed(1)} ms`
    process.stdout.write(`${part.name}: ${result.runs} inputs in ${seconds} s${stall}\n`)
    if (result.failure) process.stdout.write(`${result.failure}\n`)
  }
  await server.close()
  const failed = results.filter(({ failure }) => failure !== null)
  const total = results.reduce((sum, each) => sum + each.runs, 0)
  const statuses = [...server.statuses].sort().map(([status, count]) => `${count} × ${status}`)
  process.stdout.write(`answers: ${statuses.join(', ')}\n`)
  process.stdout.write(`${total} inputs, ${failed.length} parts failed\n`)
  process.exitCode = failed.length > 0 ? 1 : 0
}

if (import.meta.main) await main()
