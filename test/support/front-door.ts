/** The webhook route with everything behind it: real database, real jobs, real actors, `rules-v1`. */
import { type FastifyInstance, fastify } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import { v7 as uuidv7 } from 'uuid'
import { type App, type AppOptions, startApp } from '../../src/actors/app.ts'
import type { Intake } from '../../src/actors/intake.ts'
import { type Database, openDatabase } from '../../src/database.ts'
import type { Channel, ProviderName } from '../../src/domain/channels/inbound-event.ts'
import { createConnection } from '../../src/domain/connections.ts'
import { rulesScorer } from '../../src/domain/scoring/rules-scorer.ts'
import { connectionDirectory } from '../../src/http/connection-directory.ts'
import { errorHandler } from '../../src/http/error-handler.ts'
import { openFailedAttempts } from '../../src/http/limits.ts'
import { replayer } from '../../src/http/replay.ts'
import { webhookRoutes } from '../../src/http/webhooks.ts'
import { type Jobs, openJobs } from '../../src/jobs.ts'
import { openSealing } from '../../src/sealing.ts'
import { silentLog, testStorage } from './database.ts'
import { makeWorkspace } from './events.ts'
import { until } from './until.ts'

export interface FrontDoor {
  database: Database
  jobs: Jobs
  app: App
  server: FastifyInstance
  workspaceId: string
  /** What the door is told of itself; a test may change it. */
  state: { open: boolean; now: Date | null; intake: Intake | null }
  connect(options: ConnectOptions): Promise<Connected>
  replay: ReturnType<typeof replayer>
  /** Resolves when no inbound message owes its post-processing and every lead is covered. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface ConnectOptions {
  channel: Channel
  provider: ProviderName
  signature?: unknown
  workspaceId?: string
}

export interface Connected {
  id: string
  path: string
  post(body: Buffer | string, headers?: Record<string, string>): Promise<Answer>
}

export interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
  /** Parsed when it is JSON. */
  json: Record<string, unknown>
}

export const PUBLIC_URL = 'https://scores.example.com'

/** `overrides`: other parts for the actors, e.g. a scorer that throws. */
export async function openFrontDoor(overrides: Partial<AppOptions> = {}): Promise<FrontDoor> {
  const place = await testStorage()
  const database = await openDatabase({ ...place, log: silentLog, poolMax: 8 })
  const jobs = openJobs(database, silentLog)
  await jobs.start()
  const { id: workspaceId } = await makeWorkspace(database)
  const app = startApp({
    store: database,
    ingest: database.ingest,
    jobs,
    scorer: rulesScorer(),
    log: silentLog,
    llmConcurrency: 8,
    scoringHeldMax: 500,
    window: { quietMs: 20, maxWaitMs: 200 },
    runsJobs: true,
    now: Date.now,
    random: Math.random,
    ...overrides,
  })
  const sealing = openSealing(Buffer.alloc(32, 7))
  const state: FrontDoor['state'] = { open: true, now: null, intake: null }
  const server = fastify()
  server.setErrorHandler(errorHandler(silentLog))
  server.setValidatorCompiler(validatorCompiler)
  const intake: Intake = {
    isFull: (channel) => (state.intake ?? app.intake).isFull(channel),
    accept: (...args) => (state.intake ?? app.intake).accept(...args),
  }
  const publicUrl = () => PUBLIC_URL
  await server.register(webhookRoutes, {
    deps: {
      connections: connectionDirectory(database, sealing.open),
      intake,
      attempts: await openFailedAttempts(server, silentLog),
      isOpen: () => state.open,
      publicUrl,
      now: () => state.now ?? new Date(),
    },
  })
  return {
    database,
    jobs,
    app,
    server,
    workspaceId,
    state,
    replay: replayer({ store: database, intake, publicUrl }),
    async connect({ channel, provider, signature, ...rest }) {
      const id = uuidv7()
      const { token } = await createConnection(database, {
        id,
        workspaceId: rest.workspaceId ?? workspaceId,
        channel,
        provider,
        name: provider,
        sealedSignature: signature === undefined ? null : sealing.seal(signature, id),
      })
      const path = `/webhooks/${channel}/${token}`
      return { id, path, post: (body, headers = {}) => post(server, path, body, headers) }
    },
    settled: () => settled(database),
    async close() {
      await server.close()
      await app.stop()
      await jobs.stop()
      await database.close()
      await place.remove()
    },
  }
}

export async function post(
  server: FastifyInstance,
  path: string,
  body: Buffer | string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await server.inject({ method: 'POST', url: path, payload: body, headers })
  const isJson = String(response.headers['content-type']).includes('json')
  return {
    status: response.statusCode,
    headers: response.headers,
    text: response.body,
    json: isJson ? (JSON.parse(response.body) as Record<string, unknown>) : {},
  }
}

async function settled(database: Database): Promise<void> {
  await until(
    async () => {
      const [row] = await database.query<{ owed: unknown; dirty: unknown }>(
        `select
           (select count(*) from message
            where direction = 'inbound' and post_processed_at is null) as owed,
           (select count(*) from lead where message_seq > scored_seq) as dirty`,
      )
      return Number(row?.owed) + Number(row?.dirty)
    },
    (left) => left === 0,
  )
}
