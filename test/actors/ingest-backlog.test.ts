/**
 * The bound, on databases that are reckoned: offers come at a steady rate, one commit at a time takes
 * what waits then, and a clock of the test says how long. The real ones are in `bench/overload.ts`.
 */
import * as assert from 'uvu/assert'
import { commitCost } from '../../src/actors/commit-cost.ts'
import {
  type Backlog,
  type IngestBacklog,
  ingestBacklog,
  ROWS_MAX,
  ROWS_MIN,
  WAIT_MAX_MS,
} from '../../src/actors/ingest-backlog.ts'
import { percentile } from '../../src/simulate/report.ts'
import { suite } from '../support/suite.ts'

const test = suite('backlog of the ingest')
/** Rows of 0.4 ms each that can be stored in 160 ms. */
const AT_REST = 400
let now: number
let fixedMs: number
let rowMs: number
let all: IngestBacklog
let backlog: Backlog
test.before.each(() => {
  now = 0
  fixedMs = 0
  rowMs = 0.4
  all = ingestBacklog(() => now, { fixedMs: () => fixedMs, rowMs: () => rowMs })
  backlog = all.channel()
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
/** Fills it and stores all of it after so long, over and over. */
function flood(waitMs: number, times: number): void {
  for (let n = 0; n < times; n++) {
    const group = fill()
    now += waitMs
    store(group)
  }
}

interface Outcome {
  offered: number
  refused: number
  /** Of those stored. */
  waits: number[]
}

/** `commitMs`: of a group of so many rows that begins then. */
function run(
  seconds: number,
  { rate, commitMs }: { rate: number; commitMs: (rows: number, at: number) => number },
): Outcome {
  const outcome: Outcome = { offered: 0, refused: 0, waits: [] }
  const until = now + seconds * 1000
  let waiting: { offer: object; at: number }[] = []
  let group: typeof waiting = []
  let doneAt = Number.POSITIVE_INFINITY
  let dueAt = now
  while (now < until) {
    now = Math.min(dueAt, doneAt)
    if (doneAt <= now) {
      outcome.waits.push(...group.map(({ at }) => now - at))
      store(group.map(({ offer }) => offer))
      group = []
    } else {
      dueAt += 1000 / rate
      outcome.offered += 1
      if (backlog.isFull()) outcome.refused += 1
      else waiting.push({ offer: join(1), at: now })
    }
    if (group.length > 0) continue
    group = waiting
    waiting = []
    doneAt = group.length > 0 ? now + commitMs(group.length, now) : Number.POSITIVE_INFINITY
  }
  leave([...group, ...waiting].map(({ offer }) => offer))
  return outcome
}
/** Where nothing was stored, no comparison holds. */
const p99Of = (waits: number[]) => percentile(waits, 0.99) ?? Number.NaN

test('below the capacity nothing is refused, however often the database pauses', () => {
  // A group of a hundred takes 40 ms: 2,500 a second. Of 1,500 a second, 120 ms bring 180.
  fixedMs = 10
  rowMs = 0.3
  for (const everyMs of [600, 900, 1500]) {
    let paused = now
    const { refused, offered } = run(20, {
      rate: 1500,
      commitMs(rows, at) {
        const pause = at - paused > everyMs ? 120 : 0
        if (pause > 0) paused = at
        return 10 + 0.3 * rows + pause
      },
    })
    assert.is(refused, 0, `every ${everyMs} ms: ${refused} of ${offered}`)
  }
})

test('beyond it, those who are taken wait as promised, whether rows are dear or cheap', () => {
  for (const rowMs of [0.1, 0.3, 1]) {
    const commitMs = (rows: number) => 10 + rowMs * rows
    const rate = 3000 / rowMs
    run(1, { rate, commitMs })
    const { waits, refused } = run(5, { rate, commitMs })
    const ms = p99Of(waits)
    assert.ok(ms <= 1.6 * WAIT_MAX_MS && ms >= WAIT_MAX_MS / 2, `${rowMs}: p99 ${ms} ms`)
    assert.ok(refused > 0)
    // Groups of half the bound take WAIT_MAX_MS / 2; that is what the database could do with them.
    const best = 5000 * ((WAIT_MAX_MS / 2 - 10) / rowMs / (WAIT_MAX_MS / 2))
    assert.ok(waits.length > 0.7 * best, `${rowMs}: ${waits.length} of ${best}`)
  }
})

test('a slow time leaves no small bound that keeps itself small', () => {
  const commitMs = (rows: number) => 15 + 0.25 * rows
  run(3, { rate: 1500, commitMs: (rows) => 10 * commitMs(rows) })
  run(1, { rate: 1500, commitMs })
  const { refused, offered } = run(5, { rate: 1500, commitMs })
  assert.is(refused, 0, `${refused} of ${offered}`)
})

test('it finds its bound again while more comes than ever', () => {
  const commitMs = (rows: number) => 15 + 0.25 * rows
  run(3, { rate: 8000, commitMs: (rows) => 10 * commitMs(rows) })
  run(1, { rate: 8000, commitMs })
  const { waits } = run(3, { rate: 8000, commitMs })
  assert.ok(waits.length > 3 * 2000, `${waits.length} stored in three seconds`)
})

test('on a disk that is slow by itself it does not shrink to nothing', () => {
  const commitMs = (rows: number) => 60 + 0.2 * rows
  run(5, { rate: 3000, commitMs })
  const { waits: unknown } = run(5, { rate: 3000, commitMs })
  fixedMs = 60
  run(5, { rate: 3000, commitMs })
  const { waits } = run(5, { rate: 3000, commitMs })
  assert.ok(waits.length > 2 * unknown.length, `${waits.length} after ${unknown.length}`)
  assert.ok(p99Of(waits) < 250, `p99 ${p99Of(waits)} ms`)
})

test('where waits differ, it takes fewer: the slowest are to be answered in time, too', () => {
  const steady = (rows: number) => 10 + 0.4 * rows
  run(1, { rate: 6000, commitMs: steady })
  const { waits: even } = run(5, { rate: 6000, commitMs: steady })
  let n = 0
  const uneven = (rows: number) => steady(rows) * (n++ % 4 === 0 ? 2.5 : 0.5)
  run(1, { rate: 6000, commitMs: uneven })
  const { waits } = run(5, { rate: 6000, commitMs: uneven })
  assert.ok(waits.length < 0.9 * even.length, `${waits.length} and ${even.length} stored`)
  assert.ok(p99Of(waits) < 2 * WAIT_MAX_MS, `p99 ${p99Of(waits)} ms`)
})

test('the costs that commits show suit it, also where rows are dear', () => {
  const cost = commitCost()
  all = ingestBacklog(() => now, cost)
  backlog = all.channel()
  const commitMs = (rows: number) => {
    const ms = 5 + 3 * rows
    cost.group(rows, ms)
    return ms
  }
  run(3, { rate: 1000, commitMs })
  const { waits } = run(5, { rate: 1000, commitMs })
  assert.ok(p99Of(waits) < 2 * WAIT_MAX_MS, `p99 ${p99Of(waits)} ms`)
})

test('while nobody is refused it gets back to what it was out of rest, and no further', () => {
  flood(490, 30)
  now += 1
  const calm = (times: number, rows: number) => {
    for (let n = 0; n < times; n++) {
      const group = Array.from({ length: rows }, () => join(1))
      now += 20
      store(group)
    }
  }
  calm(2, 20)
  const soon = fill()
  leave(soon)
  assert.ok(soon.length > ROWS_MIN + 1 && soon.length < AT_REST / 2, `${soon.length}`)
  now += 1
  // Less than the second after which it would be at rest anyway.
  calm(45, 60)
  assert.is(fill().length, AT_REST + 1)
})

test('who waits for too long tells it all the same: connections may be all that holds them back', () => {
  for (let n = 0; n < 10; n++) {
    const group = Array.from({ length: 200 }, () => join(1))
    now += 2 * WAIT_MAX_MS
    store(group)
  }
  assert.ok(fill().length < AT_REST / 2)
})

test('counts rows, not offers', () => {
  assert.is(fill(10).length, Math.floor(AT_REST / 10) + 1)
})

test('out of rest it takes what can be stored soon, by what commits have cost', () => {
  const taken = () => {
    now += 10_000
    const offers = fill()
    leave(offers)
    return offers.length - 1
  }
  rowMs = 0.94
  fixedMs = 30
  assert.is(taken(), 130)
  // A group has 500 rows: 60 ms for two of them, 65 for the rows, and 30 for the one under way.
  rowMs = 0.05
  assert.is(taken(), 1181)
  // Dear commits, as the first ones of a process are, leave room for a burst all the same.
  rowMs = 0.6
  fixedMs = 200
  assert.is(taken(), WAIT_MAX_MS)
})

test('however quick the commits are, there is an end to it', () => {
  flood(20, 100)
  assert.is(fill().length, ROWS_MAX + 1)
})

test('a few are always taken, or the bound would never be mended', () => {
  flood(490, 30)
  assert.is(fill().length - 1, ROWS_MIN)
})

test('what was not stored teaches nothing: a database that is away fails at once', () => {
  flood(WAIT_MAX_MS, 10)
  const before = fill()
  leave(before)
  for (let n = 0; n < 100; n++) leave(fill())
  assert.is(fill().length, before.length)
})

test('a backlog that nothing is taken from is full once its oldest waits too long', () => {
  const stays = join(ROWS_MIN + 1)
  assert.is(backlog.isFull(), false)
  now = 501
  assert.is(backlog.isFull(), true)
  leave([stays])
  assert.is(backlog.isFull(), false)
})

test('one channel that stands still does not narrow the others', () => {
  const stuck = all.channel()
  join(ROWS_MIN, stuck)
  for (let n = 0; n < 50; n++) {
    const group = Array.from({ length: 20 }, () => join(1))
    now += 20
    store(group)
  }
  const taken = fill().length
  assert.ok(taken > AT_REST / 2 - ROWS_MIN, `${taken} taken`)
})

test('rest makes it forget: the next burst is not judged by the last', () => {
  flood(490, 30)
  now += 900
  const taken = fill()
  assert.is(taken.length - 1, ROWS_MIN)
  leave(taken)
  now += 1001
  assert.is(fill().length, AT_REST + 1)
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

test('an offer that left already leaves once', () => {
  const offers = fill()
  leave(offers)
  leave(offers)
  assert.is(fill().length, offers.length)
})

test.run()
