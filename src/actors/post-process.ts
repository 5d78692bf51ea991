/**
 * The post-process actor of one channel: works through the jobs that the dispatcher hands it, side
 * by side, but those of one lead one after another. Each ends with T2b: the fenced end of the job
 * and the lead's scoring job in one transaction, after the results (T2a) are committed. Sending the
 * scoring job any earlier loses wake-ups: a scorer could claim it and see no message.
 */
import type { Channel } from '../domain/channels/inbound-event.ts'
import type { Outside } from '../domain/post-process/outside.ts'
import { postProcess } from '../domain/post-process/run-steps.ts'
import type { Store } from '../domain/sql.ts'
import type { QueueName } from '../job-queues.ts'
import { type ClaimedJob, type Jobs, type PostProcessData, StaleClaimError } from '../jobs.ts'
import type { Behavior, Self } from './actor.ts'
import { failCrashed } from './crashed-job.ts'
import type { Traces } from './observer.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export type PostProcessJob = ClaimedJob<PostProcessData>

export interface PostProcessOptions {
  system: ActorSystem
  store: Store
  jobs: Jobs
  outside: Outside
  /** Whether a job that began now would end in time; it is given back where not. */
  hasTimeFor(queue: QueueName): boolean
  /** The job is no longer held here; `scoring` when a scoring job may be due. */
  onSettled(job: PostProcessJob, scoring: boolean): void
  onError(job: PostProcessJob, error: unknown): void
  /** Absent: nobody traces. */
  traces?: Pick<Traces, 'message'> | undefined
}

type Message =
  | { type: 'job'; job: PostProcessJob }
  | { type: 'done'; job: PostProcessJob }
  | { type: 'failed'; job: PostProcessJob; error: unknown }

export type PostProcessActor = Actor<Message>

export function postProcessActor(channel: Channel, options: PostProcessOptions): PostProcessActor {
  return options.system.spawn<Message>({
    name: `post-process-${channel}`,
    restart: defaultRestart,
    incarnate: (self) => behavior(self, options),
    // Not settled here: the claims run out and come back with their attempt counted.
    onLost: (messages) => {
      for (const { job } of messages) options.onSettled(job, false)
    },
  })
}

function behavior(self: Self<Message>, options: PostProcessOptions): Behavior<Message> {
  /** Jobs of each lead at work: the first runs, the others wait for it. */
  const byLead = new Map<string, PostProcessJob[]>()

  function start(job: PostProcessJob): void {
    self.run(
      () => traced(job, options, () => process(job, options, self.signal)),
      (): Message => ({ type: 'done', job }),
      (error): Message => ({ type: 'failed', job, error }),
    )
  }

  function settle(job: PostProcessJob, scoring: boolean): void {
    const queue = byLead.get(job.data.leadId) ?? []
    queue.shift()
    const next = queue[0]
    if (next) start(next)
    else byLead.delete(job.data.leadId)
    options.onSettled(job, scoring)
  }

  return {
    handle(message) {
      switch (message.type) {
        case 'job': {
          const queue = byLead.get(message.job.data.leadId)
          if (queue) queue.push(message.job)
          else {
            byLead.set(message.job.data.leadId, [message.job])
            start(message.job)
          }
          break
        }
        case 'done':
          settle(message.job, true)
          break
        case 'failed':
          options.onError(message.job, message.error)
          settle(message.job, false)
          break
      }
    },
    dispose() {
      for (const job of [...byLead.values()].flat()) options.onSettled(job, false)
    },
  }
}

/** A span per attempt. */
async function traced(
  job: PostProcessJob,
  { traces }: Pick<PostProcessOptions, 'traces'>,
  work: () => Promise<void>,
): Promise<void> {
  if (!traces) return work()
  const fromMs = Date.now()
  const record = (failure: { error?: string }) =>
    traces.message(job.data.messageId, {
      name: 'post-process',
      fromMs,
      toMs: Date.now(),
      attributes: { 'leadpulse.lead_id': job.data.leadId, 'leadpulse.job_id': job.id },
      ...failure,
    })
  try {
    await work()
    record({})
  } catch (error) {
    record({ error: error instanceof Error ? error.name : 'Error' })
    throw error
  }
}

async function process(
  job: PostProcessJob,
  { store, jobs, outside, hasTimeFor }: PostProcessOptions,
  signal: AbortSignal,
): Promise<void> {
  // It may have waited here for another message of its lead.
  if (!hasTimeFor(job.queue)) return jobs.release(job, 0)
  try {
    await jobs.begin(job)
    await postProcess({ store, outside }, job.data, signal)
    await store.transaction(async (tx) => {
      await jobs.complete(tx, job)
      const { workspaceId, leadId } = job.data
      await jobs.sendScoring(tx, [{ workspaceId, leadId }])
    })
  } catch (error) {
    // Stopped during a call outside: nothing went wrong, so no attempt is spent.
    if (signal.aborted) await jobs.release(job, 0).catch(() => {})
    else if (!(error instanceof StaleClaimError)) {
      // A failure to say so (the database is away) changes nothing: the heartbeat ends, too.
      await failCrashed({ store, jobs }, job, 'post-processing', error).catch(() => {})
    }
    throw error
  }
}
