/** The model table: prices, efforts, and the day a model ends. */
import * as assert from 'uvu/assert'
import {
  costUsd,
  effortFor,
  factsOf,
  hasShutDown,
  models,
  modelToUse,
} from '../../../src/domain/scoring/models.ts'
import { suite } from '../../support/suite.ts'

const test = suite('scoring models')
const million = { inputTokens: 1_000_000, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0 }

test('a cost is made of plain, cached and written input, and output', () => {
  const usage = {
    inputTokens: 1200,
    cachedTokens: 1024,
    cacheWriteTokens: 100,
    outputTokens: 80,
  }
  const expected = (76 * 0.1 + 1024 * 0.01 + 100 * 0.125 + 80 * 0.5) / 1e6
  assert.ok(Math.abs((costUsd('gpt-6-luna', usage) ?? 0) - expected) < 1e-12)
})

test('a million plain input tokens cost the listed price', () => {
  assert.is(costUsd('gpt-5-nano', million), 0.05)
  assert.is(costUsd('gpt-6-luna', million), 0.1)
  assert.is(costUsd('gpt-5.6-luna', million), 0.2)
})

test('more cached than input tokens never make a negative cost', () => {
  const odd = { inputTokens: 10, cachedTokens: 500, cacheWriteTokens: 500, outputTokens: 0 }
  assert.is(costUsd('gpt-6-luna', odd), (10 * 0.01) / 1e6)
})

test('an unknown model has neither cost nor effort', () => {
  assert.is(costUsd('llama-9', million), null)
  assert.is(effortFor('llama-9'), undefined)
  assert.is(costUsd('gpt-5', million), null)
  assert.is(costUsd('gpt-5-nano-turbo', million), null)
})

test('a dated snapshot has the facts of its family', () => {
  assert.is(costUsd('gpt-6-luna-2026-09-22', million), 0.1)
  assert.is(factsOf('gpt-5-nano-2025-08-07')?.id, 'gpt-5-nano-2025-08-07')
})

test('luna is never asked for minimal, nano never for none', () => {
  assert.is(effortFor('gpt-5-nano'), 'minimal')
  for (const { id, effort } of models) {
    if (id.includes('luna')) assert.is(effort, 'none', id)
  }
})

test('the successor takes over at midnight UTC of the shutdown date', () => {
  const choice = { model: 'gpt-5-nano', successor: 'gpt-6-luna' }
  const before = new Date('2026-12-10T23:59:59.999Z')
  const from = new Date('2026-12-11T00:00:00.000Z')
  assert.is(modelToUse({ ...choice, now: before }), 'gpt-5-nano')
  assert.is(modelToUse({ ...choice, now: from }), 'gpt-6-luna')
  assert.is(modelToUse({ ...choice, model: 'gpt-5-nano-2025-08-07', now: from }), 'gpt-6-luna')
})

test('a model without an announced end, and an unknown one, stay', () => {
  const far = new Date('2040-01-01T00:00:00Z')
  assert.is(modelToUse({ model: 'gpt-6-luna', successor: 'x', now: far }), 'gpt-6-luna')
  assert.is(modelToUse({ model: 'llama-9', successor: 'x', now: far }), 'llama-9')
  assert.not(hasShutDown('llama-9', far))
})

test.run()
