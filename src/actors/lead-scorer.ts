/**
 * The scorer of one lead: an actor that lives as long as it holds the lead's scoring job. It decides
 * nothing: `domain/scoring/lead-phases.ts` says what follows what, this carries it out.
 */
import {
  advance,
  type LeadEffect,
  type LeadEvent,
  type LeadPhase,
  type LeadState,
} from '../domain/scoring/lead-phases.ts'
import type { ScoringRequest, ScoringResult } from '../domain/scoring/score.ts'
import { isLastAttempt, StaleClaimError } from '../jobs.ts'
import type { Behavior, Self } from './actor.ts'
import { callOutcome } from './call-pace.ts'
import { crashParks } from './crashed-job.ts'
import type { Gate, Permit } from './gate.ts'
import type { ScoringJob, ScoringSteps } from './scoring-steps.ts'
import type { ActorSystem } from './supervisor.ts'

export interface LeadScorerOptions {
  steps: ScoringSteps
  gate: Gate
  now(): number
  random(): number
  onError(job: ScoringJob, error: unknown): void
}

export interface LeadScorer {
  readonly job: ScoringJob
  /** Ends it without settling the job: a call in flight is aborted and its result is not written. */
  stop(): void
  phase(): LeadPhase
}

const CLAIMED: LeadEvent = { type: 'claimed' }
const DUE: LeadEvent = { type: 'due' }
const PERMIT: LeadEvent = { type: 'permit' }
const SETTLED: LeadEvent = { type: 'settled' }
const settled = () => SETTLED

/** `onEnd`: the job is no longer held here. Not called after `stop`. */
export function leadScorer(
  system: ActorSystem,
  job: ScoringJob,
  options: LeadScorerOptions,
  onEnd: () => void,
): LeadScorer {
  let phase: LeadPhase = 'Idle'
  const actor = system.spawn<LeadEvent>({
    name: `lead-${job.data.leadId}`,
    // A crash spends an attempt of the job, which comes back with the queue's backoff, wherever.
    restart: null,
    // The actor itself broke, so its state is not to be trusted: no table is asked.
    onDown: (error) => {
      options.onError(job, error)
      options.steps.failCrashed(job, error).then(onEnd, onEnd)
    },
    onLost: (events) => accountFor(events, job, options),
    incarnate: (self) =>
      behavior(self, job, options, {
        enter: (next) => {
          phase = next
        },
        end: () => {
          actor.stop()
          onEnd()
        },
      }),
  })
  return { job, stop: actor.stop, phase: () => phase }
}

interface Life {
  enter(phase: LeadPhase): void
  end(): void
}

function behavior(
  self: Self<LeadEvent>,
  job: ScoringJob,
  options: LeadScorerOptions,
  life: Life,
): Behavior<LeadEvent> {
  const { steps, gate } = options
  let state: LeadState = { phase: 'Idle' }
  let permit: Permit | undefined

  function handle(event: LeadEvent): void {
    const next = advance(state, event, {
      nowMs: options.now(),
      lastAttempt: isLastAttempt(job),
      random: options.random(),
    })
    state = next.state
    life.enter(state.phase)
    for (const effect of next.effects) carryOut(effect)
  }

  const run = <T>(work: (signal: AbortSignal) => Promise<T>, done: (result: T) => LeadEvent) =>
    self.run(work, done, (error) => {
      options.onError(job, error)
      return crashEvent(job, error)
    })

  function carryOut(effect: LeadEffect): void {
    switch (effect.do) {
      case 'read window':
        run(
          () => steps.readWindow(job),
          (window) => ({ type: 'window', window }),
        )
        break
      case 'arm timer':
        self.after(effect.ms, DUE)
        break
      case 'acquire permit': {
        const { data, priority } = job
        const call = { workspaceId: data.workspaceId, since: effect.since, priority }
        permit = gate.acquire(call, () => self.tell(PERMIT))
        break
      }
      case 'read snapshot':
        run(
          () => steps.readSnapshot(job),
          (input) => ({ type: 'snapshot', input }),
        )
        break
      case 'ask':
        run(
          (signal) => ask(job, steps, effect.input.request, signal),
          (result) => ({ type: 'answered', result }),
        )
        break
      case 'release permit':
        permit?.release(effect.result ? callOutcome(effect.result) : undefined)
        break
      case 'end job':
        run(() => steps.endJob(job), settled)
        break
      case 'write score':
        run(() => steps.writeScore(job, effect.score), settled)
        break
      case 'give back':
        run(() => steps.giveBack(job, effect.delayMs, effect.attempt), settled)
        break
      case 'fail job':
        run(() => steps.failJob(job, effect, effect.attempt), settled)
        break
      case 'fail crashed':
        run(() => steps.failCrashed(job, effect.error), settled)
        break
      case 'end':
        life.end()
        break
    }
  }

  handle(CLAIMED)
  return { handle, dispose: () => handle({ type: 'stopped' }) }
}

async function ask(
  job: ScoringJob,
  steps: ScoringSteps,
  request: ScoringRequest,
  signal: AbortSignal,
): Promise<ScoringResult> {
  const result = await steps.ask(request, signal)
  // The end came first, and nobody will read this; the calls were made and are billed all the same.
  if (signal.aborted) await steps.account(job, result.interactions)
  return result
}

/** An answer that arrived and was never handled: its calls are billed as well. */
function accountFor(
  events: LeadEvent[],
  job: ScoringJob,
  { steps, onError }: LeadScorerOptions,
): void {
  for (const event of events) {
    if (event.type !== 'answered') continue
    steps.account(job, event.result.interactions).catch((error) => onError(job, error))
  }
}

function crashEvent(job: ScoringJob, error: unknown): LeadEvent {
  const stale = error instanceof StaleClaimError
  return { type: 'crashed', error, stale, parks: crashParks(job, error) }
}
