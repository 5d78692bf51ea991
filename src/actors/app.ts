/**
 * The actor tree: `app` with five channel ingest actors, five post-process actors, the dispatcher,
 * the feed, recovery, and a scorer for each lead at work. This file wires them; it decides nothing.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { AiBudget } from '../domain/ai/budget.ts'
import type { ModelCircuit, ModelLife, ModelWatch } from '../domain/ai/model-life.ts'
import { type Channel, channels } from '../domain/channels/inbound-event.ts'
import { noOutside, type Outside } from '../domain/post-process/outside.ts'
import type { Pruned, Pruner } from '../domain/retention.ts'
import type { Scorer } from '../domain/scoring/score.ts'
import type { WindowDefaults } from '../domain/scoring/scoring-input.ts'
import { codeOf, type Sql, type Store } from '../domain/sql.ts'
import { postProcessQueueOf, SCORING_QUEUE } from '../job-queues.ts'
import { type Jobs, type ScoringData, scoringPriority } from '../jobs.ts'
import type { Log } from '../log.ts'
import { type BackfillActor, backfillActor } from './backfill.ts'
import { budgetResumeActor } from './budget-resume.ts'
import { type Dispatcher, dispatcher } from './dispatcher.ts'
import { type FeedHub, feedActor } from './feed.ts'
import { type Gate, gate } from './gate.ts'
import { gatedModel } from './gated-model.ts'
import { gatedScorer } from './gated-scorer.ts'
import { type ChannelIngest, channelIngest } from './ingest.ts'
import { type Intake, intake } from './intake.ts'
import { type LeadScorerOptions, leadScorer } from './lead-scorer.ts'
import { modelWatchActor } from './model-watch.ts'
import { LEASE_MS, takeOverOrphans } from './orphans.ts'
import { type PostProcessActor, postProcessActor } from './post-process.ts'
import { recoveryActor } from './recovery.ts'
import { retentionActor } from './retention.ts'
import { scoringSteps } from './scoring-steps.ts'
import { type ActorMeters, type ActorSystem, actorSystem } from './supervisor.ts'

export interface AppOptions {
  store: Store
  /** The ingest's own way to the database. */
  ingest: Sql
  jobs: Jobs
  scorer: Scorer
  /** Whom post-processing may ask; absent: nobody. */
  outside?: Outside
  /** Absent where no model scores. */
  budget?: AiBudget | undefined
  /** Absent where no model scores. */
  modelWatch?: ModelWatch | undefined
  /** Absent: nothing is thrown away. */
  pruner?: Pruner
  log: Log
  llmConcurrency: number
  scoringHeldMax: number
  window: WindowDefaults
  /** `web` takes webhooks and serves the feed but runs no jobs. */
  runsJobs: boolean
  now(): number
  random(): number
}

export interface App {
  intake: Intake
  feed: FeedHub
  /** For people who wait for the answer; nothing is written. */
  previewScorer: Scorer
  /** Sends scoring jobs for leads whose message_seq a committed transaction has moved. */
  scoreSoon(leads: ScoringData[]): Promise<void>
  /** A backfill run was started. */
  backfillSoon(): void
  meters(): AppMeters
  /** Ordered: what came in is stored, jobs go back, then every actor ends. May be called twice. */
  stop(): Promise<void>
}

export interface AppMeters {
  actors: ActorMeters[]
  openOffers: number
  jobs: ReturnType<Dispatcher['meters']> | null
  gate: ReturnType<Gate['meters']>
  /** Null where no model scores. */
  model: ModelLife | null
  /** Null where no model scores. */
  circuit: ModelCircuit | null
}

/** A call to the LLM may take its time limit; longer ones are aborted and given back. */
const CALLS_GRACE_MS = 15_000
/** For side work that hears its abort late; with the calls' grace it stays within the 25 s of all. */
const SIDE_WORK_GRACE_MS = 2000

export function startApp(options: AppOptions): App {
  const { log, store, jobs } = options
  const system = actorSystem({
    random: options.random,
    onCrash: (actor, error, status) => log.error({ actor, status, err: error }, 'actor crashed'),
  })
  const llmGate = gate({ limit: options.llmConcurrency })
  const feed = feedActor(system, { store, onError: warn(log, 'feed') })
  const worker = options.runsJobs ? startWorker(system, options, llmGate, feed) : null
  const ingests = Object.fromEntries(
    channels.map((channel) => [
      channel,
      channelIngest(channel, {
        system,
        store: options.ingest,
        enqueue: (sql, messages) => jobs.insertPostProcess(sql, messages),
        onCommitted: (name) => worker?.dispatcher.wake(postProcessQueueOf(name)),
        onError: (name, error) => warn(log, `ingest ${name}`)(error),
      }),
    ]),
  ) as Record<Channel, ChannelIngest>
  let stopping: Promise<void> | undefined

  return {
    intake: intake({ store, ingests, onError: (what, error) => warn(log, what)(error) }),
    feed,
    previewScorer: gatedScorer(options.scorer, llmGate),
    async scoreSoon(leads) {
      await jobs.sendScoring(store, leads, scoringPriority.live)
      worker?.dispatcher.wake(SCORING_QUEUE)
    },
    backfillSoon: () => worker?.backfill.tell({ type: 'look' }),
    meters: () => ({
      actors: system.meters(),
      openOffers: channels.reduce((sum, channel) => sum + ingests[channel].meters().open, 0),
      jobs: worker?.dispatcher.meters() ?? null,
      gate: llmGate.meters(),
      model: options.modelWatch?.life() ?? null,
      circuit: options.modelWatch?.circuit() ?? null,
    }),
    stop() {
      stopping ??= stopInOrder(system, ingests, worker?.dispatcher ?? null)
      return stopping
    },
  }
}

