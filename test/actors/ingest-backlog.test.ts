import * as assert from 'uvu/assert'
import {
  type Backlog,
  openBacklog,
  ROWS_MIN,
  WAIT_MAX_MS,
} from '../../src/actors/ingest-backlog.ts'
import { suite } from '../support/suite.ts'

const test = suite('backlog of an ingest channel')
let now: number
let backlog: Backlog
test.before.each(() => {
  now = 0
  backlog = openBacklog(() => now)
})

/** Joins until it is full; answers how many rows that were. */
function fill(rowsEach = 1): object[] {
  const joined: object[] = []
  while (!backlog.isFull()) {
    const offer = {}
    joined.push(offer)
    backlog.joined(offer, rowsEach)
  }
  return joined
}
/** Ten large groups that took so much for a row. */
const learn = (rowMs: number) => {
  for (let n = 0; n < 10; n++) backlog.committed(100, 100 * rowMs)
}

test('takes what is stored within the promised wait, by what rows have taken', () => {
  const stays = {}
  backlog.joined(stays, 1)
  for (const rowMs of [0.1, 0.5, 1]) {
    learn(rowMs)
    const offers = fill()
    const waitMs = (offers.length + 1) * rowMs
    assert.ok(waitMs > WAIT_MAX_MS * 0.9 && waitMs < WAIT_MAX_MS * 1.1, `${waitMs} ms`)
    for (const offer of offers) backlog.left(offer)
  }
})

test('counts rows, not offers', () => {
  const single = fill(1)
  for (const offer of single) backlog.left(offer)
  const offers = fill(10)
  assert.ok(offers.length <= single.length / 10 + 1)
})

test('a few are always taken, or a slow figure would never be mended', () => {
  backlog.joined({}, 1)
  learn(1000)
  assert.is(fill().length, ROWS_MIN)
})

test('small groups teach nothing: their time is that of a commit', () => {
  backlog.joined({}, 1)
  const before = fill()
  for (const offer of before) backlog.left(offer)
  for (let n = 0; n < 100; n++) backlog.committed(2, 20)
  assert.is(fill().length, before.length)
})

test('a backlog that nothing is taken from is full once its oldest waits too long', () => {
  const oldest = {}
  backlog.joined(oldest, 1)
  backlog.joined({}, ROWS_MIN)
  assert.is(backlog.isFull(), false)
  now = WAIT_MAX_MS + 1
  assert.is(backlog.isFull(), true)
  backlog.joined({}, 1)
  backlog.left(oldest)
  assert.is(backlog.isFull(), true)
})

test('rest makes it forget: the next burst is not judged by the last', () => {
  const offer = {}
  backlog.joined(offer, 1)
  learn(1000)
  backlog.left(offer)
  assert.ok(fill().length > ROWS_MIN + 1)
})

test.run()
