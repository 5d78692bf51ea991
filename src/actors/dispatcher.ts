/**
 * The dispatcher: the one that fetches jobs, only as many as it has free slots. Woken in-process
 * after each commit; a poll each second finds what other processes and retries left.
 */
import type { Channel } from '../domain/channels/inbound-event.ts'
import { channels } from '../domain/channels/inbound-event.ts'
import { postProcessQueueOf, type QueueName, SCORING_QUEUE } from '../job-queues.ts'
import type { ClaimedJob, Jobs, PostProcessData, ScoringData } from '../jobs.ts'
import type { Behavior, Self } from './actor.ts'
import { claimsActor, FENCE_MS } from './claims.ts'
import { type HeldJobs, heldJobs } from './held-jobs.ts'
import type { LeadScorer } from './lead-scorer.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export interface DispatcherOptions {
  system: ActorSystem
  jobs: Pick<Jobs, 'exclusive' | 'fetch' | 'release' | 'touch' | 'urgentBehind'>
  /** Scoring jobs held at once, in quiet window, gate queue or flight. */
  scoringHeldMax: number
  startPostProcess(channel: Channel, job: ClaimedJob<PostProcessData>): void
  startScoring(job: ClaimedJob<ScoringData>, onEnd: (job: ClaimedJob) => void): LeadScorer
  /** Whether a job of this queue that began now would end in time. */
  hasTimeFor(queue: QueueName): boolean
  /** As many calls wait here as may run at once: another process would come to a new one sooner. */
  isSaturated(): boolean
  random(): number
  /** Makes what dead processes held due again; answers how many jobs. */
  takeOverOrphans(): Promise<number>
  onError(what: string, error: unknown): void
}

export interface Dispatcher {
  /** Something may be due in this queue. */
  wake(queue: QueueName): void
  /** A job is no longer held by its actor. */
  settled(job: ClaimedJob): void
  /** Stops fetching, gives back what waits, waits `graceMs` for calls in flight, then aborts them. */
  shutdown(graceMs: number): Promise<void>
  /** Nothing is held and nothing is being fetched. */
  isIdle(): boolean
  meters(): { postProcessing: number; scoring: Record<string, number> }
}

type Message =
  | { type: 'wake'; queue: QueueName }
  | { type: 'look past'; queue: QueueName }
  | { type: 'poll' }
  | { type: 'fetched'; queue: QueueName; asked: number; at: number; jobs: ClaimedJob[] }
  | { type: 'fetch failed'; queue: QueueName; error: unknown }

type Fetched = Extract<Message, { type: 'fetched' }>

const queues: readonly QueueName[] = [...channels.map(postProcessQueueOf), SCORING_QUEUE]
/** Give or take a quarter, so that of several processes none is always the first. */
const POLL_MS = 1000
/** Rows of one fetch statement; a larger backlog takes several. */
const FETCH_MAX = 100
/**
 * Between looks past the backlog of a workspace that has its share of the slots: each reads all of
 * that backlog (4 ms at 10,000 jobs). Less loads the database with it; more delays the others, where
 * the quiet window hides this much.
 */
const LOOK_PAST_MS = 100

export function dispatcher(options: DispatcherOptions): Dispatcher {
  const held = heldJobs(options.scoringHeldMax)
  let stopping = false
  const actor: Actor<Message> = options.system.spawn<Message>({
    name: 'dispatcher',
    restart: defaultRestart,
    incarnate: (self) => behavior(self, options, held, { isStopping: () => stopping, settled }),
  })
  const wake = (queue: QueueName) => void actor.tell({ type: 'wake', queue })
  function settled(job: ClaimedJob): void {
    held.drop(job)
    if (!stopping) wake(job.queue)
  }
  const claims = claimsActor({
    ...options,
    held,
    onTakenOver: () => queues.forEach(wake),
    isStopping: () => stopping,
  })
  return {
    wake,
    settled,
    async shutdown(graceMs) {
      stopping = true
      await shutdown(options, held, graceMs)
      actor.stop()
      claims.stop()
    },
    isIdle: () => !held.isBusy(),
    meters: () => ({ postProcessing: held.postProcessing(), scoring: held.phases() }),
  }
}

