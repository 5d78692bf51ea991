/**
 * The budget actor: looks every few seconds whether a workspace whose AI budget was used up may
 * spend again, and sends the scoring jobs of the leads that the rules scored meanwhile.
 */
import type { AiBudget } from '../domain/ai/budget.ts'
import { type DueLead, resumeProvisional } from '../domain/ai/resume.ts'
import type { Store } from '../domain/sql.ts'
import type { Jobs } from '../jobs.ts'
import { scoringPriority } from '../scoring-priority.ts'
import { repeatingActor } from './repeating.ts'
import type { ActorSystem } from './supervisor.ts'

export interface BudgetResumeOptions {
  system: ActorSystem
  store: Store
  jobs: Jobs
  budget: AiBudget
  /** Leads whose provisional scores are being made again. */
  onResumed(count: number): void
  onError(error: unknown): void
}

/** A raised budget shows after this and the 3 s that a reading of it serves; the look is cheap. */
const LOOK_MS = 3000
/** Per look; a full page is followed by the next soon, so the rate is bounded, not the work. */
const PAGE = 500
const PAGE_PAUSE_MS = 1000

export function budgetResumeActor(options: BudgetResumeOptions): void {
  const { system, onResumed, onError } = options
  repeatingActor({
    system,
    name: 'budget-resume',
    work: () => resume(options),
    pauseMs: ({ length }) => (length === PAGE ? PAGE_PAUSE_MS : LOOK_MS),
    failedMs: LOOK_MS,
    onDone({ length }) {
      if (length > 0) onResumed(length)
    },
    onError,
  })
}

/** A crash between the two statements is mended by recovery: the leads are due and have no job. */
async function resume({ store, jobs, budget }: BudgetResumeOptions): Promise<DueLead[]> {
  const leads = await resumeProvisional(store, budget, PAGE)
  await jobs.sendScoring(store, leads, scoringPriority.recovery)
  return leads
}
