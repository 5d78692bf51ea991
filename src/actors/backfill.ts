/**
 * The backfill actor: works through the backfill runs of all workspaces, page by page and in turn,
 * and goes on with those that a killed process left. It sends scoring jobs only, below the priority
 * of live ones.
 */
import { backfillPage, type DuePage, runningBackfills } from '../domain/backfill.ts'
import type { Store } from '../domain/sql.ts'
import type { Jobs } from '../jobs.ts'
import { scoringPriority } from '../scoring-priority.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export interface BackfillOptions {
  system: ActorSystem
  store: Store
  jobs: Jobs
  now(): number
  /** Jobs were sent. */
  onSent(count: number): void
  onError(error: unknown): void
}

type Message =
  | { type: 'look' }
  | { type: 'worked'; sent: number }
  | { type: 'failed'; error: unknown }

export type BackfillActor = Actor<Message>

/** Also the time in which a rate is kept: at 5 leads per second, 5 are sent each second. */
const LOOK_MS = 1000
/** A look a little early still counts as the next second, or every other one would be left out. */
const LOOK_SLACK_MS = 50
/** Leads of one transaction: enough to be quick, short enough not to hold up what scores them. */
const PAGE = 1000

export function backfillActor(options: BackfillOptions): BackfillActor {
  return options.system.spawn<Message>({
    name: 'backfill',
    restart: defaultRestart,
    incarnate(self) {
      /** When a run with a rate may send again; in memory, as a restart may send one page early. */
      const dueAt = new Map<string, number>()
      /** By run without a rate: the page that was made due while the one before was sent. */
      const ahead = new Map<string, DuePage>()
      function look(): void {
        self.run(
          () => sendPages(options, dueAt, ahead),
          (sent): Message => ({ type: 'worked', sent }),
          (error): Message => ({ type: 'failed', error }),
        )
      }
      look()
      return {
        handle(message) {
          if (message.type === 'look') return look()
          if (message.type === 'failed') options.onError(message.error)
          const sent = message.type === 'worked' ? message.sent : 0
          if (sent > 0) options.onSent(sent)
          if (sent >= PAGE) look()
          else self.after(LOOK_MS, { type: 'look' })
        },
      }
    },
  })
}

/**
 * One page of each run, so that a large one does not hold up those of other workspaces; answers the
 * size of the largest page of those that keep to no rate.
 */
async function sendPages(
  { store, jobs, now }: BackfillOptions,
  dueAt: Map<string, number>,
  ahead: Map<string, DuePage>,
): Promise<number> {
  let sent = 0
  for (const run of await runningBackfills(store)) {
    const { id, ratePerSecond: rate } = run
    if (rate !== null && (dueAt.get(id) ?? 0) > now()) continue
    dueAt.set(id, now() + LOOK_MS - LOOK_SLACK_MS)
    const page = await backfillPage(store, run, {
      limit: Math.min(rate ?? PAGE, PAGE),
      send: (tx, leads) => jobs.sendScoring(tx, leads, scoringPriority.backfill),
      isAhead: rate === null,
      due: ahead.get(id),
    })
    if (page?.next) ahead.set(id, page.next)
    else ahead.delete(id)
    if (!page) dueAt.delete(id)
    else if (rate === null) sent = Math.max(sent, page.sent)
    else if (page.sent > 0) sent = Math.max(sent, 1)
  }
  return sent
}
