/**
 * The recovery actor: at the start and each minute it finds leads whose newest message no score
 * covers and that nobody seems to work on, and sends their scoring jobs again. It is what makes
 * every loss of a job (a lost retry, an erased queue, a crash between two commits) a delay only.
 */
import type { Store } from '../domain/sql.ts'
import type { Jobs } from '../jobs.ts'
import { scoringPriority } from '../scoring-priority.ts'
import { repeatingActor } from './repeating.ts'
import type { ActorSystem } from './supervisor.ts'

export interface RecoveryOptions {
  system: ActorSystem
  store: Store
  jobs: Jobs
  /** Somebody restarted the service, perhaps with what was missing: parked leads get a chance. */
  retryParked: boolean
  /** Leads found and sent again. */
  onRecovered(count: number): void
  onError(error: unknown): void
}

interface DirtyLead {
  leadId: string
  workspaceId: string
}

const SWEEP_MS = 60_000
/** Younger ones are on their ordinary way: post-processing, quiet window, gate. */
const QUIET_SECONDS = 60
/** Per sweep; a full page is followed by the next at once, so the rate is bounded, not the work. */
const PAGE = 500
const PAGE_PAUSE_MS = 1000

export function recoveryActor(options: RecoveryOptions): void {
  const { system, onRecovered, onError } = options
  let { retryParked } = options
  repeatingActor({
    system,
    name: 'recovery',
    work() {
      const parkedToo = retryParked
      retryParked = false
      return sendDirty(options, parkedToo)
    },
    pauseMs: ({ length }) => (length === PAGE ? PAGE_PAUSE_MS : SWEEP_MS),
    failedMs: SWEEP_MS,
    onDone: ({ length }) => onRecovered(length),
    onError,
  })
}

/**
 * Oldest first. `updated_at` moves, so that the next page is another one and a lead that stays dirty
 * is sent once a minute, not in a loop. Parked leads otherwise wait for a person or a new message.
 */
async function sendDirty(
  { store, jobs }: RecoveryOptions,
  parkedToo: boolean,
): Promise<DirtyLead[]> {
  const found = await store.query<DirtyLead>(
    `update lead set updated_at = now()
     where id in (
       select id from lead
       where message_seq > scored_seq and ($3::boolean or parked_at is null)
         and updated_at < now() - $1::int * interval '1 second'
       order by updated_at
       limit $2
       for update skip locked
     )
     returning id as "leadId", workspace_id as "workspaceId"`,
    [QUIET_SECONDS, PAGE, parkedToo],
  )
  await jobs.sendScoring(store, found, scoringPriority.recovery)
  return found
}