function behavior(
  self: Self<Message>,
  options: DispatcherOptions,
  held: HeldJobs,
  { isStopping, settled }: { isStopping: () => boolean; settled: Dispatcher['settled'] },
): Behavior<Message> {
  const { fetching } = held
  /** Woken while a fetch was under way: it may have looked too early. */
  const again = new Set<QueueName>()
  const lookPast = pace(LOOK_PAST_MS)

  function fetch(queue: QueueName): void {
    if (isStopping() || !options.hasTimeFor(queue)) return
    if (fetching.has(queue)) {
      again.add(queue)
      return
    }
    const { slots, crowded } = held.room(queue)
    const asked = Math.min(slots, FETCH_MAX)
    if (asked <= 0) return
    const waitMs = crowded.length > 0 ? lookPast.waitMs(queue) : 0
    if (waitMs > 0) {
      if (lookPast.announce(queue)) self.after(waitMs, { type: 'look past', queue })
      return
    }
    if (crowded.length > 0) lookPast.note(queue)
    fetching.add(queue)
    const at = performance.now()
    self.run(
      () => options.jobs.fetch(queue, asked, crowded),
      (jobs): Message => ({ type: 'fetched', queue, asked, at, jobs }),
      (error): Message => ({ type: 'fetch failed', queue, error }),
    )
  }

  function take({ queue, asked, at, jobs }: Fetched): void {
    if (isStopping()) {
      giveBack(queue, jobs, options, held)
      return
    }
    if (!options.jobs.exclusive && jobs.length > 0 && performance.now() - at > FENCE_MS) {
      confirm(queue, asked, jobs)
      return
    }
    fetching.delete(queue)
    for (const job of jobs) start(job, options, held, settled)
    if (again.delete(queue) || jobs.length === asked) fetch(queue)
  }

  /** An answer that late (the database hung, or we did): others may have taken the claims over. */
  function confirm(queue: QueueName, asked: number, jobs: ClaimedJob[]): void {
    const at = performance.now()
    self.run(
      async () => {
        const lost = new Set(await options.jobs.touch(jobs))
        return jobs.filter((job) => !lost.has(job))
      },
      (kept): Message => ({ type: 'fetched', queue, asked, at, jobs: kept }),
      (error): Message => ({ type: 'fetch failed', queue, error }),
    )
  }

  function poll(): void {
    self.after(POLL_MS * (0.75 + options.random() / 2), { type: 'poll' })
    for (const queue of queues) fetch(queue)
  }

  poll()
  return {
    handle(message) {
      switch (message.type) {
        case 'wake':
          // Left to the next poll, whoever's it is: a process that wakes itself with each commit
          // would otherwise take every job, and the others idle.
          if (message.queue !== SCORING_QUEUE || !options.isSaturated()) fetch(message.queue)
          break
        case 'look past':
          lookPast.heard(message.queue)
          fetch(message.queue)
          break
        case 'poll':
          poll()
          break
        case 'fetched':
          take(message)
          break
        case 'fetch failed':
          // Not again at once: the poll comes soon enough for a database that is away.
          fetching.delete(message.queue)
          again.delete(message.queue)
          held.changed()
          options.onError(`fetch ${message.queue}`, message.error)
          break
      }
    },
    // The answer of a fetch under way is dropped with this life; its claims run out by themselves.
    dispose: () => fetching.clear(),
  }
}

/** Keeps what is done for a queue apart by `ms`, and knows who is to be reminded. */
function pace(ms: number) {
  const doneAt = new Map<QueueName, number>()
  const announced = new Set<QueueName>()
  return {
    waitMs: (queue: QueueName) => (doneAt.get(queue) ?? -ms) + ms - performance.now(),
    note: (queue: QueueName) => void doneAt.set(queue, performance.now()),
    /** False: somebody will be reminded already. */
    announce(queue: QueueName) {
      if (announced.has(queue)) return false
      announced.add(queue)
      return true
    },
    heard: (queue: QueueName) => void announced.delete(queue),
  }
}

/** Fetched just before the stop: nobody has touched them yet. */
function giveBack(
  queue: QueueName,
  claimed: ClaimedJob[],
  { jobs, onError }: DispatcherOptions,
  held: HeldJobs,
): void {
  Promise.all(claimed.map((job) => jobs.release(job, 0)))
    .catch((error) => onError('release', error))
    .finally(() => {
      held.fetching.delete(queue)
      held.changed()
    })
}

function start(
  job: ClaimedJob,
  { startPostProcess, startScoring }: DispatcherOptions,
  held: HeldJobs,
  settled: Dispatcher['settled'],
): void {
  if (job.queue !== SCORING_QUEUE) {
    held.takePostProcess(job)
    const channel = channels.find((name) => postProcessQueueOf(name) === job.queue) as Channel
    startPostProcess(channel, job as ClaimedJob<PostProcessData>)
    return
  }
  const { leadId } = job.data
  // The queue allows one active job per lead, so a scorer that still lives has lost its claim.
  const late = held.scorers.get(leadId)
  if (late) held.lose(late.job)
  held.takeScoring(startScoring(job, settled))
}

async function shutdown(
  { jobs, onError }: DispatcherOptions,
  held: HeldJobs,
  graceMs: number,
): Promise<void> {
  const giveBack = async (scorer: LeadScorer) => {
    scorer.stop()
    held.drop(scorer.job)
    await jobs.release(scorer.job, 0).catch((error) => onError('release', error))
  }
  // The others are in the midst of a call, or of writing how it ended.
  const idle = [...held.scorers.values()].filter((scorer) =>
    ['Idle', 'Quiet', 'Queued'].includes(scorer.phase()),
  )
  await Promise.all(idle.map(giveBack))
  let late = false
  const limit = AbortSignal.timeout(graceMs)
  const timeUp = new Promise<void>((resolve) => {
    limit.addEventListener('abort', () => {
      late = true
      resolve()
    })
  })
  while (!late && held.isBusy()) {
    await Promise.race([held.change(), timeUp])
  }
  await Promise.all([...held.scorers.values()].map(giveBack))
}
