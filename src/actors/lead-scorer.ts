/**
 * The scorer of one lead: holds the lead's scoring job through the quiet window, waits for a permit,
 * asks the scorer and writes the score together with the end of the job. It lives as long as the job.
 *
 *   Reading --window--> Quiet --due--> Reading ... --due now--> Queued --permit--> InFlight --> end
 *
 * A message that arrives meanwhile has its own waiting job (queue policy `stately`) and is scored
 * right after by the next incarnation; what this one has read already covers it if it came in time.
 */
import {
  recordFailure,
  recordInteractions,
  recordScore,
  type ScoreToRecord,
} from '../domain/scoring/record-score.ts'
import type { Scorer, Scores, ScoringResult } from '../domain/scoring/score.ts'
import {
  readScoringInput,
  readWindow,
  type ScoringInput,
  type ScoringWindow,
  type WindowDefaults,
} from '../domain/scoring/scoring-input.ts'
import type { Store } from '../domain/sql.ts'
import {
  type ClaimedJob,
  isLastAttempt,
  type Jobs,
  type ScoringData,
  StaleClaimError,
} from '../jobs.ts'
import type { Behavior, Self } from './actor.ts'
import { callOutcome } from './call-pace.ts'
import { failCrashed } from './crashed-job.ts'
import type { Gate, Permit } from './gate.ts'
import type { Actor, ActorSystem } from './supervisor.ts'

export interface LeadScorerOptions {
  store: Store
  jobs: Jobs
  scorer: Scorer
  gate: Gate
  window: WindowDefaults
  now(): number
  random(): number
  /** A score event was committed in this workspace. */
  onScored(workspaceId: string): void
  onError(job: ClaimedJob<ScoringData>, error: unknown): void
}

export type ScorerPhase = 'Reading' | 'Quiet' | 'Queued' | 'InFlight'

type Message =
  | { type: 'window'; window: ScoringWindow | null }
  | { type: 'due' }
  | { type: 'permit' }
  | { type: 'settled' }
  | { type: 'failed'; error: unknown }

export interface LeadScorer {
  readonly job: ClaimedJob<ScoringData>
  /** Ends it without settling the job: a call in flight is aborted and its result is not written. */
  stop(): void
  phase(): ScorerPhase
}

/** A provider outage spends no attempts; the job comes back after this, plus up to as much again. */
const OUTAGE_DELAY_MS = 5000

