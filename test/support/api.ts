/** The whole HTTP server over a real database, with everything behind its ports written down. */
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions, RouteOptions } from 'fastify'
import type { Database } from '../../src/database.ts'
import { callbackTokens as makeCallbackTokens } from '../../src/domain/enrichment/callback-token.ts'
import type { LeadRef } from '../../src/domain/leads/read-lead.ts'
import { rulesScorer } from '../../src/domain/scoring/rules-scorer.ts'
import { hashToken } from '../../src/domain/tokens.ts'
import { createWorkspace, type MadeWorkspace } from '../../src/domain/workspaces.ts'
import { authenticator } from '../../src/http/auth.ts'
import { feedSessions } from '../../src/http/feed-sessions.ts'
import type { HealthReport } from '../../src/http/health.ts'
import type { ReplayResult } from '../../src/http/rejected.ts'
import { buildServer, type ServerDeps } from '../../src/http/server.ts'
import { jobBoard } from '../../src/job-board.ts'
import { type Jobs, openJobs } from '../../src/jobs.ts'
import { openMetrics } from '../../src/metrics/metrics.ts'
import { openSealing } from '../../src/sealing.ts'
import type { SimulationToPlay } from '../../src/simulate/play.ts'
import { silentLog, testDatabase } from './database.ts'

export const ADMIN_TOKEN = 'test-admin-token-of-the-instance'
export const METRICS_TOKEN = 'test-metrics-token-of-the-instance'
export const CRON_SECRET = 'test-cron-secret-of-the-instance'
export const PUBLIC_URL = 'https://scores.example.com'
export const sealing = openSealing(Buffer.alloc(32, 7))
export const callbackTokens = makeCallbackTokens({
  secretsKey: Buffer.alloc(32, 7),
  now: () => new Date(),
})

/** What the server asked its ports for, in order. */
export interface PortCalls {
  scored: LeadRef[]
  forgottenConnections: string[]
  forgottenTokens: string[]
  forgottenJobs: LeadRef[]
  replayed: { workspaceId: string; rejectedId: string }[]
  /** Budgets of drains. */
  drained: number[]
  simulated: SimulationToPlay[]
}

export interface TestApi {
  app: FastifyInstance
  database: Database
  jobs: Jobs
  routes: RouteOptions[]
  calls: PortCalls
  /** What the next calls of a port answer; set by tests. */
  answers: {
    replay: ReplayResult | null
    health: () => Promise<HealthReport>
    drain: Awaited<ReturnType<ServerDeps['drain']>>
  }
  call(method: string, url: string, options?: CallOptions): Promise<Answer>
  close(): Promise<void>
}

export interface CallOptions {
  /** Bearer token; default the admin token, null for none. */
  token?: string | null
  body?: unknown
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | number | undefined>
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape
  body: any
  text: string
}