function startWorker(system: ActorSystem, options: AppOptions, llmGate: Gate, feed: FeedHub) {
  const { store, jobs, log, outside: given = noOutside } = options
  const outside = { ...given, model: given.model && gatedModel(given.model, llmGate) }
  const postProcessors = Object.fromEntries(
    channels.map((channel) => [
      channel,
      postProcessActor(channel, {
        system,
        store,
        jobs,
        outside,
        onSettled(job, scoring) {
          dispatch.settled(job)
          if (scoring) dispatch.wake(SCORING_QUEUE)
        },
        onError: (job, error) => warn(log, `post-process ${job.id}`)(error),
      }),
    ]),
  ) as Record<Channel, PostProcessActor>
  const scoring: LeadScorerOptions = {
    ...options,
    steps: scoringSteps({ ...options, onScored: (workspaceId) => feed.wake(workspaceId) }),
    gate: llmGate,
    onError: (failed, error) => warn(log, `score lead ${failed.data.leadId}`)(error),
  }
  const dispatch: Dispatcher = dispatcher({
    system,
    jobs,
    scoringHeldMax: options.scoringHeldMax,
    startPostProcess: (channel, job) => void postProcessors[channel].tell({ type: 'job', job }),
    startScoring: (job, onEnd) => leadScorer(system, job, scoring, onEnd),
    isSaturated() {
      const { waiting, limit } = llmGate.meters()
      return waiting >= limit
    },
    random: options.random,
    async takeOverOrphans() {
      const count = await takeOverOrphans({ store, jobs }, LEASE_MS)
      if (count > 0) log.info({ jobs: count }, 'taken over from a process that is gone')
      return count
    },
    onError: (what, error) => warn(log, what)(error),
  })
  recoveryActor({
    system,
    store,
    jobs,
    onRecovered(count) {
      if (count === 0) return
      log.info({ leads: count }, 'scoring jobs sent again for leads without one')
      dispatch.wake(SCORING_QUEUE)
    },
    onError: warn(log, 'recovery'),
  })
  if (options.pruner) {
    const onPruned = (pruned: Pruned) => log.debug(pruned, 'pruned')
    const { pruner, now } = options
    retentionActor({ system, pruner, now, onPruned, onError: warn(log, 'retention') })
  }
  const backfill: BackfillActor = backfillActor({
    system,
    store,
    jobs,
    now: options.now,
    onSent: () => dispatch.wake(SCORING_QUEUE),
    onError: warn(log, 'backfill'),
  })
  if (options.modelWatch) {
    const watch = options.modelWatch
    modelWatchActor({ system, watch, onError: warn(log, 'model watch') })
  }
  if (options.budget) {
    budgetResumeActor({
      system,
      store,
      jobs,
      budget: options.budget,
      onResumed(count) {
        log.info({ leads: count }, 'AI budget allows calls again: provisional scores made again')
        dispatch.wake(SCORING_QUEUE)
      },
      onError: warn(log, 'budget resume'),
    })
  }
  return { dispatcher: dispatch, backfill }
}

async function stopInOrder(
  system: ActorSystem,
  ingests: Record<Channel, ChannelIngest>,
  dispatch: Dispatcher | null,
): Promise<void> {
  await Promise.all(channels.map((channel) => ingests[channel].drained()))
  await dispatch?.shutdown(CALLS_GRACE_MS)
  system.stop()
  // The database is closed next: what was aborted may still be using it.
  const limit = new AbortController()
  const late = delay(SIDE_WORK_GRACE_MS, undefined, { signal: limit.signal }).catch(() => {})
  await Promise.race([system.stopped(), late])
  limit.abort()
}

/** One line per failure. A database error is named by its code: its message may quote values. */
function warn(log: Log, what: string): (error: unknown) => void {
  return (error) => {
    const code = codeOf(error)
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    log.warn({ code, error: name }, `${what}: ${code ?? message.split('\n')[0]}`)
  }
}
