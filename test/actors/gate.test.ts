import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { CallOutcome } from '../../src/actors/call-pace.ts'
import { type Clock, gate, type Permit } from '../../src/actors/gate.ts'
import { suite } from '../support/suite.ts'

const test = suite('gate in front of the LLM')
const workspaceId = 'w'
const nothing = () => {}

/** Time passes when the test says so. */
function handClock(): Clock & { pass(ms: number): void; timers(): number } {
  let now = 0
  const timers = new Map<object, { at: number; run: () => void }>()
  return {
    now: () => now,
    after(ms, run) {
      const key = {}
      timers.set(key, { at: now + ms, run })
      return () => void timers.delete(key)
    },
    pass(ms) {
      now += ms
      for (const [key, { at, run }] of [...timers]) {
        if (at <= now && timers.delete(key)) run()
      }
    },
    timers: () => timers.size,
  }
}

const idle = { held: 0, waiting: 0, pausedMs: 0, probing: false }

test('grants up to the limit at once, then the longest unscored lead first', () => {
  const order: string[] = []
  const { acquire } = gate({ limit: 1 })
  const first = acquire({ workspaceId, since: 5 }, () => order.push('first'))
  const young = acquire({ workspaceId, since: 9 }, () => order.push('young'))
  const old = acquire({ workspaceId, since: 1 }, () => order.push('old'))
  const alsoYoung = acquire({ workspaceId, since: 9 }, () => order.push('also young'))
  for (const permit of [first, old, young, alsoYoung]) permit.release()
  assert.equal(order, ['first', 'old', 'young', 'also young'])
})

test('a permit released twice frees one place, one released while waiting frees none', () => {
  const one = gate({ limit: 1 })
  const held = one.acquire({ workspaceId, since: 1 }, nothing)
  const waiting = one.acquire({ workspaceId, since: 2 }, nothing)
  waiting.release()
  held.release()
  held.release()
  assert.equal(one.meters(), { ...idle, limit: 1, limitMax: 1 })
  one.acquire({ workspaceId, since: 3 }, nothing)
  one.acquire({ workspaceId, since: 4 }, nothing)
  assert.equal(one.meters(), { ...idle, limit: 1, limitMax: 1, held: 1, waiting: 1 })
})

test('a quiet workspace is next, however many older leads another one has waiting', () => {
  const order: string[] = []
  const { acquire } = gate({ limit: 1 })
  const running: Pick<Permit, 'release'>[] = []
  const want = (workspace: string, since: number) => {
    const permit = acquire({ workspaceId: workspace, since }, () => {
      order.push(workspace)
      running.push({ release: () => permit.release() })
    })
  }
  for (let since = 0; since < 10_000; since++) want('noisy', since)
  want('quiet', 20_000)
  want('calm', 20_001)
  for (let turn = 0; turn < 3; turn++) running[turn]?.release()
  assert.equal(order, ['noisy', 'quiet', 'calm', 'noisy'])
})

test('one that asks for one call at a time gets no more turns than one with a backlog', () => {
  const order: string[] = []
  const { acquire } = gate({ limit: 1 })
  const running: Pick<Permit, 'release'>[] = []
  const want = (workspace: string) => {
    const permit = acquire({ workspaceId: workspace, since: 1 }, () => {
      order.push(workspace)
      running.push({ release: () => permit.release() })
    })
  }
  want('backlog')
  for (let index = 0; index < 10; index++) want('backlog')
  want('trickle')
  for (let turn = 0; turn < 12; turn++) {
    running[turn]?.release()
    if (order.at(-1) === 'trickle') want('trickle')
  }
  const trickled = order.filter((name) => name === 'trickle').length
  assert.ok(trickled >= 5 && trickled <= 7, order.join(' '))
})

