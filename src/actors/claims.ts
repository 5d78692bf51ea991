/**
 * The claims of this process: a lease that its heartbeat renews. When the heartbeat does not get
 * through, what runs here is stopped before another process can take it over; and what the dead no
 * longer renew is taken over here. With each heartbeat, a held job that something more urgent waits
 * behind is moved up.
 */
import type { ClaimedJob, Jobs } from '../jobs.ts'
import { scoringPriority } from '../scoring-priority.ts'
import type { Self } from './actor.ts'
import type { HeldJobs } from './held-jobs.ts'
import { LEASE_MS } from './orphans.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export interface ClaimsOptions {
  system: ActorSystem
  jobs: Pick<Jobs, 'touch' | 'exclusive' | 'urgentBehind'>
  held: HeldJobs
  /** Makes what dead processes held due again; answers how many jobs. */
  takeOverOrphans(): Promise<number>
  /** Jobs are due that nobody was woken for. */
  onTakenOver(): void
  isStopping(): boolean
  onError(what: string, error: unknown): void
  /** Only tests are in a hurry. */
  leaseMs?: number
}

type Message =
  | { type: 'heartbeat' }
  | { type: 'touched'; at: number; lost: ClaimedJob[] }
  | { type: 'touch failed'; error: unknown }
  | { type: 'taken over'; count: number }
  | { type: 'take over failed'; error: unknown }
  | { type: 'urgent'; behind: { leadId: string; priority: number }[] }
  | { type: 'look behind failed'; error: unknown }

/** Of the lease. Three heartbeats may fail before the claims run out. */
const HEARTBEAT_SHARE = 0.25
/**
 * Of the lease. Without a heartbeat that came through for so long, calls are aborted: the claims are
 * about to be another process's, and a lead never has two calls. The rest is for a late timer.
 */
const FENCE_SHARE = 0.7

/** What was claimed longer ago may be another process's by now. */
export const FENCE_MS = LEASE_MS * FENCE_SHARE

export function claimsActor(options: ClaimsOptions): Actor<Message> {
  const { held, leaseMs = LEASE_MS } = options
  return options.system.spawn<Message>({
    name: 'claims',
    restart: defaultRestart,
    incarnate(self) {
      /** When the last heartbeat that came through was sent. */
      let keptAt = performance.now()
      /** One at a time: a database that hangs gets no heap of them. */
      let beating = false

      function stopAll(refused: ClaimedJob[]): void {
        // What ended while the heartbeat was under way has nothing left to renew.
        const claims = new Set(held.claims())
        const lost = refused.filter((job) => claims.has(job))
        if (lost.length === 0) return
        for (const job of lost) held.lose(job)
        options.onError('claims', new Error(`${lost.length} lost: not renewed in time`))
      }

      function beat(): void {
        self.after(leaseMs * HEARTBEAT_SHARE, { type: 'heartbeat' })
        const at = performance.now()
        if (!options.jobs.exclusive && at - keptAt > leaseMs * FENCE_SHARE) {
          stopAll([...held.scorers.values()].map(({ job }) => job))
        }
        if (beating) return
        beating = true
        const claims = held.claims()
        self.run(
          async () => (claims.length > 0 ? options.jobs.touch(claims) : []),
          (lost): Message => ({ type: 'touched', at, lost }),
          (error): Message => ({ type: 'touch failed', error }),
        )
      }

      /** Only now that ours are renewed: a slow database must not make us take our own. */
      function onTouched(at: number, lost: ClaimedJob[]): void {
        beating = false
        keptAt = at
        stopAll(lost)
        if (options.isStopping()) return
        lookBehind(self, options)
        self.run(
          () => options.takeOverOrphans(),
          (count): Message => ({ type: 'taken over', count }),
          (error): Message => ({ type: 'take over failed', error }),
        )
      }

      beat()
      return {
        handle(message) {
          switch (message.type) {
            case 'heartbeat':
              return beat()
            case 'touched':
              return onTouched(message.at, message.lost)
            case 'touch failed':
              beating = false
              return options.onError('heartbeat', message.error)
            case 'taken over':
              return message.count > 0 ? options.onTakenOver() : undefined
            case 'take over failed':
              return options.onError('take over', message.error)
            case 'urgent':
              for (const { leadId, priority } of message.behind) {
                held.scorers.get(leadId)?.raise(priority)
              }
              return undefined
            case 'look behind failed':
              return options.onError('look behind', message.error)
          }
        },
      }
    },
  })
}

/** A backfill's job that waits for its turn must not make the message behind it wait as long. */
function lookBehind(self: Self<Message>, { held, jobs }: ClaimsOptions): void {
  const patient = [...held.scorers.values()].filter(
    (scorer) => scorer.job.priority < scoringPriority.live && scorer.phase() === 'Queued',
  )
  if (patient.length === 0) return
  self.run(
    () => jobs.urgentBehind(patient.map(({ job }) => job.data.leadId)),
    (behind): Message => ({ type: 'urgent', behind }),
    (error): Message => ({ type: 'look behind failed', error }),
  )
}
