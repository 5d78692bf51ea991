/**
 * The life of one lead's score as a table: what happened goes in, the next phase and what is to be
 * done come out. Pure; `actors/lead-scorer.ts` only carries out what it says.
 *
 * | phase | the lead's scoring job is | until |
 * |---|---|---|
 * | Idle | absent; if it waits in the queue, nobody has claimed it yet | it is claimed |
 * | Quiet | held; the burst may go on | the window read last is over, then it is read again |
 * | Queued | held; the call waits for a permit | the gate grants one |
 * | InFlight | held; snapshot, call, one transaction that writes the score and ends the job | that is committed |
 * | Backoff | back in the queue, due later | it is claimed, or a new message's own job is |
 * | Parked | ended; the reason stands on the lead | a message, a person or a restart sends a new one |
 *
 * A scorer lives from `claimed` to `end`, so Idle, Backoff and Parked outlive it in the database
 * only: `message_seq`, `scored_seq`, `parked_at` and the job's row. A message that arrives meanwhile
 * is no event here. It has its own waiting job, and the window is read again when it is due: other
 * processes store messages of this lead, too, and only the database knows them all. For the same
 * reason a new message ends the Backoff of a bad answer (a job in `retry` leaves room for a waiting
 * one) but not that of an outage (the job itself waits, with its delay).
 */
import { disqualifiedScores, type Interaction, type Scores, type ScoringResult } from './score.ts'
import type { ScoringInput, ScoringWindow } from './scoring-input.ts'

export const leadPhases = ['Idle', 'Quiet', 'Queued', 'InFlight', 'Backoff', 'Parked'] as const
export type LeadPhase = (typeof leadPhases)[number]

/** What the gate orders by. */
export interface Asking {
  /** When the lead became unscored, in milliseconds of the process's clock. */
  since: number
  /** Calls of this lead that the provider failed since its last score. */
  failures: number
}

export type LeadState =
  | { phase: 'Idle' | 'Backoff' | 'Parked' }
  | { phase: 'Quiet'; awaits: 'window' | 'due' }
  | ({ phase: 'Queued' } & Asking)
  | ({ phase: 'InFlight'; awaits: 'snapshot'; permit: boolean } & Asking)
  | { phase: 'InFlight'; awaits: 'answer'; seen: number; failures: number }
  | { phase: 'InFlight'; awaits: 'settled' }

export type LeadEvent =
  | { type: 'claimed' }
  /** Null: the lead is gone. */
  | { type: 'window'; window: ScoringWindow | null }
  | { type: 'due' }
  | { type: 'permit' }
  | { type: 'snapshot'; input: ScoringInput | null }
  | { type: 'answered'; result: ScoringResult }
  /** What was to be written about the job is committed. */
  | { type: 'settled' }
  /**
   * Something threw. `stale`: because the claim is another worker's by now; `parks`: once too often.
   */
  | { type: 'crashed'; error: unknown; stale: boolean; parks: boolean }
  /** Shutdown, eviction or a lost claim: whoever stops it sees to the job. */
  | { type: 'stopped' }

export interface ScoreToWrite {
  /** The message_seq it covers. */
  seen: number
  /** Null: nothing to judge; the lead goes back to unscored. */
  scores: Scores | null
  model: string
  promptVersion: string
  provisional: boolean
  interactions: Interaction[]
}

export interface FailedAttempt {
  reason: string
  interactions: Interaction[]
}

export type LeadEffect =
  | { do: 'read window' }
  | { do: 'arm timer'; ms: number }
  | ({ do: 'acquire permit' } & Asking)
  | { do: 'read snapshot' }
  | { do: 'ask'; input: ScoringInput }
  /** Before the answer is written: the call is over, the database is not the LLM's concern. */
  | { do: 'release permit'; result: ScoringResult | null }
  | { do: 'end job' }
  | { do: 'write score'; score: ScoreToWrite }
  /** No attempt is spent. */
  | { do: 'give back'; delayMs: number; attempt: FailedAttempt }
  | { do: 'fail job'; terminal: boolean; parked: boolean; attempt: FailedAttempt }
  /** By the rules for every job that throws (`actors/crashed-job.ts`). */
  | { do: 'fail crashed'; error: unknown }
  /** The scorer is done with this job. */
  | { do: 'end' }

