import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { gate } from '../../src/actors/gate.ts'
import { suite } from '../support/suite.ts'

const test = suite('gate in front of the LLM')

test('grants up to the limit at once, then the longest unscored lead first', () => {
  const order: string[] = []
  const { acquire } = gate(1)
  const first = acquire(5, () => order.push('first'))
  const young = acquire(9, () => order.push('young'))
  const old = acquire(1, () => order.push('old'))
  const alsoYoung = acquire(9, () => order.push('also young'))
  for (const permit of [first, old, young, alsoYoung]) permit.release()
  assert.equal(order, ['first', 'old', 'young', 'also young'])
})

test('a permit released twice frees one place, one released while waiting frees none', () => {
  const one = gate(1)
  const held = one.acquire(1, () => {})
  const waiting = one.acquire(2, () => {})
  waiting.release()
  held.release()
  held.release()
  assert.equal(one.meters(), { limit: 1, held: 0, waiting: 0 })
  one.acquire(3, () => {})
  one.acquire(4, () => {})
  assert.equal(one.meters(), { limit: 1, held: 1, waiting: 1 })
})

test('whatever happens: never above the limit, and no permit leaks', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ since: fc.nat(20), release: fc.nat(10) }), { maxLength: 60 }),
      (limit, steps) => {
        const one = gate(limit)
        const permits: { release(): void }[] = []
        for (const { since, release } of steps) {
          permits.push(one.acquire(since, () => {}))
          permits[release]?.release()
          const { held, waiting } = one.meters()
          assert.ok(held <= limit)
          assert.ok(waiting === 0 || held === limit, 'nobody waits beside a free place')
        }
        for (const permit of permits) permit.release()
        assert.equal(one.meters(), { limit, held: 0, waiting: 0 })
      },
    ),
  )
})

test.run()
