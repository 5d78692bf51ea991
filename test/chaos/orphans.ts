/**
 * How long a dead process's work lies idle. On PostgreSQL every job that was active when its process
 * died is watched in the queue until it starts again; where nobody but the service can read the
 * database (PGlite), every lead with an open LLM call until its next call.
 */
import type { Belongings } from './belongings.ts'
import type { MoodyModel } from './moody-model.ts'
import type { Place, Reader } from './place.ts'

export interface Orphans {
  /** Milliseconds from the death to the next start, one entry per orphan. */
  samples: number[]
  /** What never started again, one line each. */
  left(): string[]
  stop(): void
}

export interface JobOrphans extends Orphans {
  /**
   * Call it right after the death. `leadIds`: only the jobs of these leads; other processes live.
   * Without it nobody lives who could take over: whatever still waits starts its time anew.
   */
  holderDied(leadIds?: ReadonlySet<string>): Promise<number>
  /** Longest time that a job lay idle since its first holder died, over all kills in between. */
  longestMs(): number
}

interface HeldJob {
  id: string
  name: string
  lead: string
  /** Milliseconds since the epoch, on the database's clock: of the last death, and of the first. */
  now: number
  firstDeath: number
  attempt: number
}

const POLL_MS = 150
/** A statement that was under way at the death comes through all the same; less than a lease. */
const LAST_WORDS_MS = 5000

/**
 * A post-process job must itself start again; a lead's scoring job may be covered by another one of
 * the same lead, which starts in its place.
 */
const lookSql = `
  select held.id, held.state::text,
    extract(epoch from held.completed_on)::float8 * 1000 as completed,
    (select extract(epoch from max(runs.started_on))::float8 * 1000 from pgboss.job as runs
     where runs.name = held.name
       and (runs.id = held.id or runs.singleton_key = held.singleton_key)) as started
  from pgboss.job as held
  where held.id = any($1::uuid[]) and held.name <> 'LEADPULSE_DEAD_LETTER'
`

interface LookedAt {
  id: string
  state: string
  /** Milliseconds since the epoch. */
  started: number | null
  completed: number | null
}

/** A reader of the place's database and the watch over its jobs; both end with `done`, whatever happens. */
export async function watchJobs(place: Place, belongings: Belongings) {
  const reader = await place.open()
  const orphans = jobOrphans(reader)
  const done = belongings.add(async () => {
    orphans.stop()
    await reader.close()
  })
  return { reader, orphans, done }
}

function jobOrphans(reader: Reader): JobOrphans {
  const samples: number[] = []
  const waiting = new Map<string, HeldJob>()
  const dead: string[] = []
  let longestMs = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  async function look(): Promise<void> {
    if (waiting.size === 0) return
    const rows = await reader.query<LookedAt>(lookSql, [[...waiting.keys()]])
    for (const { id, started, completed, state } of rows) {
      const held = waiting.get(id)
      // Another look, under way at the same time, has crossed it off.
      if (!held) continue
      if (started !== null && started > held.now) {
        samples.push(started - held.now)
        longestMs = Math.max(longestMs, started - held.firstDeath)
        waiting.delete(id)
      } else if (completed !== null && completed < held.firstDeath + LAST_WORDS_MS) {
        waiting.delete(id)
      } else if (state === 'failed') {
        dead.push(`${held.name} of lead ${held.lead}: dead-lettered at attempt ${held.attempt + 1}`)
        waiting.delete(id)
      }
    }
  }
  function poll(): void {
    // The database may be away; the next look will tell.
    look()
      .catch(() => undefined)
      .finally(() => {
        if (!stopped) timer = setTimeout(poll, POLL_MS)
      })
  }
  poll()

  return {
    samples,
    left: () => [
      ...dead,
      ...[...waiting.values()].map(({ name, lead }) => `${name} of lead ${lead}: never ran again`),
    ],
    stop() {
      stopped = true
      clearTimeout(timer)
    },
    longestMs: () => longestMs,
    async holderDied(leadIds) {
      // What began again since the last look must not be taken for waiting still.
      if (!leadIds) await look()
      const held = await reader.query<HeldJob>(
        `select id, name, data ->> 'leadId' as lead, retry_count as attempt,
           extract(epoch from clock_timestamp())::float8 * 1000 as now,
           extract(epoch from clock_timestamp())::float8 * 1000 as "firstDeath"
         from pgboss.job where state = 'active'`,
      )
      const now = held[0]?.now ?? Date.now()
      if (!leadIds) for (const job of waiting.values()) job.now = now
      const orphaned = held.filter(
        ({ id, lead }) => !waiting.has(id) && (!leadIds || leadIds.has(lead)),
      )
      for (const job of orphaned) waiting.set(job.id, job)
      return orphaned.length
    },
  }
}

export interface CallOrphans extends Orphans {
  /** Call it right before the death. */
  holderDies(): void
}

export function callOrphans(model: MoodyModel): CallOrphans {
  const samples: number[] = []
  const waiting = new Map<string, number>()
  model.onCall((leadRef) => {
    const diedAt = waiting.get(leadRef)
    if (diedAt === undefined) return
    samples.push(performance.now() - diedAt)
    waiting.delete(leadRef)
  })
  return {
    samples,
    left: () => [...waiting.keys()].map((leadRef) => `call for lead ${leadRef}: never made again`),
    stop: () => waiting.clear(),
    holderDies() {
      for (const leadRef of model.inFlight()) {
        if (!waiting.has(leadRef)) waiting.set(leadRef, performance.now())
      }
    },
  }
}
