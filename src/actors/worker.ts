/**
 * What works through jobs: the dispatcher with its claims, five post-process actors and a scorer for
 * each lead at work. A process has one for life; a drain has one of its own for as long as it lasts
 * (`drain.ts`). `startCaretakers` adds what sends jobs by itself and what throws away.
 */
import type { AiBudget } from '../domain/ai/budget.ts'
import type { ModelWatch } from '../domain/ai/model-life.ts'
import { type Channel, channels } from '../domain/channels/inbound-event.ts'
import { noOutside, type Outside } from '../domain/post-process/outside.ts'
import type { Pruned, Pruner } from '../domain/retention.ts'
import type { Scorer } from '../domain/scoring/score.ts'
import type { WindowDefaults } from '../domain/scoring/scoring-input.ts'
import type { Store } from '../domain/sql.ts'
import { type QueueName, SCORING_QUEUE } from '../job-queues.ts'
import type { Jobs, ScoringData } from '../jobs.ts'
import { type Log, warnOf } from '../log.ts'
import { type BackfillActor, backfillActor } from './backfill.ts'
import { budgetResumeActor } from './budget-resume.ts'
import { type Dispatcher, dispatcher } from './dispatcher.ts'
import type { FeedHub } from './feed.ts'
import type { Gate } from './gate.ts'
import { gatedModel } from './gated-model.ts'
import { type LeadScorerOptions, leadScorer } from './lead-scorer.ts'
import { modelWatchActor } from './model-watch.ts'
import type { Observer, Traces } from './observer.ts'
import { LEASE_MS, takeOverOrphans } from './orphans.ts'
import { type PostProcessActor, postProcessActor } from './post-process.ts'
import { recoveryActor } from './recovery.ts'
import { retentionActor } from './retention.ts'
import { scoringSteps } from './scoring-steps.ts'
import { searchMergeActor } from './search-merge.ts'
import type { ActorSystem } from './supervisor.ts'

export interface WorkerOptions {
  store: Store
  jobs: Jobs
  scorer: Scorer
  /** Whom post-processing may ask; absent: nobody. */
  outside?: Outside
  /** Absent: nobody measures. */
  observer?: Observer
  /** Absent: nobody traces. */
  traces?: Traces | undefined
  log: Log
  scoringHeldMax: number
  window: WindowDefaults
  now(): number
  random(): number
  /** Whether a job of this queue that began now would end in time; absent: there is always time. */
  hasTimeFor?(queue: QueueName): boolean
}

export function startWorker(
  system: ActorSystem,
  options: WorkerOptions,
  { gate, feed }: { gate: Gate; feed: Pick<FeedHub, 'wake'> },
): Dispatcher {
  const { store, jobs, log, outside: given = noOutside, hasTimeFor = () => true } = options
  const outside = { ...given, model: given.model && gatedModel(given.model, gate) }
  const postProcessors = Object.fromEntries(
    channels.map((channel) => [
      channel,
      postProcessActor(channel, {
        system,
        store,
        jobs,
        outside,
        hasTimeFor,
        onSettled(job, scoring) {
          dispatch.settled(job)
          if (scoring) dispatch.wake(SCORING_QUEUE)
        },
        traces: options.traces,
        onError: (job, error) =>
          warnOf(log, 'post-process', { jobId: job.id, ...idsOf(job) })(error),
      }),
    ]),
  ) as Record<Channel, PostProcessActor>
  const scoring: LeadScorerOptions = {
    ...options,
    steps: scoringSteps({ ...options, onScored: (workspaceId) => feed.wake(workspaceId) }),
    gate,
    onError: (job, error) => warnOf(log, 'score', { jobId: job.id, ...idsOf(job) })(error),
  }
  const dispatch: Dispatcher = dispatcher({
    system,
    jobs,
    scoringHeldMax: options.scoringHeldMax,
    hasTimeFor,
    startPostProcess: (channel, job) => void postProcessors[channel].tell({ type: 'job', job }),
    startScoring: (job, onEnd) => leadScorer(system, job, scoring, onEnd),
    isSaturated() {
      const { waiting, limit } = gate.meters()
      return waiting >= limit
    },
    random: options.random,
    async takeOverOrphans() {
      const count = await takeOverOrphans({ store, jobs }, LEASE_MS)
      if (count > 0) log.info({ jobs: count }, 'taken over from a process that is gone')
      return count
    },
    onError: (what, error) => warnOf(log, what)(error),
  })
  return dispatch
}

/** What a line about a job names it by. */
function idsOf({ data }: { data: ScoringData & { messageId?: string } }) {
  const { leadId, messageId } = data
  return { leadId, ...(messageId && { messageId }) }
}

export interface CaretakerOptions extends Pick<WorkerOptions, 'store' | 'jobs' | 'log' | 'now'> {
  /** Absent where no model scores. */
  budget?: AiBudget | undefined
  /** Absent where no model scores. */
  modelWatch?: ModelWatch | undefined
  /** Absent: nothing is thrown away. */
  pruner?: Pruner
  /** How long after the start pruning begins. */
  pruneAfterMs?: number
  /** The process has just started: parked leads get another chance. */
  retryParked: boolean
}

/** `onJobs`: scoring jobs were sent. */
export function startCaretakers(
  system: ActorSystem,
  options: CaretakerOptions,
  onJobs: () => void,
): { backfill: BackfillActor } {
  const { store, jobs, log, now, pruner, pruneAfterMs, modelWatch, budget } = options
  recoveryActor({
    system,
    store,
    jobs,
    retryParked: options.retryParked,
    onRecovered(count) {
      if (count === 0) return
      log.info({ leads: count }, 'scoring jobs sent again for leads without one')
      onJobs()
    },
    onError: warnOf(log, 'recovery'),
  })
  searchMergeActor({ system, store, onError: warnOf(log, 'search merge') })
  if (pruner) {
    const onPruned = (pruned: Pruned) => log.debug(pruned, 'pruned')
    const onError = warnOf(log, 'retention')
    const firstMs = pruneAfterMs === undefined ? {} : { firstMs: pruneAfterMs }
    retentionActor({ system, pruner, now, onPruned, onError, ...firstMs })
  }
  if (modelWatch) {
    modelWatchActor({ system, watch: modelWatch, onError: warnOf(log, 'model watch') })
  }
  if (budget) {
    budgetResumeActor({
      system,
      store,
      jobs,
      budget,
      onResumed(count) {
        log.info({ leads: count }, 'AI budget allows calls again: provisional scores made again')
        onJobs()
      },
      onError: warnOf(log, 'budget resume'),
    })
  }
  const onError = warnOf(log, 'backfill')
  return { backfill: backfillActor({ system, store, jobs, now, onSent: onJobs, onError }) }
}
