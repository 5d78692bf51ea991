/** What readiness looks at: the database, the intake, every actor and the oldest unscored lead. */
import type { App } from '../actors/app.ts'
import type { Database } from '../database.ts'
import type { ModelCircuit, ModelLife } from '../domain/ai/model-life.ts'
import type { HealthReport } from './health.ts'

export async function healthOf(parts: {
  database: Database
  app: App
  isOpen(): boolean
}): Promise<HealthReport> {
  const { database, app } = parts
  const oldest = await oldestUnscored(database)
  const { actors, openOffers, jobs, gate, model, circuit } = app.meters()
  const down = actors.filter(({ status }) => status === 'down').map(({ name }) => name)
  const checks: HealthReport['checks'] = {
    intake: { ok: parts.isOpen(), details: { openOffers } },
    database: { ok: oldest !== null, details: { storage: database.kind } },
    actors: {
      ok: down.length === 0,
      details: {
        alive: actors.length,
        down: down.join(', ') || null,
        mailboxDepth: sum(actors.map(({ depth }) => depth)),
        restarts: sum(actors.map(({ restarts }) => restarts)),
        deadLetters: sum(actors.map(({ deadLetters }) => deadLetters)),
      },
    },
    scoring: {
      ok: true,
      details: {
        oldestUnscoredSeconds: oldest?.seconds ?? null,
        parkedLeads: oldest?.parked ?? null,
        gateHeld: gate.held,
        gateWaiting: gate.waiting,
        gateLimit: gate.limit,
        gatePausedSeconds: Math.ceil(gate.pausedMs / 1000),
        gateProbing: gate.probing,
        postProcessing: jobs?.postProcessing ?? null,
        ...jobs?.scoring,
      },
    },
  }
  if (model) checks.model = modelCheck(model)
  if (circuit) checks.circuit = circuitCheck(circuit)
  // A channel that is down is shown and retried; the others go on, so traffic still belongs here.
  const ready = parts.isOpen() && oldest !== null
  return { ready, checks }
}

/** Not a cause to send no traffic: messages are stored, and scored when a model answers again. */
function modelCheck({ configured, inUse, because, checkedAt, models }: ModelLife) {
  const [own] = models
  const details = {
    configured,
    inUse,
    because,
    shutdownDate: own?.shutdownDate ?? null,
    daysUntilShutdown: own?.daysUntilShutdown ?? null,
    listCheckedAt: checkedAt?.toISOString() ?? null,
  }
  return { ok: because === 'configured', details }
}

/** Open is no cause either: leads wait, without an attempt spent, and probes find the end of it. */
function circuitCheck({ model, state, openMs }: ModelCircuit) {
  const details = { model, state, openSeconds: Math.ceil(openMs / 1000) }
  return { ok: state === 'closed', details }
}

const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0)

/** Null: the database does not answer. */
export async function oldestUnscored(
  database: Pick<Database, 'query'>,
): Promise<{ seconds: number | null; parked: number } | null> {
  try {
    const [row] = await database.query<{ seconds: number | string | null; parked: unknown }>(
      `select extract(epoch from now() - min(last_inbound_at) filter (where parked_at is null))
           as seconds,
         count(*) filter (where parked_at is not null) as parked
       from lead where message_seq > scored_seq`,
    )
    const seconds = row?.seconds == null ? null : Math.round(Number(row.seconds))
    return { seconds, parked: Number(row?.parked) }
  } catch {
    return null
  }
}
