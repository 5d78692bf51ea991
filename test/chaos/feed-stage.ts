/**
 * What the feed's proof plays on: the real service on one port through all its lives, two workspaces
 * with their writers and tokens, and the truth as the database holds it afterwards.
 */
import type { Random } from '../../src/simulate/random.ts'
import type { FeedFilter, FeedPosition } from '../../web/feed-frames.ts'
import { freePort } from '../support/postgres.ts'
import { type Service, startService } from '../support/service.ts'
import type { FeedProofOptions } from './feed-proof.ts'
import type { WorkspaceTruth } from './feed-truth.ts'
import type { WatcherPlan } from './feed-watcher.ts'
import { directWriters, type Writer, webhookWriter } from './feed-writers.ts'
import { ADMIN_TOKEN, drained } from './fleet.ts'
import type { Place } from './place.ts'

export interface FeedStage {
  baseUrl: string
  writers: Writer[]
  scoreEachLeadOnce(limitMs: number): Promise<void>
  plans(count: number, random: Random): Promise<WatcherPlan[]>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
  drained(limitMs: number): Promise<boolean>
  /** Number of the last event per workspace. */
  heads(): Promise<Record<string, number>>
  /** Lives that ended although nobody ended them. */
  findings(): string[]
}

interface WorkspaceOfProof {
  id: string
  /** Path per channel. */
  webhooks: Record<string, string>
}

/** Of 20 that one token may have: a connection that was cut counts until the server has noticed. */
const CLIENTS_PER_TOKEN = 8
/** No feed comes this far. */
const BEYOND = 1_000_000_000

export async function openFeedStage(
  { place, writers: count, leadsPerWriter: leads, belongings }: FeedProofOptions,
  random: Random,
): Promise<FeedStage> {
  const port = await freePort()
  const baseUrl = `http://127.0.0.1:${port}`
  const lives = servicesOn(port, place, belongings)
  await lives.start()
  const call = apiOf(baseUrl)
  const workspaces = [await newWorkspace(call, 'Proof A'), await newWorkspace(call, 'Proof B')]
  const { databaseUrl } = place
  const direct = databaseUrl ? Math.floor(count / 2) : 0
  const workspaceOf = (index: number) => workspaces[index % workspaces.length] as WorkspaceOfProof
  const writers: Writer[] = Array.from({ length: count - direct }, (_, index) => {
    const { webhooks } = workspaceOf(index)
    return webhookWriter({ baseUrl, webhooks, name: `writer-${index}`, leads, random })
  })
  if (databaseUrl) {
    const workspaceIds = Array.from({ length: direct }, (_, index) => workspaceOf(index).id)
    const options = { databaseUrl, workspaceIds, leads, random, belongings }
    writers.push(...(await directWriters(options)))
  }
  return {
    baseUrl,
    writers,
    ...lives,
    async scoreEachLeadOnce(limitMs) {
      const letters = writers.slice(0, count - direct)
      for (let round = 0; round < leads; round++) {
        await Promise.all(letters.map((writer) => writer.write()))
      }
      if (!(await drained({ url: () => baseUrl }, limitMs))) throw new Error('never all scored')
    },
    plans: (clients, by) => plansFor(clients, { workspaces, call, random: by }),
    drained: (limitMs) => drained({ url: () => baseUrl }, limitMs),
    async heads() {
      const heads: Record<string, number> = {}
      for (const { id } of workspaces) {
        // The answer to a position that cannot be says where the feed stands.
        const answer = await call<{ seq: number }>('GET', `/api/v1/feed?sinceSeq=${BEYOND}`, id)
        heads[id] = answer.seq
      }
      return heads
    },
  }
}