/** `beside`: another server on the same database, as of a second process; close it first. */
export async function testApi(
  overrides: Partial<ServerDeps> = {},
  beside?: Pick<TestApi, 'database' | 'jobs'>,
): Promise<TestApi> {
  const database = beside?.database ?? (await testDatabase())
  const calls: PortCalls = {
    scored: [],
    forgottenConnections: [],
    forgottenTokens: [],
    forgottenJobs: [],
    replayed: [],
    drained: [],
    simulated: [],
  }
  const answers: TestApi['answers'] = {
    replay: { status: 'accepted', messageId: 'm-1' },
    health: async () => ({ ready: true, checks: { database: { ok: true } } }),
    drain: { processed: 3, failed: 1, remaining: 2 },
  }
  const routes: RouteOptions[] = []
  const jobs = beside?.jobs ?? openJobs(database, silentLog)
  if (!beside) await jobs.start()
  const auth = authenticator({
    store: database,
    adminTokenHash: hashToken(ADMIN_TOKEN),
    cronSecretHash: hashToken(CRON_SECRET),
    metricsTokenHash: hashToken(METRICS_TOKEN),
  })
  const deps: ServerDeps = {
    store: database,
    log: silentLog,
    publicUrl: () => PUBLIC_URL,
    auth,
    metrics: openMetrics(),
    sealing,
    scorer: { name: 'rules-v1', rulesOnly: true },
    previewScorer: rulesScorer(),
    version: '1.2.3',
    window: { quietMs: 3000, maxWaitMs: 15_000 },
    webDist: join(import.meta.dirname, 'no-such-directory'),
    backfillSoon() {},
    async drain(budgetMs) {
      calls.drained.push(budgetMs)
      return answers.drain
    },
    testWebhook: async () => ({ status: 'ignored', reason: 'not part of these tests' }),
    playSimulation: (simulation) => void calls.simulated.push(simulation),
    scoreSoon: async (leads) => void calls.scored.push(...leads),
    callbackTokens,
    forgetConnection: (hashes) => void calls.forgottenConnections.push(...hashes),
    forgetToken: (actor) => void calls.forgottenTokens.push(actor),
    jobBoard: jobBoard(database, jobs),
    forgetJobs: async (_tx, lead) => void calls.forgottenJobs.push(lead),
    replay: async (what) => {
      calls.replayed.push(what)
      const [known] = await database.query(
        'select 1 from rejected_delivery where id = $1::uuid and workspace_id = $2::uuid',
        [what.rejectedId, what.workspaceId],
      )
      return known ? answers.replay : null
    },
    health: () => answers.health(),
    ...outsidePorts(database),
    ...overrides,
  }
  const app = await buildServer(deps, (route) => void routes.push(route))
  return {
    app,
    database,
    jobs,
    routes,
    calls,
    answers,
    call: (method, url, options) => call(app, method, url, options),
    async close() {
      await app.close()
      if (beside) return
      await jobs.stop()
      await database.close()
    },
  }
}

async function call(
  app: FastifyInstance,
  method: string,
  url: string,
  { token = ADMIN_TOKEN, body, headers = {} }: CallOptions = {},
): Promise<Answer> {
  const answer = await app.inject({
    method: method as NonNullable<InjectOptions['method']>,
    url,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
    ...(body !== undefined && { payload: body as InjectOptions['payload'] & object }),
  })
  const json = /json/.test(String(answer.headers['content-type'])) && answer.body !== ''
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: answer.body,
    body: json ? answer.json() : undefined,
  }
}

/** A hub that nobody listens to; its heartbeat is never due in a test. */
const quietHub: ServerDeps['feed']['hub'] = {
  heartbeatMs: 60_000,
  subscribe() {},
  unsubscribe() {},
  wake() {},
  closeAll() {},
  meters: () => {
    throw new Error('not part of these tests')
  },
}

/** Ports of the webhooks and the feed, which have tests of their own. */
function outsidePorts(database: Database): Pick<ServerDeps, 'webhooks' | 'feed'> {
  const unused = () => {
    throw new Error('not part of these tests')
  }
  return {
    webhooks: {
      connections: { find: async () => null, forget() {} },
      intake: { isFull: () => false, accept: unused },
      isOpen: () => true,
      publicUrl: () => PUBLIC_URL,
      now: () => new Date(),
    },
    feed: {
      store: database,
      allowedOrigins: [],
      publicUrl: () => PUBLIC_URL,
      log: silentLog,
      now: () => new Date(),
      hub: quietHub,
      sessions: feedSessions({ store: database, onError: unused, pingMs: 60_000 }),
    },
  }
}

/** A workspace with a token per role, made through the API. */
export async function testWorkspace(
  api: TestApi,
  name: string,
): Promise<MadeWorkspace & { tokens: Record<'admin' | 'member' | 'viewer', string> }> {
  const workspace = await api.database.transaction((tx) => createWorkspace(tx, { name }))
  const tokens = { admin: '', member: '', viewer: '' }
  for (const role of ['admin', 'member', 'viewer'] as const) {
    const made = await api.call('POST', '/api/v1/tokens', {
      body: { name: role, role },
      headers: { 'x-workspace-id': workspace.id },
    })
    tokens[role] = made.body.token
  }
  return { ...workspace, tokens }
}