export interface LeadStep {
  state: LeadState
  effects: LeadEffect[]
}

export interface LeadCircumstances {
  /** Milliseconds of the process's clock. */
  nowMs: number
  /** When this attempt fails, too, the lead is parked. */
  lastAttempt: boolean
  /** From 0 to 1: leads that failed together do not come back together. */
  random: number
}

/** A provider outage spends no attempts; the job comes back after this, plus up to as much again. */
const OUTAGE_DELAY_MS = 5000
/**
 * More than an outage of ten minutes costs a lead where others wait with it, because probes take
 * turns: it may be something in this lead that the provider cannot take. It then goes on behind the
 * others and seldom, so that it neither holds up the circuit's probes nor is billed without end.
 */
const STUCK_AFTER = 10
const STUCK_DELAY_MS = 30_000
/** Of a `Retry-After`, at most, on top of it. */
const RETRY_AFTER_JITTER = 0.2

const IDLE: LeadState = { phase: 'Idle' }
const READING: LeadState = { phase: 'Quiet', awaits: 'window' }
const WAITING: LeadState = { phase: 'Quiet', awaits: 'due' }
const SETTLING: LeadState = { phase: 'InFlight', awaits: 'settled' }
const BACKOFF: LeadState = { phase: 'Backoff' }
const PARKED: LeadState = { phase: 'Parked' }

/** What a state does not wait for leaves it as it is, without effects. */
export function advance(state: LeadState, event: LeadEvent, about: LeadCircumstances): LeadStep {
  switch (event.type) {
    case 'claimed':
      return isHeld(state) ? stay(state) : go(READING, { do: 'read window' })
    case 'window':
      return isAwaiting(state, 'window') ? onWindow(event.window, about) : stay(state)
    case 'due':
      return isAwaiting(state, 'due') ? go(READING, { do: 'read window' }) : stay(state)
    case 'permit':
      if (state.phase !== 'Queued') return stay(state)
      return go(looking(true, state), { do: 'read snapshot' })
    case 'snapshot':
      return onSnapshot(state, event.input)
    case 'answered':
      return onAnswer(state, event.result, about)
    case 'settled':
      return onSettled(state)
    case 'crashed':
      return onCrash(state, event)
    case 'stopped':
      return isHeld(state) ? go(IDLE, ...permitBack(state)) : stay(state)
  }
}

function onWindow(window: ScoringWindow | null, { nowMs }: LeadCircumstances): LeadStep {
  if (!window || window.covered) return go(SETTLING, { do: 'end job' })
  const { failures } = window
  const since = failures >= STUCK_AFTER ? nowMs : nowMs - window.unscoredForMs
  const asking = { since, failures }
  if (window.disqualified) {
    // No call, so no permit and no quiet window: 1/1/1 is shown at once.
    return go(looking(false, asking), { do: 'read snapshot' })
  }
  if (window.dueInMs > 0) return go(WAITING, { do: 'arm timer', ms: window.dueInMs })
  return go({ phase: 'Queued', ...asking }, { do: 'acquire permit', ...asking })
}

/** Decided again, because the window may have taken seconds and the gate longer. */
function onSnapshot(state: LeadState, input: ScoringInput | null): LeadStep {
  if (state.phase !== 'InFlight' || state.awaits !== 'snapshot') return stay(state)
  const back = permitBack(state)
  if (!input || input.scoredSeq >= input.seen) return go(SETTLING, ...back, { do: 'end job' })
  if (input.disqualifiedReason) {
    const scores = disqualifiedScores(input.disqualifiedReason)
    return go(SETTLING, ...back, unasked(input, scores, 'disqualified'))
  }
  if (!input.hasInbound) return go(SETTLING, ...back, unasked(input, null, 'none'))
  const { since, failures } = state
  if (state.permit) {
    const { seen } = input
    return go({ phase: 'InFlight', awaits: 'answer', seen, failures }, { do: 'ask', input })
  }
  return go({ phase: 'Queued', since, failures }, { do: 'acquire permit', since, failures })
}

