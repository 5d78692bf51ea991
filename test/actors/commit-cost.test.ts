import * as assert from 'uvu/assert'
import { commitCost } from '../../src/actors/commit-cost.ts'
import { createRandom } from '../../src/simulate/random.ts'
import { suite } from '../support/suite.ts'

const test = suite('what commits cost')

/** Commits of 1 to 80 rows on a database with these costs, each up to a fifth quicker or slower. */
function seen(cost: ReturnType<typeof commitCost>, fixedMs: number, rowMs: number, times: number) {
  const random = createRandom(5)
  for (let n = 0; n < times; n++) {
    const rows = 1 + Math.floor(random.next() * 80)
    cost.group(rows, (fixedMs + rowMs * rows) * (0.8 + 0.4 * random.next()))
  }
}
function near(actual: number, wanted: number, by: number): void {
  assert.ok(Math.abs(actual - wanted) <= by, `${actual} for ${wanted}`)
}

test('nothing seen, nothing charged', () => {
  assert.is(commitCost().fixedMs(), 0)
})

test('tells the part of the commit from the part of its rows', () => {
  for (const [fixedMs, rowMs] of [
    [60, 0.2],
    [5, 0.4],
    [10, 1],
  ] as const) {
    const cost = commitCost()
    seen(cost, fixedMs, rowMs, 200)
    near(cost.fixedMs(), fixedMs, Math.max(4, fixedMs / 5))
    near(cost.rowMs(), rowMs, Math.max(0.1, rowMs / 4))
  }
})

test('a few commits tell as much as they can, and the first of a cold process is soon no more than one', () => {
  const cost = commitCost()
  cost.group(1, 200)
  for (let n = 0; n < 9; n++) cost.group(1, 10)
  near(cost.fixedMs(), 29, 1)
})

test('commits of one size: a row costs what is supposed, the rest is fixed', () => {
  const cost = commitCost()
  for (let n = 0; n < 100; n++) cost.group(16, 60)
  near(cost.fixedMs(), 60 - 16 * 0.4, 0.1)
})

test('follows a database that got slower, within a hundred and fifty commits', () => {
  const cost = commitCost()
  seen(cost, 5, 0.3, 500)
  seen(cost, 60, 0.3, 150)
  near(cost.fixedMs(), 60, 10)
})

test('one standstill does not make a slow disk', () => {
  const cost = commitCost()
  seen(cost, 5, 0.3, 100)
  cost.group(20, 30_000)
  assert.ok(cost.fixedMs() < 20, `${cost.fixedMs()}`)
})

test('never less than nothing', () => {
  const cost = commitCost()
  for (let n = 0; n < 100; n++) cost.group(n % 2 === 0 ? 1 : 100, n % 2 === 0 ? 50 : 10)
  assert.ok(cost.rowMs() > 0)
  const steep = commitCost()
  for (let n = 0; n < 100; n++) steep.group(n % 2 === 0 ? 50 : 60, n % 2 === 0 ? 1 : 100)
  assert.ok(steep.fixedMs() >= 0)
})

test.run()
