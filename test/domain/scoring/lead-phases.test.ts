/** Every state × every event: what is not in the table must change nothing. */
import * as assert from 'uvu/assert'
import {
  advance,
  type LeadEffect,
  type LeadEvent,
  type LeadState,
  leadPhases,
} from '../../../src/domain/scoring/lead-phases.ts'
import type { Interaction, ScoringResult } from '../../../src/domain/scoring/score.ts'
import type { ScoringInput, ScoringWindow } from '../../../src/domain/scoring/scoring-input.ts'
import { suite } from '../../support/suite.ts'

const test = suite('phases of a lead')

const interaction: Interaction = {
  requestedModel: 'm',
  model: 'm',
  promptVersion: 'p1',
  outcome: 'ok',
  inputTokens: 1,
  cachedTokens: 0,
  outputTokens: 1,
  reasoningTokens: 0,
  costUsd: 0,
  latencyMs: 1,
  requestId: null,
  error: null,
}
const interactions = [interaction]

const window = (given: Partial<ScoringWindow> = {}): ScoringWindow => ({
  covered: false,
  disqualified: false,
  dueInMs: 0,
  unscoredForMs: 300,
  failures: 0,
  ...given,
})
const input = (given: Partial<ScoringInput> = {}): ScoringInput => ({
  seen: 7,
  scoredSeq: 5,
  readAt: new Date(0),
  disqualifiedReason: null,
  hasInbound: true,
  request: {
    workspaceId: 'w',
    leadId: 'l',
    context: {
      companyName: null,
      serviceDescription: null,
      idealCustomerProfile: null,
      qualificationQuestions: [],
    },
    lead: { name: null, company: null, title: null, industry: null, headcount: null },
    transcript: [],
  },
  ...given,
})
const scores = { fitScore: 3, intentScore: 3, overallScore: 3, reasoning: 'because' } as const
const ok: ScoringResult = { outcome: 'ok', scores, model: 'm', promptVersion: 'p1', interactions }
const failed = (
  outcome: Exclude<ScoringResult['outcome'], 'ok'>,
  given: { terminal?: boolean; retryAfterMs?: number } = {},
): ScoringResult => ({
  outcome,
  reason: 'why',
  terminal: given.terminal ?? false,
  retryAfterMs: given.retryAfterMs ?? null,
  interactions,
})

const BUG = new TypeError('a bug')
const NOW = 1000
const SINCE = 700
const states = {
  idle: { phase: 'Idle' },
  reading: { phase: 'Quiet', awaits: 'window' },
  waiting: { phase: 'Quiet', awaits: 'due' },
  queued: { phase: 'Queued', since: SINCE, failures: 0 },
  looking: { phase: 'InFlight', awaits: 'snapshot', permit: true, since: SINCE, failures: 0 },
  'looking unasked': {
    phase: 'InFlight',
    awaits: 'snapshot',
    permit: false,
    since: SINCE,
    failures: 0,
  },
  asking: { phase: 'InFlight', awaits: 'answer', seen: 7, failures: 0 },
  settling: { phase: 'InFlight', awaits: 'settled' },
  backoff: { phase: 'Backoff' },
  parked: { phase: 'Parked' },
} as const satisfies Record<string, LeadState>
type Name = keyof typeof states

const events = {
  claimed: { type: 'claimed' },
  'the lead is gone': { type: 'window', window: null },
  'nothing is new': { type: 'window', window: window({ covered: true }) },
  'window disqualified': { type: 'window', window: window({ disqualified: true, dueInMs: 5 }) },
  'window goes on': { type: 'window', window: window({ dueInMs: 5 }) },
  'window is over': { type: 'window', window: window() },
  due: { type: 'due' },
  permit: { type: 'permit' },
  'snapshot without lead': { type: 'snapshot', input: null },
  'snapshot covered': { type: 'snapshot', input: input({ scoredSeq: 7 }) },
  'snapshot disqualified': { type: 'snapshot', input: input({ disqualifiedReason: 'Bounced' }) },
  'snapshot without inbound': { type: 'snapshot', input: input({ hasInbound: false }) },
  'snapshot to ask about': { type: 'snapshot', input: input() },
  'answered ok': { type: 'answered', result: ok },
  'answered invalid': { type: 'answered', result: failed('invalid') },
  'answered incomplete': { type: 'answered', result: failed('incomplete') },
  'answered refused': { type: 'answered', result: failed('refused', { terminal: true }) },
  'answered too many': {
    type: 'answered',
    result: failed('rate_limited', { retryAfterMs: 20_000 }),
  },
  'answered timeout': { type: 'answered', result: failed('timeout') },
  'answered error': { type: 'answered', result: failed('error') },
  'answered wrong credentials': { type: 'answered', result: failed('error', { terminal: true }) },
  settled: { type: 'settled' },
  crashed: { type: 'crashed', error: BUG, stale: false, parks: false },
  'crashed once too often': { type: 'crashed', error: BUG, stale: false, parks: true },
  'crashed stale': { type: 'crashed', error: BUG, stale: true, parks: false },
  stopped: { type: 'stopped' },
} as const satisfies Record<string, LeadEvent>
type Happening = keyof typeof events

