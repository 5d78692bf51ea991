/** Agreement figures against values worked out by hand. */
import * as assert from 'uvu/assert'
import {
  agreementOf,
  agreementTable,
  quadraticWeightedKappa,
  type RatedPair,
} from '../../../src/domain/scoring/agreement.ts'
import { type ScoreValue, scoreValues } from '../../../src/domain/scoring/score.ts'
import { suite } from '../../support/suite.ts'

const agreement = suite('agreement')

const pairs = (...values: [ScoreValue, ScoreValue][]): RatedPair[] =>
  values.map(([expected, actual]) => ({ expected, actual }))

agreement('is complete when both raters say the same', () => {
  const same = agreementOf(pairs([1, 1], [2, 2], [3, 3], [4, 4]))
  assert.is(same.kappa, 1)
  assert.is(same.exact, 1)
  assert.is(same.withinOne, 1)
  assert.equal(same.confusion, [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ])
})

agreement('puts expected in rows and actual in columns', () => {
  assert.is(agreementOf(pairs([1, 4])).confusion[0]?.[3], 1)
  assert.is(agreementOf(pairs([4, 1])).confusion[3]?.[0], 1)
})

agreement('weighs a distance by its square', () => {
  // Seen: 1 + 0 + 0 + 1 = 2. By chance: rows (1,1,1,1), columns (0,2,2,0), each cell 1/4 or 1/2:
  // (1+4 + 0+1 + 1+0 + 4+1) * 2/4 = 6. Kappa = 1 - 2/6.
  const near = agreementOf(pairs([1, 2], [2, 2], [3, 3], [4, 3]))
  assert.ok(Math.abs((near.kappa ?? 0) - 2 / 3) < 1e-12)
  assert.is(near.exact, 0.5)
  assert.is(near.withinOne, 1)
})

agreement('is minus one when the raters turn the scale round', () => {
  assert.is(agreementOf(pairs([1, 4], [4, 1])).kappa, -1)
  assert.is(agreementOf(pairs([1, 4], [4, 1])).withinOne, 0)
})

agreement('is zero for a rater who always says the same', () => {
  assert.is(
    agreementOf(pairs(...scoreValues.map((score) => [score, 2] as [ScoreValue, 2]))).kappa,
    0,
  )
})

agreement('has no kappa where nothing varies, and none without pairs', () => {
  assert.is(agreementOf(pairs([2, 2], [2, 2])).kappa, null)
  const none = agreementOf([])
  assert.is(none.kappa, null)
  assert.is(none.exact, 0)
  assert.is(quadraticWeightedKappa(none.confusion), null)
})

agreement('prints one line per row with a dash for a missing kappa', () => {
  const lines = agreementTable([
    { name: 'fitScore', agreement: agreementOf(pairs([1, 1], [2, 3])) },
    { name: 'none', agreement: agreementOf([]) },
  ]).split('\n')
  assert.is(lines.length, 3)
  assert.match(lines[1] ?? '', /^fitScore +2 +0\.\d\d +50 % +100 %$/)
  assert.match(lines[2] ?? '', /^none +0 +- +0 % +0 %$/)
})

agreement.run()
