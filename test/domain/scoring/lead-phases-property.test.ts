/**
 * Thousands of schedules of messages, kills, freezes, evictions and faults against the phase table:
 * what DESIGN promises of scoring must hold in every one. The model throws where it does not.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  type Counts,
  type LeadKind,
  MAX_WAIT_MS,
  QUIET_MS,
  READ_MS_MAX,
  scoringModel,
} from '../../support/scoring-model.ts'
import { suite } from '../../support/suite.ts'

const SEED = 20_261_124
const SCHEDULES = 3000
const test = suite('phases of a lead under random schedules')

const noCounts = (): Counts => ({
  scored: 0,
  parked: 0,
  kills: 0,
  stale: 0,
  crashes: 0,
  outages: 0,
  invalid: 0,
  evictions: 0,
  broken: 0,
  atMaxWait: 0,
  strays: 0,
  jittered: 0,
  covered: 0,
  turned: 0,
  erased: 0,
})

const happenings = [
  'message',
  'lost message',
  'kill',
  'freeze',
  'evict',
  'break',
  'turn',
  'cover',
  'erase',
] as const

interface Step {
  waitMs: number
  /** Of the lead or the process; taken modulo how many there are. */
  index: number
  flag: boolean
  what: (typeof happenings)[number]
}

const kind = fc.oneof(
  { weight: 6, arbitrary: fc.constant<LeadKind>('sound') },
  {
    weight: 4,
    arbitrary: fc.constantFrom<LeadKind>(
      'refused',
      'invalid',
      'poison',
      'disqualified',
      'outbound only',
    ),
  },
)
const index = fc.nat({ max: 5 })
const step: fc.Arbitrary<Step> = fc.record({
  waitMs: fc.oneof(fc.nat({ max: 500 }), fc.nat({ max: QUIET_MS }), fc.nat({ max: 30_000 })),
  index,
  flag: fc.boolean(),
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constant('message' as const) },
    { weight: 4, arbitrary: fc.constantFrom(...happenings) },
  ),
})

function play(model: ReturnType<typeof scoringModel>, steps: Step[]) {
  for (const { waitMs, what, index: of, flag } of steps) {
    model.run(waitMs)
    if (what === 'message') model.message(of, false)
    else if (what === 'lost message') model.message(of, true)
    else if (what === 'kill') model.kill(of)
    else if (what === 'freeze') model.freeze(of)
    else if (what === 'evict') model.evict(of, flag)
    else model[what](of)
  }
  model.rest()
}

test('every lead ends scored or parked with a reason, one call at a time, no permit left', () => {
  const counts = noCounts()
  const property = fc.property(
    fc.integer(),
    fc.array(kind, { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom(0, 0.05, 0.3),
    fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
    (seed, kinds, processes, faults, steps) => {
      const faultsUntilMs = steps.reduce((sum, { waitMs }) => sum + waitMs, 30_000)
      const model = scoringModel({ seed, kinds, processes, faults, faultsUntilMs }, counts)
      play(model, steps)
      for (const lead of model.leads) {
        if (lead.gone) assert.equal(lead.jobs, [])
        else if (lead.parked) assert.ok(lead.error, `${lead.id} is parked and says nothing`)
        else assert.is(lead.scoredSeq, lead.messageSeq, `${lead.id} (${lead.kind}) is forgotten`)
        if (lead.kind === 'sound' && !lead.gone && faults === 0 && !lead.parked)
          assert.is(lead.error, null)
        assert.is(lead.calls, 0)
        assert.equal(
          lead.jobs.map(({ state }) => state),
          [],
          `${lead.id} has jobs left`,
        )
        assert.equal(
          lead.scores,
          [...new Set(lead.scores)].sort((a, b) => a - b),
        )
      }
      for (const { held, waiting } of model.gates())
        assert.equal({ held, waiting }, { held: 0, waiting: 0 })
      assert.is(model.held(), 0, 'a scorer is left')
    },
  )
  fc.assert(property, { seed: SEED, numRuns: SCHEDULES, includeErrorInReport: true })
  // Guards the generator: schedules in which nothing happens prove nothing.
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 50, `${what}: ${count}`)
})

test('a stream that never goes quiet is scored within the maximum wait, each time', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: QUIET_MS - 1 }), {
    minLength: 60,
    maxLength: 120,
    size: 'max',
  })
  const property = fc.property(fc.integer(), gaps, (seed, gapsMs) => {
    const counts = noCounts()
    const sound = { kinds: ['sound' as const], processes: 1, faults: 0, faultsUntilMs: 0 }
    const model = scoringModel({ seed, ...sound }, counts)
    let passedMs = 0
    for (const waitMs of gapsMs) {
      model.message(0, false)
      model.run(waitMs)
      passedMs += waitMs
    }
    // 5 s is the model's longest call; the next job's wait counts from its own first message.
    const turnMs = MAX_WAIT_MS + 5000 + 10 * READ_MS_MAX
    const least = Math.floor(passedMs / turnMs)
    assert.ok(counts.scored >= least, `${counts.scored} scores in ${passedMs} ms, not ${least}`)
    assert.ok(passedMs < turnMs || counts.atMaxWait > 0)
  })
  fc.assert(property, { seed: SEED, numRuns: 300, includeErrorInReport: true })
})

test.run()
