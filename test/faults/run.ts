/**
 * `npm run fault-matrix`: every fault of the table through the real job path, against a fake server
 * over real HTTP; prints the table of docs/faults.md and the longest call that the time limit ended.
 * Exit code 1 when one ends in another way than the table says, or is held for 1 s beyond its limit.
 */
import { llmApp } from '../support/llm-app.ts'
import { faultTable, phases, STALL_LIMIT_MS } from './faults.ts'
import { type Observed, observe } from './observe.ts'

const HELD_MS_MAX = STALL_LIMIT_MS + 1000

const llm = await llmApp()
const observed: Observed[] = []
let wrong = 0
for (const phase of phases()) {
  const names = phase.map(({ name }) => name).join('; ')
  try {
    observed.push(...(await observe(llm, phase)))
    process.stderr.write(`as documented: ${names}\n`)
  } catch (error) {
    wrong += 1
    process.stderr.write(`NOT as documented: ${names}: ${(error as Error).message}\n`)
  }
}
await llm.close()

const stalled = observed.filter(({ fault }) => fault.stalls)
const slowest = stalled.toSorted((a, b) => b.heldMs - a.heldMs)[0]
const held = slowest ? `${slowest.heldMs} ms (${slowest.fault.name})` : 'none'
process.stdout.write(
  `${faultTable()}\n\nlongest of the calls that end by the time limit: ${held}, limit ${STALL_LIMIT_MS} ms\n`,
)
if (wrong > 0 || (slowest?.heldMs ?? 0) > HELD_MS_MAX) process.exitCode = 1