type Row = [to: Name, ...effects: LeadEffect[]]

const back: LeadEffect = { do: 'release permit', result: null }
const acquire: LeadEffect = { do: 'acquire permit', since: SINCE, failures: 0 }
const attempt = { reason: 'why', interactions }
const broken: LeadEffect = { do: 'fail crashed', error: BUG }
const fail = (terminal: boolean, parked: boolean): LeadEffect => ({
  do: 'fail job',
  terminal,
  parked,
  attempt,
})
const unasked = (which: 'disqualified' | 'none'): LeadEffect => ({
  do: 'write score',
  score: {
    seen: 7,
    scores:
      which === 'none'
        ? null
        : { fitScore: 1, intentScore: 1, overallScore: 1, reasoning: 'Disqualified: Bounced' },
    model: which,
    promptVersion: 'none',
    provisional: false,
    interactions: [],
  },
})
const written: LeadEffect = {
  do: 'write score',
  score: { seen: 7, scores, model: 'm', promptVersion: 'p1', provisional: false, interactions },
}
const after = (event: Happening): LeadEffect => ({
  do: 'release permit',
  result: (events[event] as Extract<LeadEvent, { type: 'answered' }>).result,
})
const claim: Row = ['reading', { do: 'read window' }]

/** The chart. `random` is 0.5 and the attempt is not the last. */
const chart: Record<Name, Partial<Record<Happening, Row>>> = {
  idle: { claimed: claim },
  reading: {
    'the lead is gone': ['settling', { do: 'end job' }],
    'nothing is new': ['settling', { do: 'end job' }],
    'window disqualified': ['looking unasked', { do: 'read snapshot' }],
    'window goes on': ['waiting', { do: 'arm timer', ms: 5 }],
    'window is over': ['queued', acquire],
    crashed: ['backoff', broken],
    'crashed once too often': ['parked', broken],
    'crashed stale': ['idle', { do: 'end' }],
    stopped: ['idle'],
  },
  waiting: {
    due: ['reading', { do: 'read window' }],
    crashed: ['backoff', broken],
    'crashed once too often': ['parked', broken],
    'crashed stale': ['idle', { do: 'end' }],
    stopped: ['idle'],
  },
  queued: {
    permit: ['looking', { do: 'read snapshot' }],
    crashed: ['backoff', back, broken],
    'crashed once too often': ['parked', back, broken],
    'crashed stale': ['idle', back, { do: 'end' }],
    stopped: ['idle', back],
  },
  looking: {
    'snapshot without lead': ['settling', back, { do: 'end job' }],
    'snapshot covered': ['settling', back, { do: 'end job' }],
    'snapshot disqualified': ['settling', back, unasked('disqualified')],
    'snapshot without inbound': ['settling', back, unasked('none')],
    'snapshot to ask about': ['asking', { do: 'ask', input: input() }],
    crashed: ['backoff', back, broken],
    'crashed once too often': ['parked', back, broken],
    'crashed stale': ['idle', back, { do: 'end' }],
    stopped: ['idle', back],
  },
  'looking unasked': {
    'snapshot without lead': ['settling', { do: 'end job' }],
    'snapshot covered': ['settling', { do: 'end job' }],
    'snapshot disqualified': ['settling', unasked('disqualified')],
    'snapshot without inbound': ['settling', unasked('none')],
    // Taken back since the window was read: it needs a call after all, so it needs a permit.
    'snapshot to ask about': ['queued', acquire],
    crashed: ['backoff', broken],
    'crashed once too often': ['parked', broken],
    'crashed stale': ['idle', { do: 'end' }],
    stopped: ['idle'],
  },
  asking: {
    'answered ok': ['settling', after('answered ok'), written],
    'answered invalid': ['backoff', after('answered invalid'), fail(false, false)],
    'answered incomplete': ['backoff', after('answered incomplete'), fail(false, false)],
    'answered refused': ['parked', after('answered refused'), fail(true, true)],
    'answered too many': [
      'backoff',
      after('answered too many'),
      { do: 'give back', delayMs: 22_000, attempt },
    ],
    'answered timeout': [
      'backoff',
      after('answered timeout'),
      { do: 'give back', delayMs: 7500, attempt },
    ],
    'answered error': [
      'backoff',
      after('answered error'),
      { do: 'give back', delayMs: 7500, attempt },
    ],
    'answered wrong credentials': ['parked', after('answered wrong credentials'), fail(true, true)],
    crashed: ['backoff', back, broken],
    'crashed once too often': ['parked', back, broken],
    'crashed stale': ['idle', back, { do: 'end' }],
    stopped: ['idle', back],
  },
  settling: {
    settled: ['idle', { do: 'end' }],
    crashed: ['backoff', broken],
    'crashed once too often': ['parked', broken],
    'crashed stale': ['idle', { do: 'end' }],
    stopped: ['idle'],
  },
  backoff: {
    claimed: claim,
    settled: ['backoff', { do: 'end' }],
    crashed: ['backoff', { do: 'end' }],
    'crashed once too often': ['backoff', { do: 'end' }],
    'crashed stale': ['backoff', { do: 'end' }],
  },
  parked: {
    claimed: claim,
    settled: ['parked', { do: 'end' }],
    crashed: ['parked', { do: 'end' }],
    'crashed once too often': ['parked', { do: 'end' }],
    'crashed stale': ['parked', { do: 'end' }],
  },
}

