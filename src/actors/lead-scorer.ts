/**
 * The scorer of one lead: an actor that lives as long as it holds the lead's scoring job. It decides
 * nothing: `domain/scoring/lead-phases.ts` says what follows what, this carries it out.
 */
import {
  type Asking,
  advance,
  type LeadEffect,
  type LeadEvent,
  type LeadPhase,
  type LeadState,
  type ScoreToWrite,
} from '../domain/scoring/lead-phases.ts'
import type { ScoringRequest, ScoringResult } from '../domain/scoring/score.ts'
import { isLastAttempt, StaleClaimError } from '../jobs.ts'
import type { Behavior, Self } from './actor.ts'
import { callOutcome } from './call-pace.ts'
import { crashParks } from './crashed-job.ts'
import type { Gate, Permit } from './gate.ts'
import type { Observer, ScoringStage, Span, Traces } from './observer.ts'
import type { ScoringJob, ScoringSteps } from './scoring-steps.ts'
import type { Actor, ActorSpec, ActorSystem } from './supervisor.ts'

export interface LeadScorerOptions {
  steps: ScoringSteps
  gate: Gate
  now(): number
  random(): number
  observer?: Pick<Observer, 'stage'>
  /** Absent: nobody traces. */
  traces?: Pick<Traces, 'covered'> | undefined
  onError(job: ScoringJob, error: unknown): void
}

export interface LeadScorer {
  readonly job: ScoringJob
  /** Ends it without settling the job: a call in flight is aborted and its result is not written. */
  stop(): void
  phase(): LeadPhase
  /** Something more urgent waits behind its job. */
  raise(priority: number): void
}

const IDLE: LeadState = { phase: 'Idle' }
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
  onEnd: (job: ScoringJob) => void,
): LeadScorer {
  return new OneLead(system, job, options, onEnd)
}

/**
 * Handle, specification and behavior of the actor in one object, and a class: as many of these as a
 * process holds leads wait at once.
 */
class OneLead implements LeadScorer, ActorSpec<LeadEvent>, Behavior<LeadEvent> {
  readonly job: ScoringJob
  /** A crash spends an attempt of the job, which comes back with the queue's backoff, wherever. */
  readonly restart = null
  private readonly options: LeadScorerOptions
  private readonly onEnd: (job: ScoringJob) => void
  private readonly actor: Actor<LeadEvent>
  private self!: Self<LeadEvent>
  private state: LeadState = IDLE
  private permit: Permit | undefined = undefined
  /** When the lead became unscored, and when the present stage began; 0: no call is made for it. */
  private since = 0
  private begun = 0
  /** Of the call under way; none without a tracer. */
  private spans: Span[] | undefined = undefined
  /** At the gate: the job's, or that of what waits behind it. */
  private priority: number

  constructor(
    system: ActorSystem,
    job: ScoringJob,
    options: LeadScorerOptions,
    onEnd: (job: ScoringJob) => void,
  ) {
    this.job = job
    this.options = options
    this.onEnd = onEnd
    this.priority = job.priority
    this.actor = system.spawn<LeadEvent>(this)
  }

  get name(): string {
    return `lead-${this.job.data.leadId}`
  }

  stop(): void {
    this.actor.stop()
  }

  phase(): LeadPhase {
    return this.state.phase
  }

  raise(priority: number): void {
    this.priority = Math.max(this.priority, priority)
    this.permit?.raise(this.priority)
  }

  incarnate(self: Self<LeadEvent>): Behavior<LeadEvent> {
    this.self = self
    this.handle(CLAIMED)
    return this
  }

  handle(event: LeadEvent): void {
    const { options } = this
    if (event === PERMIT) this.stageEnds('gate')
    const next = advance(this.state, event, {
      nowMs: options.now(),
      lastAttempt: isLastAttempt(this.job),
      random: options.random(),
    })
    this.state = next.state
    for (const effect of next.effects) this.carryOut(effect)
  }

  dispose(): void {
    this.handle({ type: 'stopped' })
  }

