/** The overall guideline, cell by cell as the rubric words it. */
import * as assert from 'uvu/assert'
import { isAllowedDeparture, overallOf } from '../../../src/domain/scoring/overall.ts'
import { type ScoreValue, scoreValues } from '../../../src/domain/scoring/score.ts'
import { suite } from '../../support/suite.ts'

const overall = suite('overall score')

const rubric: [ScoreValue, ScoreValue, ScoreValue][] = [
  [2, 2, 2],
  [2, 3, 2],
  [3, 2, 2],
  [2, 4, 3],
  [3, 3, 3],
  [4, 2, 3],
  [4, 3, 3],
  [3, 4, 4],
  [4, 4, 4],
]

overall('is 1 whenever fit or intent is 1', () => {
  for (const score of scoreValues) {
    assert.is(overallOf(1, score), 1)
    assert.is(overallOf(score, 1), 1)
  }
})

for (const [fit, intent, expected] of rubric) {
  overall(`is ${expected} for fit ${fit} and intent ${intent}`, () => {
    assert.is(overallOf(fit, intent), expected)
  })
}

overall('never falls when fit or intent rises', () => {
  for (const fit of scoreValues) {
    for (const intent of scoreValues) {
      const here = overallOf(fit, intent)
      if (fit < 4) assert.ok(overallOf((fit + 1) as ScoreValue, intent) >= here)
      if (intent < 4) assert.ok(overallOf(fit, (intent + 1) as ScoreValue) >= here)
    }
  }
})

overall('may be departed from by one and not by two', () => {
  assert.ok(isAllowedDeparture(3, 3, 3))
  assert.ok(isAllowedDeparture(3, 3, 2))
  assert.ok(isAllowedDeparture(3, 3, 4))
  assert.not(isAllowedDeparture(3, 3, 1))
  assert.not(isAllowedDeparture(1, 4, 3))
  assert.not(isAllowedDeparture(4, 4, 2))
})

overall('refuses what is no score instead of inventing one', () => {
  assert.throws(() => overallOf(0 as ScoreValue, 3), /no overall score for fit 0, intent 3/)
  assert.throws(() => overallOf(3, 5 as ScoreValue), RangeError)
})

overall.run()
