/** Many calls to one scorer: how many at once, what is asked again, and when the run gives up. */
import * as assert from 'uvu/assert'
import type { Scorer, ScoringRequest, ScoringResult } from '../../src/domain/scoring/score.ts'
import { type Retry, scoreAll } from '../../src/eval/score-all.ts'
import { quickClock } from '../support/quick-clock.ts'
import { suite } from '../support/suite.ts'

const test = suite('score all')

const request = (leadId: string) => ({ leadId }) as ScoringRequest
const requests = (count: number) => Array.from({ length: count }, (_, n) => request(String(n)))

function ok(reasoning: string): ScoringResult {
  const scores = { fitScore: 3, intentScore: 3, overallScore: 3, reasoning } as const
  return { outcome: 'ok', scores, model: 'm', promptVersion: 'p', interactions: [] }
}
type Failed = Extract<ScoringResult, { terminal: boolean }>
function failed(outcome: Failed['outcome'], rest: Partial<Failed> = {}): ScoringResult {
  return {
    outcome,
    reason: outcome,
    terminal: false,
    retryAfterMs: null,
    interactions: [],
    ...rest,
  }
}

function run(
  count: number,
  score: (leadId: string, nth: number) => ScoringResult | Promise<ScoringResult>,
  concurrency = 4,
) {
  const retries: Retry[] = []
  const tries = new Map<string, number>()
  const scorer: Scorer = {
    name: 'm',
    score: async ({ leadId }, signal) => {
      if (signal.aborted) return failed('error', { reason: 'aborted' })
      const nth = (tries.get(leadId) ?? 0) + 1
      tries.set(leadId, nth)
      return score(leadId, nth)
    },
  }
  const clock = quickClock()
  let done = 0
  const scored = scoreAll(requests(count), {
    scorer,
    concurrency,
    clock,
    onRetry: (retry) => retries.push(retry),
    onProgress: (now) => {
      done = now
    },
  })
  return { scored, retries, tries, clock, done: () => done }
}

const reasons = async ({ scored }: ReturnType<typeof run>) =>
  (await scored).outcomes.map((it) => ('reason' in it ? it.reason : 'scored'))

test('never more at once than allowed, and the answers stand in the order of the questions', async () => {
  let now = 0
  let most = 0
  const all = run(50, async (leadId) => {
    now += 1
    most = Math.max(most, now)
    await new Promise((resolve) => setImmediate(resolve))
    now -= 1
    return ok(leadId)
  })
  const { outcomes } = await all.scored
  assert.is(most, 4)
  assert.is(all.done(), 50)
  assert.equal(
    outcomes.map((it) => 'scores' in it && it.scores.reasoning),
    requests(50).map(({ leadId }) => leadId),
  )
})

test('what passes is asked again after the time asked for, or with doubling pauses', async () => {
  const all = run(1, (_, nth) =>
    nth === 1
      ? failed('rate_limited', { retryAfterMs: 7000 })
      : nth < 4
        ? failed('timeout')
        : ok('at last'),
  )
  assert.equal(await reasons(all), ['scored'])
  assert.equal(
    all.retries.map(({ waitMs }) => waitMs),
    [7000, 2000, 4000],
  )
})

test('five tries for the provider’s trouble, three for answers of no use, one where it is final', async () => {
  const kinds = [failed('error'), failed('invalid'), failed('refused', { terminal: true })]
  const all = run(3, (leadId) => kinds[Number(leadId)] as ScoringResult)
  assert.equal(await reasons(all), ['error', 'invalid', 'refused'])
  assert.equal([...all.tries.values()], [5, 3, 1])
})

test('an endpoint that gives nothing is left after ten cases, and those in between do not count', async () => {
  const dead = run(100, () => failed('error', { reason: 'no key', terminal: true }))
  const said = await reasons(dead)
  assert.ok(dead.tries.size < 20, String(dead.tries.size))
  assert.is(said.length, 100)
  assert.is(said.at(-1), 'not tried after 10 failures in a row: no key')

  const patchy = run(100, (leadId) =>
    Number(leadId) % 9 === 0 ? ok('') : failed('refused', { terminal: true }),
  )
  await patchy.scored
  assert.is(patchy.tries.size, 100)
})

test('an hour to wait ends the run instead of blocking the terminal', async () => {
  const all = run(10, () => failed('rate_limited', { retryAfterMs: 900_000, reason: 'limited' }))
  const said = await reasons(all)
  assert.is(said.at(-1), 'limited; asks to wait 900 s')
  assert.ok(all.clock.waits.every((ms) => ms <= 900_000))
  assert.ok(all.tries.size <= 4)
})

test('while the circuit is open one call at a time looks whether it is back', async () => {
  let calls = 0
  let now = 0
  const all = run(20, async () => {
    calls += 1
    now += 1
    const nth = calls
    await new Promise((resolve) => setImmediate(resolve))
    const alone = now === 1
    now -= 1
    if (nth <= 4) return failed('error', { circuitOpenMs: 5000 })
    if (nth < 7) {
      assert.ok(alone, 'a probe is alone')
      return failed('error', { circuitOpenMs: 10_000 })
    }
    return ok('')
  })
  assert.ok((await reasons(all)).every((it) => it === 'scored'))
})

test.run()
