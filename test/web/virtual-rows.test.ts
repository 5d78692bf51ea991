import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { visible } from '../../web/src/virtual-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('visible rows')
const sum = (heights: number[]) => heights.reduce((total, height) => total + height, 0)

test('draws the rows within the window and leaves room for the others', () => {
  const rows = visible(10_000, () => 50, { from: 5000, to: 6000 })
  assert.equal(rows, { first: 99, end: 120, aboveHeight: 4950, belowHeight: 494_000 })
})

test('an empty table has nothing to draw', () => {
  const rows = visible(0, () => 50, { from: 0, to: 1000 })
  assert.equal(rows, { first: 0, end: 0, aboveHeight: 0, belowHeight: 0 })
})

test('whatever the heights and the window, nothing is lost and few rows are drawn', () => {
  const heights = fc.array(fc.integer({ min: 20, max: 400 }), { minLength: 1, maxLength: 400 })
  fc.assert(
    fc.property(heights, fc.integer({ min: -2000, max: 200_000 }), (all, from) => {
      const rows = visible(all.length, (index) => all[index] as number, { from, to: from + 2700 })
      assert.is(rows.aboveHeight, sum(all.slice(0, rows.first)))
      assert.is(rows.belowHeight, sum(all.slice(rows.end)))
      assert.ok(rows.end > rows.first, 'at least one row, or the page would jump')
      assert.ok(rows.end - rows.first <= 160)
      if (rows.first > 0) assert.ok(rows.aboveHeight <= from, 'what is above is above')
    }),
    { numRuns: 500, seed: 7 },
  )
})

test.run()