export function leadScorer(
  system: ActorSystem,
  job: ClaimedJob<ScoringData>,
  options: LeadScorerOptions,
  onEnd: () => void,
): LeadScorer {
  let phase: ScorerPhase = 'Reading'
  const actor: Actor<Message> = system.spawn<Message>({
    name: `lead-${job.data.leadId}`,
    // A crash spends an attempt of the job, which comes back with the queue's backoff, wherever.
    restart: null,
    onDown: (error) => {
      options.onError(job, error)
      failCrashed(options, job, 'scoring', error).then(onEnd, onEnd)
    },
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
  return {
    job,
    stop: () => actor.stop(),
    phase: () => phase,
  }
}

function behavior(
  self: Self<Message>,
  job: ClaimedJob<ScoringData>,
  options: LeadScorerOptions,
  life: { enter(phase: ScorerPhase): void; end(): void },
): Behavior<Message> {
  const { gate, now } = options
  let permit: Permit | undefined
  let since = now()
  let failing = false

  function read(): void {
    life.enter('Reading')
    self.run(
      () => readWindow(options.store, job.data.leadId, options.window),
      (window): Message => ({ type: 'window', window }),
      (error): Message => ({ type: 'failed', error }),
    )
  }

  function settle(work: (signal: AbortSignal) => Promise<void>): void {
    self.run(
      work,
      (): Message => ({ type: 'settled' }),
      (error): Message => ({ type: 'failed', error }),
    )
  }

  function onWindow(window: ScoringWindow | null): void {
    if (!window || window.covered) {
      settle(() => options.jobs.complete(options.store, job))
      return
    }
    since = now() - window.unscoredForMs
    if (window.dueInMs > 0) {
      life.enter('Quiet')
      // Re-read when due instead of moving the timer with each message: other processes store
      // messages of this lead, too, and only the database knows them all.
      self.after(window.dueInMs, { type: 'due' })
    } else {
      life.enter('Queued')
      const { workspaceId } = job.data
      permit = gate.acquire({ workspaceId, since }, () => self.tell({ type: 'permit' }))
    }
  }

  function onFailed(error: unknown): void {
    options.onError(job, error)
    // A lost claim belongs to another worker. A job that cannot even be failed (the database is
    // away) is left to its heartbeat, which stops with this actor.
    if (failing || error instanceof StaleClaimError) {
      life.end()
      return
    }
    failing = true
    settle(() => failCrashed(options, job, 'scoring', error))
  }

  read()
  return {
    handle(message) {
      switch (message.type) {
        case 'window':
          return onWindow(message.window)
        case 'due':
          return read()
        case 'permit':
          life.enter('InFlight')
          return settle((signal) =>
            scoreOnce(job, options, signal, (result) => permit?.release(callOutcome(result))),
          )
        case 'settled':
          return life.end()
        case 'failed':
          return onFailed(message.error)
      }
    },
    dispose: () => permit?.release(),
  }
}

/** One attempt: read, decide, ask, write. The call is over at `onAnswer`, the writing is not. */
async function scoreOnce(
  job: ClaimedJob<ScoringData>,
  options: LeadScorerOptions,
  signal: AbortSignal,
  onAnswer: (result: ScoringResult) => void,
): Promise<void> {
  const input = await readScoringInput(options.store, job.data)
  if (!input || input.scoredSeq >= input.seen) {
    return options.jobs.complete(options.store, job)
  }
  if (input.disqualifiedReason) {
    const scores = disqualifiedScores(input.disqualifiedReason)
    return write(job, options, input, { scores, model: 'disqualified', promptVersion: 'none' })
  }
  if (!input.hasInbound) {
    return write(job, options, input, { scores: null, model: 'none', promptVersion: 'none' })
  }
  const result = await options.scorer.score(input.request, signal)
  if (signal.aborted) {
    // The calls were made and are billed, whoever scores this lead next.
    return recordInteractions(options.store, job.data, result.interactions)
  }
  onAnswer(result)
  if (result.outcome === 'ok') {
    return write(job, options, input, result, result)
  }
  return giveUp(job, options, result)
}

function disqualifiedScores(reason: string): Scores {
  const reasoning = `Disqualified: ${reason}`.slice(0, 500)
  return { fitScore: 1, intentScore: 1, overallScore: 1, reasoning }
}

/** End of the job, score, accounting and feed event: one transaction, or nothing. */
async function write(
  job: ClaimedJob<ScoringData>,
  { store, jobs, onScored }: LeadScorerOptions,
  { seen }: ScoringInput,
  score: Pick<ScoreToRecord, 'scores' | 'model' | 'promptVersion' | 'provisional'>,
  result?: ScoringResult,
): Promise<void> {
  const event = await store.transaction(async (tx) => {
    await jobs.complete(tx, job)
    await recordInteractions(tx, job.data, result?.interactions ?? [])
    const { scores, model, promptVersion, provisional } = score
    return recordScore(tx, { ...job.data, seen, scores, model, promptVersion, provisional })
  })
  if (event !== null) onScored(job.data.workspaceId)
}

/** No score: what the LLM cost is kept, the reason is shown, and the job comes back or parks. */
async function giveUp(
  job: ClaimedJob<ScoringData>,
  { store, jobs, random }: LeadScorerOptions,
  result: Exclude<ScoringResult, { outcome: 'ok' }>,
): Promise<void> {
  await recordInteractions(store, job.data, result.interactions)
  const outage = ['timeout', 'rate_limited', 'error'].includes(result.outcome) && !result.terminal
  const parked = !outage && (result.terminal || isLastAttempt(job))
  await recordFailure(store, job.data.leadId, { reason: result.reason, parked })
  if (outage) {
    await jobs.release(job, result.retryAfterMs ?? OUTAGE_DELAY_MS * (1 + random()))
  } else {
    await jobs.fail(job, result.reason, { terminal: result.terminal })
  }
}