test('a lower priority waits for every live lead, of whatever workspace', () => {
  const order: string[] = []
  const { acquire } = gate({ limit: 1 })
  const held = acquire({ workspaceId, since: 0 }, nothing)
  const backfill = { workspaceId: 'a', since: 1, priority: -10 }
  acquire(backfill, () => order.push('backfill'))
  const same = acquire({ workspaceId: 'a', since: 9 }, () => order.push('same workspace'))
  const other = acquire({ workspaceId: 'b', since: 9 }, () => order.push('other workspace'))
  for (const permit of [held, same, other]) permit.release()
  assert.equal(order, ['same workspace', 'other workspace', 'backfill'])
})

test('one that has become more urgent while it waits goes before all others of its old priority', () => {
  const order: string[] = []
  const { acquire } = gate({ limit: 1 })
  const held = acquire({ workspaceId, since: 0 }, nothing)
  const want = (name: string, workspace: string, since: number) =>
    acquire({ workspaceId: workspace, since, priority: -20 }, () => order.push(name))
  const first = want('first', 'a', 1)
  const second = want('second', 'a', 2)
  const other = want('other', 'b', 1)
  second.raise(0)
  second.raise(-10)
  held.release()
  assert.equal(order, ['second'])
  second.raise(0)
  for (const permit of [second, other, first]) permit.release()
  first.raise(0)
  assert.equal([...order].sort(), ['first', 'other', 'second'])
})

test('a 429 halves the limit once for calls under way together, and pauses for Retry-After', () => {
  const clock = handClock()
  const one = gate({ limit: 8, clock })
  const permits = Array.from({ length: 8 }, () => one.acquire({ workspaceId, since: 1 }, nothing))
  let granted = 0
  const waiting = Array.from({ length: 6 }, () =>
    one.acquire({ workspaceId, since: 2 }, () => (granted += 1)),
  )
  for (const permit of permits) permit.release({ rateLimited: { retryAfterMs: 5000 } })
  assert.equal(one.meters(), {
    limit: 4,
    limitMax: 8,
    held: 0,
    waiting: 6,
    pausedMs: 5000,
    probing: false,
  })
  clock.pass(4999)
  assert.is(granted, 0)
  clock.pass(1)
  assert.is(granted, 4)
  // Good calls raise it by one for each round of calls.
  for (const permit of waiting) permit.release({ ok: true })
  assert.is(one.meters().limit, 5)
  assert.is(clock.timers(), 0, 'no timer once nobody waits')
})

test('a limit comes back to where it was, never above', () => {
  const clock = handClock()
  const one = gate({ limit: 8, clock })
  const call = (outcome: CallOutcome) =>
    one.acquire({ workspaceId, since: clock.now() }, nothing).release(outcome)
  call({ rateLimited: { retryAfterMs: null } })
  assert.is(one.meters().limit, 4)
  assert.is(one.meters().pausedMs, 1000)
  clock.pass(1000)
  for (let good = 0; good < 200; good++) call({ ok: true })
  assert.is(one.meters().limit, 8)
  call({ rateLimited: { retryAfterMs: 3_600_000 } })
  assert.is(one.meters().pausedMs, 15 * 60_000, 'an hour is cut to a quarter')
})

test('an open circuit stops every call, then lets one at a time find out', () => {
  const clock = handClock()
  const one = gate({ limit: 4, clock })
  const granted: number[] = []
  const permits = Array.from({ length: 12 }, (_, since) =>
    one.acquire({ workspaceId, since }, () => granted.push(since)),
  )
  permits[0]?.release({ ok: false, circuitOpen: { retryAfterMs: 30_000 } })
  for (const late of permits.slice(1, 4)) late.release({ ok: true })
  assert.equal(granted, [0, 1, 2, 3], 'a success from before it opened does not close it')
  clock.pass(30_000)
  assert.equal(granted.slice(4), [4], 'one probe')
  permits[4]?.release({ ok: false, circuitOpen: { retryAfterMs: 30_000 } })
  clock.pass(30_000)
  permits[5]?.release()
  assert.equal(granted.slice(5), [5, 6], 'a probe that made no call passes the turn on')
  permits[6]?.release({ ok: true })
  assert.equal(granted.slice(7), [7, 8, 9, 10], 'the backlog goes on, oldest first')
})

