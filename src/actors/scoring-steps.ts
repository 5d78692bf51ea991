/**
 * What a lead scorer does to the world, one step of `domain/scoring/lead-phases.ts` each: reads,
 * the call, and the transactions that end a job. Each rejects when the database fails, and with
 * StaleClaimError, nothing written, when the claim is another worker's by now.
 */
import type { FailedAttempt, ScoreToWrite } from '../domain/scoring/lead-phases.ts'
import { recordFailure, recordInteractions, recordScore } from '../domain/scoring/record-score.ts'
import type { Interaction, Scorer, ScoringRequest, ScoringResult } from '../domain/scoring/score.ts'
import {
  readScoringInput,
  readWindow,
  type ScoringInput,
  type ScoringWindow,
  type WindowDefaults,
} from '../domain/scoring/scoring-input.ts'
import type { Store } from '../domain/sql.ts'
import { type ClaimedJob, type Jobs, type ScoringData, StaleClaimError } from '../jobs.ts'
import { failCrashed } from './crashed-job.ts'

export type ScoringJob = ClaimedJob<ScoringData>

export interface ScoringSteps {
  /** Null: the lead is gone. */
  readWindow(job: ScoringJob): Promise<ScoringWindow | null>
  readSnapshot(job: ScoringJob): Promise<ScoringInput | null>
  ask(request: ScoringRequest, signal: AbortSignal): Promise<ScoringResult>
  /** Nothing to score. */
  endJob(job: ScoringJob): Promise<void>
  writeScore(job: ScoringJob, score: ScoreToWrite): Promise<void>
  /** Back into the queue as it was, due after `delayMs`. */
  giveBack(job: ScoringJob, delayMs: number, attempt: FailedAttempt): Promise<void>
  /** Spends an attempt. `parked`: nobody tries again by himself. */
  failJob(
    job: ScoringJob,
    how: { terminal: boolean; parked: boolean },
    attempt: FailedAttempt,
  ): Promise<void>
  /** It threw: tried again a few times, then parked. */
  failCrashed(job: ScoringJob, error: unknown): Promise<void>
  /** Of calls whose result nobody waits for any more: made and billed all the same. */
  account(job: ScoringJob, interactions: Interaction[]): Promise<void>
}

export interface ScoringStepsOptions {
  store: Store
  jobs: Pick<Jobs, 'begin' | 'complete' | 'fail' | 'release'>
  scorer: Scorer
  window: WindowDefaults
  /** A score event was committed in this workspace. */
  onScored(workspaceId: string): void
}

export function scoringSteps(options: ScoringStepsOptions): ScoringSteps {
  const { store, jobs, scorer, window } = options
  const account = (job: ScoringJob, interactions: Interaction[]) =>
    recordInteractions(store, job.data, interactions)
  /** For the timeline only: the life of a lead does not depend on it. */
  const readAt = new WeakMap<ScoringJob, Date>()
  return {
    readWindow: ({ data }) => readWindow(store, data.leadId, window),
    async readSnapshot(job) {
      await jobs.begin(job)
      const input = await readScoringInput(store, job.data)
      if (input) readAt.set(job, input.readAt)
      return input
    },
    ask: (request, signal) => scorer.score(request, signal),
    endJob: (job) => jobs.complete(store, job),
    writeScore: (job, score) => writeScore(job, { ...score, beganAt: readAt.get(job) }, options),
    async giveBack(job, delayMs, { reason, interactions }) {
      await account(job, interactions)
      await recordFailure(store, job.data.leadId, { reason, parked: false })
      await jobs.release(job, delayMs)
    },
    async failJob(job, { terminal, parked }, { reason, interactions }) {
      await account(job, interactions)
      // Before the job ends: a death in between leaves a job that runs again, not a silent lead.
      await recordFailure(store, job.data.leadId, { reason, parked })
      await jobs.fail(job, reason, { terminal })
    },
    failCrashed: (job, error) => failCrashed({ store, jobs }, job, 'scoring', error),
    account,
  }
}

/** End of the job, score, accounting and feed event: one transaction, or nothing. */
async function writeScore(
  job: ScoringJob,
  { interactions, ...score }: ScoreToWrite & { beganAt: Date | undefined },
  { store, jobs, onScored }: ScoringStepsOptions,
): Promise<void> {
  try {
    const event = await store.transaction(async (tx) => {
      await jobs.complete(tx, job)
      await recordInteractions(tx, job.data, interactions)
      return recordScore(tx, { ...job.data, ...score })
    })
    if (event !== null) onScored(job.data.workspaceId)
  } catch (error) {
    // Certainly rolled back, so not accounted for twice.
    if (error instanceof StaleClaimError) await recordInteractions(store, job.data, interactions)
    throw error
  }
}