const about = { nowMs: NOW, lastAttempt: false, random: 0.5 }
const nameOf = (state: LeadState) =>
  (Object.keys(states) as Name[]).find(
    (name) => JSON.stringify(states[name]) === JSON.stringify(state),
  )

for (const from of Object.keys(states) as Name[]) {
  test(`${from}: every event`, () => {
    for (const what of Object.keys(events) as Happening[]) {
      const { state, effects } = advance(states[from], events[what], about)
      const [to, ...expected] = chart[from][what] ?? [from]
      assert.is(nameOf(state), to, `${from} --${what}--> ${JSON.stringify(state)}`)
      assert.equal(effects, expected, `${from} --${what}-->`)
    }
  })
}

test('the table has every phase, and every phase can be reached and left', () => {
  assert.equal(new Set(Object.values(states).map(({ phase }) => phase)), new Set(leadPhases))
  const reached = new Set(
    Object.values(chart).flatMap((row) => Object.values(row).map(([to]) => to)),
  )
  assert.equal([...reached].sort(), (Object.keys(states) as Name[]).sort())
  for (const [from, row] of Object.entries(chart)) {
    assert.ok(
      Object.values(row).some(([to]) => to !== from),
      `${from} is a dead end`,
    )
  }
})

test('a lead that the provider failed ten times asks behind the others, and seldom', () => {
  const due = (failures: number): LeadEvent => ({
    type: 'window',
    window: {
      covered: false,
      disqualified: false,
      dueInMs: 0,
      unscoredForMs: NOW - SINCE,
      failures,
    },
  })
  const since = (failures: number) => {
    const [effect] = advance(states.reading, due(failures), about).effects
    if (effect?.do !== 'acquire permit') throw new Error('asks for no permit')
    assert.is(effect.failures, failures)
    return effect.since
  }
  assert.is(since(9), SINCE)
  assert.is(since(10), NOW)

  const delay = (failures: number, retryAfterMs: number | null) => {
    const result = { ...events['answered error'].result, retryAfterMs }
    const answered = { type: 'answered' as const, result }
    const { effects } = advance({ ...states.asking, failures }, answered, about)
    const back = effects.find((effect) => effect.do === 'give back')
    return back?.do === 'give back' ? back.delayMs : 0
  }
  const jitter = 1 + about.random
  assert.is(delay(9, null), 5000 * jitter)
  assert.is(delay(10, null), 30_000 * jitter)
  assert.is(delay(10, 1000), 30_000 * jitter)
  assert.ok(delay(10, 600_000) >= 600_000)
})

test('the last attempt parks what would else be tried again, but an outage costs no attempt', () => {
  const last = { ...about, lastAttempt: true }
  for (const what of ['answered invalid', 'answered incomplete'] as const) {
    assert.equal(advance(states.asking, events[what], last), {
      state: states.parked,
      effects: [after(what), fail(false, true)],
    })
  }
  for (const what of ['answered timeout', 'answered too many', 'answered error'] as const) {
    assert.is(advance(states.asking, events[what], last).state.phase, 'Backoff')
  }
})

test('a provisional score is written as one', () => {
  const result = { ...ok, provisional: true }
  const { effects } = advance(states.asking, { type: 'answered', result }, about)
  const write = effects.find((effect) => effect.do === 'write score')
  assert.is(write?.score.provisional, true)
})

test('whatever asks for a permit gives it back exactly once on every way out', () => {
  // Along every path of the chart of up to nine steps: asked for minus given back is 0 or 1.
  const seen = new Set<string>()
  function walk(state: LeadState, open: number, steps: number): void {
    const key = `${JSON.stringify(state)} ${open} ${steps}`
    if (steps === 0 || seen.has(key)) return
    seen.add(key)
    for (const what of Object.keys(events) as Happening[]) {
      const next = advance(state, events[what], about)
      let held = open
      for (const effect of next.effects) {
        if (effect.do === 'acquire permit') held += 1
        if (effect.do === 'release permit') held -= 1
        assert.ok(held === 0 || held === 1, `${JSON.stringify(state)} --${what}--> holds ${held}`)
        if (effect.do === 'end') assert.is(held, 0, `ended with a permit: ${what}`)
        if (effect.do === 'ask') assert.is(held, 1, 'asks with a permit only')
      }
      walk(next.state, held, steps - 1)
    }
  }
  walk(states.idle, 0, 9)
  assert.ok(seen.size > 50)
})

test.run()
