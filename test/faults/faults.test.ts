/** The fault matrix: each fault through the real job path, and the table as the documents show it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type LlmApp, llmApp } from '../support/llm-app.ts'
import { suite } from '../support/suite.ts'
import { faultTable, phases } from './faults.ts'
import { observe } from './observe.ts'

const test = suite('fault matrix')
let llm: LlmApp

test.before(async () => {
  llm = await llmApp()
})
test.after(() => llm.close())

for (const phase of phases()) {
  test(phase.map(({ name, next }) => `${name}: ${next.how}`).join('; '), async () => {
    await observe(llm, phase)
    assert.equal(llm.fake.breaches, [])
  })
}

test('docs/faults.md shows this table', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/faults.md'), 'utf8')
  assert.ok(document.includes(`\n${faultTable()}\n`), 'run npm run fault-matrix and put it there')
})

test.run()
