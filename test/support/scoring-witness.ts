/**
 * Stands beside one scorer of the model: what it does must follow from what it was told, and what it
 * did not wait for must change nothing. It knows no phase but the last one.
 */
import * as assert from 'uvu/assert'
import type { LeadEffect, LeadEvent, LeadState } from '../../src/domain/scoring/lead-phases.ts'
import type { ScoringResult } from '../../src/domain/scoring/score.ts'
import type { ScoringInput, ScoringWindow } from '../../src/domain/scoring/scoring-input.ts'

type Awaited = Exclude<LeadEvent['type'], 'crashed' | 'stopped'>
type Does<What extends LeadEffect['do']> = Extract<LeadEffect, { do: What }>

/** Failed calls, after which a lead goes on behind the others and seldom. */
const STUCK_AFTER = 10
const outages = ['timeout', 'rate_limited', 'error']
export type Witness = ReturnType<typeof witness>

/** `lastAttempt`: of the claim that it works on. */
export function witness(lastAttempt: boolean) {
  let awaits: Awaited | null = 'claimed'
  let permit: 'none' | 'asked for' | 'held' = 'none'
  let told: LeadEvent = { type: 'claimed' }
  let window: ScoringWindow | null = null
  let unscoredSince = 0
  let input: ScoringInput | null = null
  let answer: ScoringResult | null = null
  /** Where it must be once the job's end is written. */
  let last: LeadState['phase'] = 'Idle'

  function hear(event: LeadEvent, nowMs: number): void {
    told = event
    if (event.type === 'permit') permit = 'held'
    if (event.type === 'answered') answer = event.result
    if (event.type === 'snapshot') input = event.input
    if (event.type !== 'window') return
    window = event.window
    unscoredSince = nowMs - (isStuck() ? 0 : (window?.unscoredForMs ?? 0))
  }

  function startsWaiting(ms: number): void {
    assert.ok(window && !window.covered && !window.disqualified, 'waits for nothing')
    assert.ok(ms > 0 && ms === window?.dueInMs, `waits for ${ms} ms, not ${window?.dueInMs}`)
  }

  const isStuck = () => (window?.failures ?? 0) >= STUCK_AFTER

  function asksForPermit({ since, failures }: Does<'acquire permit'>): void {
    const wants = told.type === 'snapshot' ? window?.disqualified : !window?.disqualified
    assert.ok(window && !window.covered && wants, 'wants a permit for nothing')
    assert.ok(told.type === 'snapshot' || window.dueInMs <= 0, 'wants a permit too early')
    assert.equal([since, failures], [unscoredSince, window?.failures])
    assert.is(permit, 'none')
    permit = 'asked for'
  }

  function asks(about: ScoringInput): void {
    assert.is(permit, 'held', 'asks without a permit')
    assert.is(about, input)
    assert.ok(about.seen > about.scoredSeq, 'asks about what is scored')
    assert.ok(about.hasInbound && !about.disqualifiedReason, 'asks about nothing')
  }

  function writes({ score }: Does<'write score'>): void {
    assert.is(score.seen, input?.seen, 'covers something else')
    if (answer) {
      assert.is(answer.outcome, 'ok')
      const { outcome: _, ...given } = answer as Extract<ScoringResult, { outcome: 'ok' }>
      assert.equal(score, { provisional: false, ...given, seen: score.seen })
    } else if (input?.disqualifiedReason) assert.is(score.scores?.overallScore, 1)
    else assert.equal([input?.hasInbound, score.scores], [false, null])
  }

  function failed(): Exclude<ScoringResult, { outcome: 'ok' }> {
    assert.ok(told.type === 'answered' && told.result.outcome !== 'ok', 'fails what went well')
    return told.result as Exclude<ScoringResult, { outcome: 'ok' }>
  }

  function givesBack(delayMs: number): void {
    const { outcome, terminal, retryAfterMs } = failed()
    assert.ok(outages.includes(outcome) && !terminal, `${outcome} spends an attempt`)
    const own = isStuck() ? 30_000 : retryAfterMs === null ? 5000 : 0
    const [least, most] = [
      Math.max(own, retryAfterMs ?? 0),
      Math.max(2 * own, 1.2 * (retryAfterMs ?? 0)),
    ]
    assert.ok(delayMs >= least && delayMs <= most, `back after ${delayMs} ms`)
    last = 'Backoff'
  }

  function fails({ terminal, parked }: Does<'fail job'>): void {
    const result = failed()
    assert.not(
      outages.includes(result.outcome) && !result.terminal,
      `${result.outcome} is nobody's`,
    )
    assert.is(terminal, result.terminal)
    assert.is(parked, terminal || lastAttempt)
    last = parked ? 'Parked' : 'Backoff'
  }

  function failsCrashed(): void {
    assert.ok(told.type === 'crashed' && !told.stale, 'no crash of its own')
    last = told.type === 'crashed' && told.parks ? 'Parked' : 'Backoff'
  }

  /** `stopped` comes from whoever ends it, at any time; so does a crash. */
  const isAwaited = ({ type }: LeadEvent) =>
    type === awaits || type === 'stopped' || (type === 'crashed' && awaits !== null)

  function check(effect: LeadEffect): Awaited | null {
    switch (effect.do) {
      case 'read window':
        return 'window'
      case 'arm timer':
        startsWaiting(effect.ms)
        return 'due'
      case 'acquire permit':
        asksForPermit(effect)
        return 'permit'
      case 'read snapshot':
        assert.ok(permit === 'held' || window?.disqualified, 'looks too early')
        return 'snapshot'
      case 'ask':
        asks(effect.input)
        return 'answered'
      case 'release permit':
        assert.is.not(permit, 'none', 'gives back what it never asked for')
        permit = 'none'
        return awaits
      case 'end job': {
        const seen = told.type === 'window' ? window : input
        const covered = seen && ('covered' in seen ? seen.covered : seen.scoredSeq >= seen.seen)
        assert.ok(covered ?? true, 'ends a job that is not done')
        return 'settled'
      }
      case 'write score':
        writes(effect)
        return 'settled'
      case 'give back':
        givesBack(effect.delayMs)
        return 'settled'
      case 'fail job':
        fails(effect)
        return 'settled'
      case 'fail crashed':
        failsCrashed()
        return 'settled'
      case 'end':
        assert.ok(told.type === 'settled' || told.type === 'crashed', 'ends before its job does')
        return null
    }
  }

  return {
    /** A claim after a failure would be another scorer's. */
    isStray: (event: LeadEvent) =>
      !isAwaited(event) && (event.type !== 'claimed' || last === 'Idle'),
    /** Where it has nothing to do with the model's events but waits for time or others. */
    waits: () => awaits === 'due' || awaits === 'permit',
    /** What it made of this event. */
    saw(
      event: LeadEvent,
      before: LeadState,
      next: { state: LeadState; effects: LeadEffect[] },
      nowMs: number,
    ) {
      if (!isAwaited(event)) {
        assert.equal(next, { state: before, effects: [] }, `${event.type} means nothing to it`)
        return
      }
      hear(event, nowMs)
      for (const effect of next.effects) {
        awaits = check(effect)
        if (awaits === 'settled' || awaits === null) assert.is(permit, 'none', 'keeps its permit')
      }
      if (awaits === 'settled' && last !== 'Idle') assert.is(next.state.phase, last)
    },
  }
}