function servicesOn(port: number, place: Place, belongings: FeedProofOptions['belongings']) {
  const dataDir = place.dataDir()
  const findings: string[] = []
  let current: Service | null = null
  let over = false
  belongings.add(() => {
    over = true
    current?.child.kill('SIGKILL')
  })
  const env = {
    ...place.env,
    DATA_DIR: dataDir,
    PORT: String(port),
    ADMIN_TOKEN,
    SCORING_QUIET_MS: '30',
    SCORING_MAX_WAIT_MS: '300',
    LOG_LEVEL: 'warn',
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    const life = current
    current = null
    if (!life) return
    if (life.child.exitCode !== null || life.child.signalCode !== null) {
      findings.push(`the service ended by itself: ${life.output().slice(-600)}`)
      return
    }
    const code = await life.end(signal)
    if (signal === 'SIGTERM' && code !== 0) findings.push(`SIGTERM ended it with ${code}`)
  }
  return {
    async start() {
      if (over) throw new Error('the run is over')
      const started = await startService(env, ADMIN_TOKEN)
      if (over) started.child.kill('SIGKILL')
      current = started
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    findings: () => findings,
  }
}

type Call = <T>(method: string, path: string, workspaceId?: string, body?: unknown) => Promise<T>

const apiOf =
  (baseUrl: string): Call =>
  async (method, path, workspaceId, body) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(workspaceId && { 'x-workspace-id': workspaceId }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

async function newWorkspace(call: Call, name: string): Promise<WorkspaceOfProof> {
  const made = await call<{ id: string; connections: { channel: string; webhookUrl: string }[] }>(
    'POST',
    '/api/v1/workspaces',
    undefined,
    { name },
  )
  const webhooks = made.connections.map(({ channel, webhookUrl }) => [
    channel,
    new URL(webhookUrl).pathname,
  ])
  return { id: made.id, webhooks: Object.fromEntries(webhooks) }
}

/** One in ten polls: each of its requests costs the service as much as a reconnect. */
const transports = [
  ...(['websocket', 'sse', 'polite', 'websocket', 'sse'] as const),
  ...(['websocket', 'poll', 'polite', 'websocket', 'sse'] as const),
] as const

/** Every transport with every filter and every start, in both workspaces, in turn. */
async function plansFor(
  count: number,
  of: { workspaces: WorkspaceOfProof[]; call: Call; random: Random },
): Promise<WatcherPlan[]> {
  const { workspaces, call, random } = of
  const plans: WatcherPlan[] = []
  for (const [at, { id, webhooks }] of workspaces.entries()) {
    const { epoch } = await call<{ epoch: string }>('GET', '/api/v1/feed?limit=1', id)
    const { items } = await call<{ items: { id: string }[] }>('GET', '/api/v1/leads?limit=200', id)
    const own = Math.ceil((count - at) / workspaces.length)
    let token = ''
    for (let index = 0; index < own; index++) {
      if (index % CLIENTS_PER_TOKEN === 0) token = await newToken(call, id)
      const transport = transports[index % transports.length] as WatcherPlan['transport']
      const beginning: FeedPosition = { epoch, seq: 0 }
      const starts = transport === 'poll' ? [beginning] : (['now', beginning, 'snapshot'] as const)
      plans.push({
        workspaceId: id,
        token,
        transport,
        filter: random.pick(filtersOf({ leads: items, channels: Object.keys(webhooks), random })),
        start: random.pick<WatcherPlan['start']>(starts),
      })
    }
  }
  return random.shuffled(plans)
}

function filtersOf(of: {
  leads: { id: string }[]
  channels: string[]
  random: Random
}): FeedFilter[] {
  const { leads, channels, random } = of
  return [
    {},
    {},
    { minOverall: random.pick([2, 3, 4]) },
    { channel: random.pick(channels) },
    { leadId: random.pick(leads).id },
    { channel: random.pick(channels), minOverall: 3 },
  ]
}

async function newToken(call: Call, workspaceId: string): Promise<string> {
  const body = { name: 'proof', role: 'viewer' }
  const { token } = await call<{ token: string }>('POST', '/api/v1/tokens', workspaceId, body)
  return token
}

/** After the service has ended: the embedded database serves one process. */
export async function truthOf(
  place: Place,
  workspaceIds: string[],
): Promise<Record<string, WorkspaceTruth>> {
  const reader = await place.open()
  const truths: Record<string, WorkspaceTruth> = {}
  try {
    for (const id of workspaceIds) {
      const [row] = await reader.query<{ head: string }>(
        'select feed_seq::text as head from workspace where id = $1::uuid',
        [id],
      )
      const events = await reader.query<{ seq: string } & WorkspaceTruth['events'][number]>(
        `select seq::text as seq, lead_id as "leadId", overall_score as overall, channel
         from score_event where workspace_id = $1::uuid order by score_event.seq`,
        [id],
      )
      const leads = await reader.query<{ id: string }>(
        'select id from lead where workspace_id = $1::uuid',
        [id],
      )
      truths[id] = {
        head: Number(row?.head),
        events: events.map((event) => ({ ...event, seq: Number(event.seq) })),
        leadIds: leads.map((lead) => lead.id),
      }
    }
  } finally {
    await reader.close()
  }
  return truths
}
