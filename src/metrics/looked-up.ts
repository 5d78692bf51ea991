/** The figures that are looked up when somebody asks for them. */
import { Gauge, type Registry } from 'prom-client'
import type { AppMeters } from '../actors/app.ts'
import type { FeedMeters } from '../actors/feed-room.ts'
import type { PoolMeters } from '../database-pool.ts'

export interface MetricSources {
  app(): AppMeters
  feed(): FeedMeters
  pools(): PoolMeters[]
  jobs(): Promise<{ queue: string; state: string; count: number; oldestSeconds: number }[]>
  /** Null: the database does not answer. */
  unscored(): Promise<{ seconds: number | null; parked: number } | null>
}

/** Two questions to the database, however often somebody asks. */
const LOOKED_UP_MS = 5000
const SECOND = 1000

/** A figure that is looked up: `read` sets it anew each time. */
function looked(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: (set: (labels: Record<string, string>, value: number) => void) => void | Promise<void>,
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    async collect() {
      this.reset()
      await read((labels, value) => this.set(labels, value))
    },
  })
}

/** One per lead at work: counted together, or there would be a series for each. */
const kindOf = (name: string) => (name.startsWith('lead-') ? 'lead-scorer' : name)

export function lookUp(registry: Registry, sources: MetricSources, now: () => number): void {
  watchActors(registry, sources)
  watchModel(registry, sources)
  watchFeed(registry, sources)
  watchDatabase(registry, sources, now)
}

function watchActors(registry: Registry, { app }: MetricSources): void {
  const fields = [
    ['sent', 'Messages sent to living actors; of scorers only those that live'],
    ['seen', 'Messages handled by living actors'],
    ['depth', 'Messages waiting in mailboxes'],
    ['restarts', 'Restarts of living actors'],
    ['deadLetters', 'Messages that nobody took'],
  ] as const
  for (const [field, help] of fields) {
    const snake = field === 'deadLetters' ? 'dead_letters' : field
    looked(registry, `leadpulse_actor_${snake}`, help, ['actor'], (set) => {
      const sums = new Map<string, number>()
      for (const meters of app().actors) {
        const actor = kindOf(meters.name)
        sums.set(actor, (sums.get(actor) ?? 0) + meters[field])
      }
      for (const [actor, value] of sums) set({ actor }, value)
    })
  }
  looked(registry, 'leadpulse_actors', 'Actors by state', ['actor', 'status'], (set) => {
    const counts = Map.groupBy(app().actors, ({ name, status }) => `${kindOf(name)} ${status}`)
    for (const [key, each] of counts) {
      const [actor = '', status = ''] = key.split(' ')
      set({ actor, status }, each.length)
    }
  })
  looked(registry, 'leadpulse_ingest_open_offers', 'Webhooks waiting for a commit', [], (set) =>
    set({}, app().openOffers),
  )
  looked(registry, 'leadpulse_held_jobs', 'Jobs held by this process', ['kind'], (set) => {
    const { jobs } = app()
    set({ kind: 'post-processing' }, jobs?.postProcessing ?? 0)
    for (const [phase, count] of Object.entries(jobs?.scoring ?? {})) {
      set({ kind: `scoring ${phase}` }, count)
    }
  })
}

function watchModel(registry: Registry, { app }: MetricSources): void {
  looked(registry, 'leadpulse_llm_gate', 'Calls at the gate of this process', ['of'], (set) => {
    const { held, waiting, limit, limitMax } = app().gate
    set({ of: 'held' }, held)
    set({ of: 'waiting' }, waiting)
    set({ of: 'limit' }, limit)
    set({ of: 'limit_max' }, limitMax)
  })
  looked(registry, 'leadpulse_llm_gate_paused_seconds', 'Until calls may start again', [], (set) =>
    set({}, app().gate.pausedMs / SECOND),
  )
  looked(
    registry,
    'leadpulse_llm_circuit_open',
    '1: no call is made, 0.5: a probe is under way, 0: closed',
    ['model'],
    (set) => {
      const { circuit } = app()
      const values = { closed: 0, half_open: 0.5, open: 1 }
      if (circuit) set({ model: circuit.model }, values[circuit.state])
    },
  )
  looked(
    registry,
    'leadpulse_llm_model_shutdown_days',
    'Days until the model is shut down, where an end is announced',
    ['model'],
    (set) => {
      for (const { id, daysUntilShutdown } of app().model?.models ?? []) {
        if (daysUntilShutdown !== null) set({ model: id }, daysUntilShutdown)
      }
    },
  )
}

function watchFeed(registry: Registry, { feed }: MetricSources): void {
  const gauges = [
    ['leadpulse_feed_clients', 'Open feed connections', 'subscribers'],
    ['leadpulse_feed_workspaces', 'Workspaces with a feed client', 'workspaces'],
    ['leadpulse_feed_catching_up', 'Clients whose next page waits for a free read', 'catchingUp'],
    ['leadpulse_feed_events', 'Events sent since the start', 'events'],
    ['leadpulse_feed_merged', 'Events that slow clients got merged since the start', 'merged'],
    ['leadpulse_feed_slow_closed', 'Clients closed as too slow since the start', 'slowClosed'],
    ['leadpulse_feed_resets', 'Clients that had to start over since the start', 'resets'],
  ] as const
  for (const [name, help, field] of gauges) {
    looked(registry, name, help, [], (set) => set({}, feed()[field]))
  }
}

function watchDatabase(registry: Registry, sources: MetricSources, now: () => number): void {
  const jobs = remembered(sources.jobs, now)
  const unscored = remembered(sources.unscored, now)
  looked(registry, 'leadpulse_database_pool', 'Connections', ['pool', 'of'], (set) => {
    for (const { name, open, idle, waiting, max } of sources.pools()) {
      set({ pool: name, of: 'open' }, open)
      set({ pool: name, of: 'idle' }, idle)
      set({ pool: name, of: 'waiting' }, waiting)
      set({ pool: name, of: 'max' }, max)
    }
  })
  looked(registry, 'leadpulse_up_database', '1: the database answers', [], async (set) =>
    set({}, (await unscored()) ? 1 : 0),
  )
  looked(
    registry,
    'leadpulse_unscored_oldest_seconds',
    'Since the oldest message without a score, of all processes',
    [],
    async (set) => set({}, (await unscored())?.seconds ?? 0),
  )
  looked(
    registry,
    'leadpulse_parked_leads',
    'Leads whose scoring gave up, of all processes',
    [],
    async (set) => set({}, (await unscored())?.parked ?? 0),
  )
  looked(registry, 'leadpulse_jobs', 'Jobs of all processes', ['type', 'state'], async (set) => {
    for (const { queue, state, count } of await jobs()) set({ type: queue, state }, count)
  })
  looked(
    registry,
    'leadpulse_jobs_oldest_seconds',
    'Age of the oldest job, of all processes',
    ['type', 'state'],
    async (set) => {
      for (const { queue, state, oldestSeconds } of await jobs()) {
        set({ type: queue, state }, oldestSeconds)
      }
    },
  )
}

/** A database that is away leaves its figures out and the others in. */
function remembered<T>(read: () => Promise<T>, now: () => number): () => Promise<T> {
  let at = Number.NEGATIVE_INFINITY
  let answer: Promise<T> | undefined
  return () => {
    if (!answer || now() - at > LOOKED_UP_MS) {
      at = now()
      answer = read()
    }
    return answer
  }
}
