/** One figure, as one JSON line: `node --expose-gc bench/actors/probe.ts memory 100000 Quiet`. */
import { cost, memory, passThrough } from './probes.ts'

const [what, ...values] = process.argv.slice(2)
const [first, second] = values.map(Number) as [number, number]
const figure =
  what === 'memory'
    ? await memory(first, values[1] === 'Quiet' ? 'Quiet' : 'Queued')
    : what === 'pass'
      ? await passThrough(first)
      : await cost(first, second)
process.stdout.write(`${JSON.stringify(figure)}\n`)
process.exit(0)
