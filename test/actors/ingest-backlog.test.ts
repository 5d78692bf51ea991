import * as assert from 'uvu/assert'
import {
  type Backlog,
  type IngestBacklog,
  ingestBacklog,
  ROWS_MIN,
  WAIT_MAX_MS,
} from '../../src/actors/ingest-backlog.ts'
import { suite } from '../support/suite.ts'

const test = suite('backlog of the ingest')
let now: number
let all: IngestBacklog
let backlog: Backlog
/** Of the last `learn`: without it the backlog would be empty and forget. */
let stays: object[]
test.before.each(() => {
  now = 0
  all = ingestBacklog(() => now)
  backlog = all.channel()
  stays = [join(1)]
})

/** Joins until it is full; answers the offers. */
function fill(rowsEach = 1, on = backlog): object[] {
  const joined: object[] = []
  while (!on.isFull()) joined.push(join(rowsEach, on))
  return joined
}
function join(rows: number, on = backlog): object {
  const offer = {}
  on.joined(offer, rows)
  return offer
}
function leave(offers: object[], on = backlog): void {
  for (const offer of offers) on.left(offer)
}
function store(group: object[]): void {
  backlog.stored(group)
  leave(group)
}
/** Stores a hundred rows at a time, each row in so many milliseconds; never all that is open. */
function learn(rowMs: number, times = 10): void {
  for (let n = 0; n < times; n++) {
    const group = Array.from({ length: 100 }, () => join(1))
    now += rowMs * 100
    replaceStanding(() => store(group))
  }
}
function replaceStanding(meanwhile: () => void): void {
  const next = join(1)
  meanwhile()
  leave(stays)
  stays = [next]
}

test('takes what is stored within the promised wait, by what rows have taken', () => {
  for (const rowMs of [1, 0.5, 0.1]) {
    learn(rowMs, 20)
    const offers = fill()
    const waitMs = (offers.length + 1) * rowMs
    assert.ok(waitMs <= WAIT_MAX_MS && waitMs > WAIT_MAX_MS / 4, `${rowMs}: ${waitMs} ms`)
    leave(offers)
  }
})

test('learns that rows have become slower as soon as one waited for too long', () => {
  learn(0.1, 20)
  learn(1, 20)
  const offers = fill()
  assert.ok(offers.length + 1 <= WAIT_MAX_MS, `${offers.length} taken`)
})

test('what is stored as fast as it comes tells nothing of how fast that could be', () => {
  const atFirst = fill()
  leave(atFirst)
  // A thousand a second, and twenty of them in each commit.
  for (let n = 0; n < 100; n++) {
    const group = Array.from({ length: 20 }, () => join(1))
    now += 20
    replaceStanding(() => store(group))
  }
  assert.is(fill().length, atFirst.length)
})

test('where waits differ, it takes fewer: the slowest are to be answered in time, too', () => {
  for (let n = 0; n < 20; n++) learn(0.5, 1)
  const steady = fill()
  leave(steady)
  for (let n = 0; n < 20; n++) learn(n % 2 === 0 ? 0.1 : 0.9, 1)
  assert.ok(fill().length < steady.length / 2)
})

test('counts rows, not offers', () => {
  const single = fill(1)
  leave(single)
  const offers = fill(10)
  assert.ok(offers.length <= single.length / 10 + 1)
})

test('a few are always taken, or a slow figure would never be mended', () => {
  learn(1000)
  assert.is(fill().length, ROWS_MIN)
})

test('small groups teach nothing: their time is that of a commit', () => {
  const before = fill()
  leave(before)
  for (let n = 0; n < 100; n++) {
    const few = [join(1), join(1)]
    now += 20
    replaceStanding(() => store(few))
  }
  assert.is(fill().length, before.length)
})

test('what was not stored teaches nothing: a database that is away fails at once', () => {
  learn(1)
  const before = fill()
  leave(before)
  for (let n = 0; n < 100; n++) leave(Array.from({ length: 100 }, () => join(1)))
  assert.is(fill().length, before.length)
})

test('rows that failed while another waited do not make its database look fast', () => {
  learn(1, 20)
  const before = fill()
  leave(before)
  const group = Array.from({ length: 100 }, () => join(1))
  leave(Array.from({ length: 5000 }, () => join(1)))
  now += 100
  replaceStanding(() => store(group))
  assert.is(fill().length, before.length)
})

test('a backlog that nothing is taken from is full once its oldest waits too long', () => {
  join(ROWS_MIN)
  assert.is(backlog.isFull(), false)
  now = 501
  assert.is(backlog.isFull(), true)
  leave(stays)
  assert.is(backlog.isFull(), false)
})

test('rest makes it forget: the next burst is not judged by the last', () => {
  learn(1000)
  leave(stays)
  assert.ok(fill().length > ROWS_MIN + 1)
})

test('channels share it: a flood of one leaves the others their part, and no more', () => {
  const other = all.channel()
  const third = all.channel()
  const flood = fill()
  const quiet = fill(1, other)
  const late = fill(1, third)
  assert.is(backlog.isFull(), true)
  assert.ok(Math.abs(quiet.length - flood.length / 2) <= 1, `${flood.length}, ${quiet.length}`)
  assert.ok(Math.abs(late.length - flood.length / 3) <= 1, `${flood.length}, ${late.length}`)
  leave(quiet, other)
  leave(late, third)
  leave(flood.slice(0, 10))
  assert.is(fill().length, 10)
})

test('what one channel stored while another waited counts for both', () => {
  const other = all.channel()
  learn(0.5, 20)
  const waits = join(1, other)
  learn(0.5, 8)
  const before = fill()
  leave(before)
  // 800 rows were stored meanwhile: it waited 0.4 s, yet a row costs half a millisecond.
  other.stored([waits])
  other.left(waits)
  assert.ok(Math.abs(fill().length - before.length) < before.length / 4)
})

test('an offer that left already leaves once', () => {
  const offers = fill()
  leave(offers)
  leave(offers)
  assert.is(fill().length, offers.length)
})

test.run()
