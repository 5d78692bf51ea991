import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { isExactTime, pageOf } from '../../src/domain/page.ts'
import { pageAnswer, pageRequest, timeKeySchema } from '../../src/http/pagination.ts'
import { Problem } from '../../src/http/problem.ts'
import { suite } from '../support/suite.ts'

const pagination = suite('pagination')

pagination('a key comes back as it went', () => {
  const next = { at: '2026-01-06T10:00:00.000001Z', id: '01890a5d-ac96-774b-bcce-b302099a8057' }
  const { nextCursor } = pageAnswer({ rows: [], next })
  assert.match(nextCursor ?? '', /^[\w-]+$/)
  const page = pageRequest({ limit: 7, cursor: nextCursor ?? '' }, timeKeySchema)
  assert.equal(page, { limit: 7, after: next })
})

pagination('no cursor starts at the start, and the last page has none', () => {
  assert.equal(pageRequest({ limit: 1 }, z.number()), { limit: 1, after: null })
  assert.equal(pageAnswer({ rows: [1], next: null }), { items: [1], nextCursor: null })
})

pagination('a page that is exactly full is known to be the last', () => {
  const key = (n: number) => n
  assert.equal(pageOf([1, 2], 2, key), { rows: [1, 2], next: null })
  assert.equal(pageOf([1, 2, 3], 2, key), { rows: [1, 2], next: 2 })
  assert.equal(pageOf([], 2, key), { rows: [], next: null })
})

pagination('whatever a client makes up is its mistake and never ours', () => {
  void fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.json()), (raw) => {
      for (const cursor of [raw, Buffer.from(raw).toString('base64url')]) {
        try {
          pageRequest({ limit: 1, cursor }, timeKeySchema)
          return false
        } catch (error) {
          if (!(error instanceof Problem) || error.code !== 'validation') return false
        }
      }
      return true
    }),
  )
})

pagination('a time is one that PostgreSQL takes', () => {
  assert.is(isExactTime('2024-02-29T23:59:59.999999Z'), true)
  for (const wrong of [
    '2026-02-29T00:00:00.000000Z',
    '2026-13-01T00:00:00.000000Z',
    '2026-01-01T24:00:00.000000Z',
    '2026-01-01T00:00:60.000000Z',
    '0000-01-01T00:00:00.000000Z',
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00.000000+00:00',
    'infinity',
    '',
  ]) {
    assert.is(isExactTime(wrong), false, wrong)
  }
})

pagination.run()