function onAnswer(state: LeadState, result: ScoringResult, about: LeadCircumstances): LeadStep {
  if (state.phase !== 'InFlight' || state.awaits !== 'answer') return stay(state)
  const back: LeadEffect = { do: 'release permit', result }
  const { interactions } = result
  if (result.outcome === 'ok') {
    const { scores, model, promptVersion, provisional = false } = result
    const score = { seen: state.seen, scores, model, promptVersion, provisional, interactions }
    return go(SETTLING, back, { do: 'write score', score })
  }
  const attempt = { reason: result.reason, interactions }
  if (isOutage(result)) {
    const { retryAfterMs } = result
    const ownMs =
      (state.failures >= STUCK_AFTER ? STUCK_DELAY_MS : OUTAGE_DELAY_MS) * (1 + about.random)
    const askedMs = (retryAfterMs ?? 0) * (1 + RETRY_AFTER_JITTER * about.random)
    const delayMs =
      retryAfterMs === null || state.failures >= STUCK_AFTER ? Math.max(ownMs, askedMs) : askedMs
    return go(BACKOFF, back, { do: 'give back', delayMs, attempt })
  }
  const { terminal } = result
  const parked = terminal || about.lastAttempt
  return go(parked ? PARKED : BACKOFF, back, { do: 'fail job', terminal, parked, attempt })
}

function onSettled(state: LeadState): LeadStep {
  if (isAwaiting(state, 'settled')) return go(IDLE, { do: 'end' })
  const ended = state.phase === 'Backoff' || state.phase === 'Parked'
  return ended ? go(state, { do: 'end' }) : stay(state)
}

function onCrash(
  state: LeadState,
  { error, stale, parks }: Extract<LeadEvent, { type: 'crashed' }>,
): LeadStep {
  // Not even the end of the job could be written (the database is away): its claim runs out.
  if (state.phase === 'Backoff' || state.phase === 'Parked') return go(state, { do: 'end' })
  if (!isHeld(state)) return stay(state)
  if (stale) return go(IDLE, ...permitBack(state), { do: 'end' })
  return go(parks ? PARKED : BACKOFF, ...permitBack(state), { do: 'fail crashed', error })
}

const looking = (permit: boolean, { since, failures }: Asking): LeadState => ({
  phase: 'InFlight',
  awaits: 'snapshot',
  permit,
  since,
  failures,
})
const stay = (state: LeadState): LeadStep => ({ state, effects: [] })
const go = (state: LeadState, ...effects: LeadEffect[]): LeadStep => ({ state, effects })

const isHeld = ({ phase }: LeadState): boolean =>
  phase === 'Quiet' || phase === 'Queued' || phase === 'InFlight'

const isAwaiting = (state: LeadState, what: string): boolean =>
  'awaits' in state && state.awaits === what

/** A permit that is asked for or held. */
function permitBack(state: LeadState): LeadEffect[] {
  const has =
    state.phase === 'Queued' ||
    (state.phase === 'InFlight' &&
      (state.awaits === 'answer' || (state.awaits === 'snapshot' && state.permit)))
  return has ? [{ do: 'release permit', result: null }] : []
}

/** The provider's trouble, not this lead's: trying again will help, and costs no attempt. */
function isOutage(result: Exclude<ScoringResult, { outcome: 'ok' }>): boolean {
  return ['timeout', 'rate_limited', 'error'].includes(result.outcome) && !result.terminal
}

function unasked(input: ScoringInput, scores: Scores | null, model: string): LeadEffect {
  const { seen } = input
  const score = { seen, scores, model, promptVersion: 'none', provisional: false, interactions: [] }
  return { do: 'write score', score }
}
