/**
 * How long a dead process's work lies idle. On PostgreSQL every job that was active when its process
 * died is watched in the queue until it starts again; where nobody but the service can read the
 * database (PGlite), every lead with an open LLM call until its next call.
 */
import type { MoodyModel } from './moody-model.ts'
import type { Reader } from './place.ts'

export interface Orphans {
  /** Milliseconds from the death to the next start, one entry per orphan. */
  samples: number[]
  /** What never started again, one line each. */
  left(): string[]
  stop(): void
}

export interface JobOrphans extends Orphans {
  /**
   * Call it right after the death. `leadRefs`: only the jobs of these leads; other processes live.
   * `since` is when the holder died or froze, if that was a while ago.
   */
  holderDied(leadIds?: ReadonlySet<string>): Promise<number>
}

interface HeldJob {
  id: string
  name: string
  lead: string
  /** Milliseconds since the epoch, on the database's clock. */
  now: number
  started: number
  attempt: number
}

const POLL_MS = 150

export function jobOrphans(reader: Reader): JobOrphans {
  const samples: number[] = []
  const waiting = new Map<string, HeldJob>()
  const dead: string[] = []
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  async function look(): Promise<void> {
    if (waiting.size === 0) return
    const rows = await reader.query<{ id: string; started: number | null; state: string }>(
      `select id, state::text, extract(epoch from started_on)::float8 * 1000 as started
       from pgboss.job where id = any($1::uuid[]) and name <> 'LEADPULSE_DEAD_LETTER'`,
      [[...waiting.keys()]],
    )
    for (const { id, started, state } of rows) {
      const held = waiting.get(id) as HeldJob
      if (started !== null && started > held.now) {
        samples.push(started - held.now)
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
    async holderDied(leadIds) {
      const held = await reader.query<HeldJob>(
        `select id, name, data ->> 'leadId' as lead, retry_count as attempt,
           extract(epoch from clock_timestamp())::float8 * 1000 as now,
           extract(epoch from started_on)::float8 * 1000 as started
         from pgboss.job where state = 'active'`,
      )
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
