/**
 * The actor tree: `app` with five channel ingest actors, five post-process actors, the dispatcher,
 * the feed, recovery, and a scorer for each lead at work. This file wires them; it decides nothing.
 */
import type { ModelCircuit, ModelLife } from '../domain/ai/model-life.ts'
import { type Channel, channels } from '../domain/channels/inbound-event.ts'
import type { Sql, Store } from '../domain/sql.ts'
import { postProcessQueueOf, SCORING_QUEUE } from '../job-queues.ts'
import type { ScoringData } from '../jobs.ts'
import { warnOf } from '../log.ts'
import { scoringPriority } from '../scoring-priority.ts'
import { commitCost } from './commit-cost.ts'
import type { Dispatcher } from './dispatcher.ts'
import { type Drains, drains } from './drain.ts'
import { type FeedHub, feedActor } from './feed.ts'
import { type Gate, gate } from './gate.ts'
import { gatedScorer } from './gated-scorer.ts'
import { type ChannelIngest, channelIngest } from './ingest.ts'
import { ingestBacklog } from './ingest-backlog.ts'
import { type Intake, intake } from './intake.ts'
import { sharedCommits } from './shared-commits.ts'
import {
  type ActorMeters,
  type ActorStatus,
  type ActorSystem,
  actorSystem,
  stopWithin,
} from './supervisor.ts'
import { upkeepActor } from './upkeep.ts'
import {
  type CaretakerOptions,
  startCaretakers,
  startWorker,
  type WorkerOptions,
} from './worker.ts'

export interface AppOptions
  extends Omit<WorkerOptions, 'hasTimeFor'>,
    Pick<CaretakerOptions, 'budget' | 'modelWatch' | 'pruner'> {
  /** For the jobs; absent: they have no other way to the database than the rest. */
  background?: Store
  /** The ingest's own way to the database. */
  ingest: Sql & { turns: number }
  llmConcurrency: number
  /** Of one call to the model; absent where none scores. */
  callTimeoutMs?: number
  /** Of the kind of the database, every few seconds; absent: its statistics are somebody else's. */
  upkeep?(store: Sql): Promise<number>
  /** `web` takes webhooks and serves the feed but runs no jobs, unless it is told to drain. */
  runsJobs: boolean
}

export interface App {
  intake: Intake
  feed: FeedHub
  /** For people who wait for the answer; nothing is written. */
  previewScorer: WorkerOptions['scorer']
  /** Sends scoring jobs for leads whose message_seq a committed transaction has moved. */
  scoreSoon(leads: ScoringData[]): Promise<void>
  /** A backfill run was started. */
  backfillSoon(): void
  /** Works through due jobs for at most so long, whether or not this process runs jobs anyway. */
  drain: Drains['drain']
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
  const onCrash = (actor: string, error: unknown, status: ActorStatus) =>
    log.error({ actor, status, err: error }, 'actor crashed')
  const system = actorSystem({ random: options.random, onCrash })
  const llmGate = gate({ limit: options.llmConcurrency })
  const { traces } = options
  const feed = feedActor(system, { store, onError: warnOf(log, 'feed'), traces })
  const shared = { gate: llmGate, feed }
  const work = { ...options, store: options.background ?? store }
  const dispatch = options.runsJobs ? startWorker(system, work, shared) : null
  const wakeScoring = () => dispatch?.wake(SCORING_QUEUE)
  const caretakers = dispatch
    ? startCaretakers(system, { ...work, retryParked: true }, wakeScoring)
    : null
  if (options.upkeep) {
    const { upkeep } = options
    const onKept = (tables: number) => log.debug({ tables }, 'upkeep of a table')
    upkeepActor({ system, store: work.store, upkeep, onKept, onError: warnOf(log, 'upkeep') })
  }
  const draining = drains({ ...work, cares: dispatch === null, onCrash }, shared)
  const cost = commitCost()
  const commits = sharedCommits({
    store: options.ingest,
    turns: options.ingest.turns,
    enqueue: (sql, messages) => jobs.insertPostProcess(sql, messages),
    observer: {
      group(rows, ms) {
        cost.group(rows, ms)
        options.observer?.group(rows, ms)
      },
    },
  })
  const backlog = ingestBacklog(() => performance.now(), cost)
  const ingests = Object.fromEntries(
    channels.map((channel) => [
      channel,
      channelIngest(channel, {
        system,
        commits,
        backlog: backlog.channel(),
        onCommitted: (name) => dispatch?.wake(postProcessQueueOf(name)),
        onError: (name, error) => warnOf(log, `ingest ${name}`)(error),
      }),
    ]),
  ) as Record<Channel, ChannelIngest>
  let stopping: Promise<void> | undefined

  return {
    intake: intake({ store, ingests, onError: (what, error) => warnOf(log, what)(error) }),
    feed,
    previewScorer: gatedScorer(options.scorer, llmGate),
    async scoreSoon(leads) {
      await jobs.sendScoring(store, leads, scoringPriority.live)
      wakeScoring()
    },
    drain: draining.drain,
    backfillSoon: () => caretakers?.backfill.tell({ type: 'look' }),
    meters: () => ({
      actors: system.meters(),
      openOffers: channels.reduce((sum, channel) => sum + ingests[channel].meters().open, 0),
      jobs: dispatch?.meters() ?? null,
      gate: llmGate.meters(),
      model: options.modelWatch?.life() ?? null,
      circuit: options.modelWatch?.circuit() ?? null,
    }),
    stop() {
      stopping ??= stopInOrder(system, ingests, { dispatch, draining })
      return stopping
    },
  }
}

async function stopInOrder(
  system: ActorSystem,
  ingests: Record<Channel, ChannelIngest>,
  { dispatch, draining }: { dispatch: Dispatcher | null; draining: Drains },
): Promise<void> {
  await Promise.all(channels.map((channel) => ingests[channel].drained()))
  await Promise.all([dispatch?.shutdown(CALLS_GRACE_MS), draining.stop(CALLS_GRACE_MS)])
  // The database is closed next: what was aborted may still be using it.
  await stopWithin(system, SIDE_WORK_GRACE_MS)
}