type Step =
  | { do: 'acquire'; workspace: number; since: number; priority: number; hasty: boolean }
  | { do: 'raise'; which: number; priority: number }
  | { do: 'release'; which: number; outcome: CallOutcome | undefined }
  | { do: 'pass'; ms: number }

const outcome = fc.oneof(
  fc.constant(undefined),
  fc.constant({ ok: true }),
  fc.constant({ ok: false }),
  fc.record({
    rateLimited: fc.record({ retryAfterMs: fc.option(fc.nat(2_000_000), { nil: null }) }),
  }),
  fc.record({ circuitOpen: fc.record({ retryAfterMs: fc.nat(60_000) }) }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('acquire' as const),
    workspace: fc.nat(4),
    since: fc.nat(20),
    priority: fc.constantFrom(0, -10),
    hasty: fc.boolean(),
  }),
  fc.record({ do: fc.constant('release' as const), which: fc.nat(60), outcome }),
  fc.record({
    do: fc.constant('raise' as const),
    which: fc.nat(60),
    priority: fc.constantFrom(0, -5),
  }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat(1_000_000) }),
)

test('a probe goes to whom the provider failed least, whatever the workspace', () => {
  const clock = handClock()
  const one = gate({ limit: 4, clock })
  const order: string[] = []
  const ask = (name: string, since: number, failures: number, of = workspaceId) =>
    one.acquire({ workspaceId: of, since, failures }, () => order.push(name))
  const opened = ask('opened', 0, 0)
  const others = [ask('a', 1, 0), ask('b', 2, 0), ask('c', 3, 0)]
  const always = ask('always fails', 4, 7)
  const once = ask('failed once', 5, 1)
  ask('new', 6, 0)
  ask('of another, failed twice', 1, 2, 'another')
  opened.release({ ok: false, circuitOpen: { retryAfterMs: 5000 } })
  for (const other of others) other.release({ ok: false, circuitOpen: { retryAfterMs: 5000 } })
  order.length = 0
  clock.pass(5000)
  assert.equal(order, ['new'])
  always.release()
  once.release()
})

test('whatever happens: never above the limit, nobody waits beside a free place, no leak', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(step, { maxLength: 80 }),
      (limitMax, steps) => {
        const clock = handClock()
        const one = gate({ limit: limitMax, clock })
        const permits: Permit[] = []
        let running = 0
        const ended = new Set<number>()
        const started = new Set<number>()
        const release = (nth: number, result?: CallOutcome) => {
          if (started.has(nth) && !ended.has(nth)) running -= 1
          ended.add(nth)
          permits[nth]?.release(result)
        }
        const wish = ({ workspace, since, priority, hasty }: Step & { do: 'acquire' }) => {
          const nth = permits.length
          permits.push({ release: nothing, raise: nothing })
          permits[nth] = one.acquire({ workspaceId: `w${workspace}`, since, priority }, () => {
            assert.not.ok(ended.has(nth), 'granted after its release')
            assert.not.ok(started.has(nth), 'granted twice')
            started.add(nth)
            running += 1
            // An owner that is aborted at once gives it back inside the callback, if it has it.
            if (hasty && permits[nth]?.release !== nothing) release(nth)
          })
        }
        for (const next of steps) {
          if (next.do === 'acquire') wish(next)
          if (next.do === 'release' && permits.length > 0) {
            release(next.which % permits.length, next.outcome)
          }
          if (next.do === 'raise') permits[next.which % permits.length]?.raise(next.priority)
          if (next.do === 'pass') clock.pass(next.ms)
          const { held, waiting, limit, pausedMs } = one.meters()
          assert.is(held, running)
          assert.ok(held <= limitMax && limit >= 1 && limit <= limitMax)
          assert.ok(waiting === 0 || held >= limit || pausedMs > 0)
          assert.is(clock.timers(), waiting > 0 && pausedMs > 0 ? 1 : 0)
        }
        for (const nth of permits.keys()) release(nth)
        assert.equal(
          { held: one.meters().held, waiting: one.meters().waiting, timers: clock.timers() },
          { held: 0, waiting: 0, timers: 0 },
        )
      },
    ),
    { numRuns: 2000 },
  )
})

test.run()