  /** The actor itself broke, so its state is not to be trusted: no table is asked. */
  onDown(error: unknown): void {
    const { job, options } = this
    const end = () => this.onEnd(job)
    options.onError(job, error)
    options.steps.failCrashed(job, error).then(end, end)
  }

  /** An answer that arrived and was never handled: its calls are billed as well. */
  onLost(events: LeadEvent[]): void {
    const { job, options } = this
    for (const event of events) {
      if (event.type !== 'answered') continue
      const { interactions } = event.result
      options.steps.account(job, interactions).catch((error) => options.onError(job, error))
    }
  }

  private carryOut(effect: LeadEffect): void {
    const { job, self } = this
    const { steps } = this.options
    switch (effect.do) {
      case 'read window':
        this.run(
          () => steps.readWindow(job),
          (window) => ({ type: 'window', window }),
        )
        break
      case 'arm timer':
        self.after(effect.ms, DUE)
        break
      case 'acquire permit':
        this.since = effect.since
        this.begun = effect.since
        this.stageEnds('waiting')
        this.acquire(effect)
        break
      case 'read snapshot':
        this.run(
          () => steps.readSnapshot(job),
          (input) => ({ type: 'snapshot', input }),
        )
        break
      case 'ask':
        this.run(
          () => this.ask(effect.input.request, self.signal),
          (result) => ({ type: 'answered', result }),
        )
        break
      case 'release permit':
        this.permit?.release(effect.result ? callOutcome(effect.result) : undefined)
        break
      case 'end job':
        this.run(() => steps.endJob(job), settled)
        break
      case 'write score':
        this.begun = this.options.now()
        this.run(
          () => steps.writeScore(job, effect.score),
          () => this.scored(effect.score),
        )
        break
      case 'give back':
        this.run(() => steps.giveBack(job, effect.delayMs, effect.attempt), settled)
        break
      case 'fail job':
        this.run(() => steps.failJob(job, effect, effect.attempt), settled)
        break
      case 'fail crashed':
        this.run(() => steps.failCrashed(job, effect.error), settled)
        break
      case 'end':
        this.stop()
        this.onEnd(job)
        break
    }
  }

  private run<T>(work: () => Promise<T>, done: (result: T) => LeadEvent): void {
    this.self.run(work, done, (error) => {
      this.options.onError(this.job, error)
      return crashEvent(this.job, error)
    })
  }

  private scored({ seen, model }: ScoreToWrite): LeadEvent {
    if (this.since > 0) {
      this.stageEnds('commit')
      this.traced(seen, model)
      this.begun = this.since
      this.stageEnds('total')
    }
    return SETTLED
  }

  private traced(seen: number, model: string): void {
    const { spans = [] } = this
    for (const span of spans) span.attributes = { 'leadpulse.model': model }
    this.options.traces?.covered([{ leadId: this.job.data.leadId, seen, spans }])
  }

  private stageEnds(stage: ScoringStage): void {
    const { observer, traces, now } = this.options
    const at = now()
    observer?.stage(stage, at - this.begun)
    if (traces && stage !== 'total') {
      if (stage === 'waiting') this.spans = []
      this.spans?.push({ name: `scoring ${stage}`, fromMs: this.begun, toMs: at })
    }
    this.begun = at
  }

  private acquire({ since, failures }: Asking): void {
    const { workspaceId } = this.job.data
    const call = { workspaceId, since, failures, priority: this.priority }
    this.permit = this.options.gate.acquire(call, () => this.self.tell(PERMIT))
  }

  private async ask(request: ScoringRequest, signal: AbortSignal): Promise<ScoringResult> {
    const { steps, now } = this.options
    this.begun = now()
    const result = await steps.ask(request, signal)
    this.stageEnds('llm')
    // The end came first, and nobody will read this; the calls were made and are billed all the same.
    if (signal.aborted) await steps.account(this.job, result.interactions)
    return result
  }
}

function crashEvent(job: ScoringJob, error: unknown): LeadEvent {
  const stale = error instanceof StaleClaimError
  return { type: 'crashed', error, stale, parks: crashParks(job, error) }
}
