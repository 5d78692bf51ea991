/**
 * What a live lead weighs and leaves behind, in small: the probes of `npm run bench:actors`, each in
 * a process of its own. The limit is what 100,000 leads may take of 300 MB.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import type { MemoryFigure, PassFigure } from '../../bench/actors/probes.ts'
import { suite } from '../support/suite.ts'

const BYTES_MAX = 3000
/** Leads. One that left its actor behind would show in the heap as well: 4,000 are 5 MB. */
const LEADS = 4000
const test = suite('weight of a live lead')

async function probe<Figure>(...what: (string | number)[]): Promise<Figure> {
  const file = join(import.meta.dirname, '../../bench/actors/probe.ts')
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--expose-gc', file, ...what.map(String)])
  return JSON.parse(stdout) as Figure
}

for (const phase of ['Quiet', 'Queued'] as const) {
  test(`${phase}: 100,000 leads at once would stay within 300 MB`, async () => {
    const { bytesPerLead } = await probe<MemoryFigure>('memory', LEADS, phase)
    assert.ok(bytesPerLead > 100, `${bytesPerLead} bytes: nothing was measured`)
    assert.ok(bytesPerLead < BYTES_MAX, `${bytesPerLead} bytes a lead`)
  })
}

test('leads that passed through leave no actor, no timer and no memory behind', async () => {
  const { before, after } = await probe<PassFigure>('pass', LEADS)
  assert.is(after.actors, before.actors)
  // Four were overtaken in a window of an hour; one timer may be the dispatcher's, for its next look.
  assert.ok(after.timers <= before.timers + 1, `${after.timers} timers, not ${before.timers}`)
  const growth = after.heapMegabytes - before.heapMegabytes
  assert.ok(growth < 2, `the heap has grown by ${growth} MB`)
})

test.run()
