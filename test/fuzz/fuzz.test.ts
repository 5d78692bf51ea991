/** The short form of `npm run fuzz`: a new seed each time, which a failure names. */
import * as assert from 'uvu/assert'
import { suite } from '../support/suite.ts'
import { parts } from './parts.ts'
import { type FuzzedServer, fuzzedServer } from './routes.ts'
import { runPart } from './run.ts'

const test = suite('fuzzing, short form', 120_000)
const RUNS = 8000
const seed = Math.floor(Math.random() * 2 ** 31)
let server: FuzzedServer

test.before(async () => {
  server = await fuzzedServer()
})
test.after(() => server.close())

test('parsers, signatures, frames, filters, texts and configuration do nothing they must not', async () => {
  let inputs = 0
  for (const part of parts) {
    const { runs, failure } = await runPart(part, RUNS, seed)
    assert.is(failure, null, `${part.name}: ${failure}`)
    inputs += runs
  }
  console.log(`fuzzing: ${inputs} inputs to ${parts.length} parts, seed ${seed}`)
})

test('no route and no webhook answers 5xx', async () => {
  let inputs = 0
  for (const part of server.parts) {
    const { runs, failure } = await runPart(part, RUNS, seed)
    assert.is(failure, null, `${part.name}: ${failure}`)
    inputs += runs
  }
  console.log(`fuzzing: ${inputs} requests, ${[...server.statuses].map(String).join(' ')}`)
})

test.run()
