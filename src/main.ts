/**
 * The composition root: configuration → database → jobs → actors → HTTP → ready. Everything is
 * built here and only here; run it to start the service.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type App, startApp } from './actors/app.ts'
import { takeOverOrphans } from './actors/orphans.ts'
import { clayEnricher } from './clients/clay.ts'
import { openaiScorer } from './clients/openai.ts'
import { type OpenAiEvent, openaiClient } from './clients/openai-client.ts'
import { outbound } from './clients/outbound.ts'
import { transcriptSources } from './clients/transcript-sources.ts'
import { type Config, readConfig } from './config.ts'
import { keptSecret, openDataDir, randomSecret } from './data-dir.ts'
import { type Database, openDatabase } from './database.ts'
import { type AiBudget, aiBudget } from './domain/ai/budget.ts'
import { budgetedModel } from './domain/ai/budgeted-model.ts'
import type { ModelWatch } from './domain/ai/model-life.ts'
import { type CallbackTokens, callbackTokens } from './domain/enrichment/callback-token.ts'
import type { LanguageModel, Outside } from './domain/post-process/outside.ts'
import { pruner } from './domain/retention.ts'
import { budgetedScorer } from './domain/scoring/budgeted-scorer.ts'
import { rulesScorer } from './domain/scoring/rules-scorer.ts'
import type { Scorer } from './domain/scoring/score.ts'
import type { WindowDefaults } from './domain/scoring/scoring-input.ts'
import { hashToken } from './domain/tokens.ts'
import { analyzeGrown, keepUpWorst } from './domain/upkeep.ts'
import type { MadeWorkspace } from './domain/workspaces.ts'
import { adminToken, firstStart, printWelcome } from './first-start.ts'
import { authenticator } from './http/auth.ts'
import { connectionDirectory } from './http/connection-directory.ts'
import { feedSessions } from './http/feed-sessions.ts'
import { healthOf, oldestUnscored } from './http/health-report.ts'
import { openLeaving } from './http/leave.ts'
import { listen, localUrl } from './http/listen.ts'
import { replayer } from './http/replay.ts'
import { buildServer } from './http/server.ts'
import { jobBoard } from './job-board.ts'
import { type Jobs, openJobs } from './jobs.ts'
import { type Log, openLog } from './log.ts'
import type { MetricSources } from './metrics/looked-up.ts'
import { measuredModel, measuredScorer } from './metrics/measured-model.ts'
import { type Metrics, openMetrics } from './metrics/metrics.ts'
import { packageVersion } from './package-version.ts'
import { resealConnections } from './reseal.ts'
import { openSealing, type Sealing } from './sealing.ts'
import { stopOnSignals } from './shutdown.ts'
import { type SimulationPlayer, simulationPlayer } from './simulate/play.ts'
import { testWebhook } from './simulate/test-webhook.ts'
import { complain } from './startup-error.ts'
import type { TracesExport } from './traces.ts'

async function main(): Promise<void> {
  const config = readConfig()
  const log = openLog({ level: config.logLevel, pretty: process.stdout.isTTY === true })
  openDataDir(config.dataDir)
  const admin = adminToken(config)
  const window = { quietMs: config.scoringQuietMs, maxWaitMs: config.scoringMaxWaitMs }

  const database = await openDatabase({ ...config, log })
  const jobs = openJobs(database, log)
  await jobs.start()
  // Nobody else can hold jobs of an embedded database: what a killed process left is due now.
  if (database.kind === 'pglite') await takeOverOrphans({ store: database, jobs }, 0)

  const metrics = openMetrics()
  const traces = await tracesOf(config, database, log)
  const { scorer, budget, modelWatch, model } = openScorer(config, database, log, metrics)
  const key = secretsKey(config)
  const previousKey = config.secretsKeyPrevious
  const sealing = openSealing(key, previousKey)
  const callbacks = callbackTokens({ secretsKey: key, previousKey, now: () => new Date() })
  if (previousKey) {
    log.info(await resealConnections(database, sealing), 'sealed secrets looked over')
  }
  const door = { ready: false, open: true, port: config.port }
  const publicUrl = () => config.publicUrl ?? localUrl(config.host, door.port)
  const app = startApp({
    store: database,
    background: database.background,
    ingest: database.ingest,
    jobs,
    scorer,
    budget,
    outside: openOutside({ sealing, callbacks, model, publicUrl }),
    modelWatch,
    observer: metrics,
    traces,
    log,
    llmConcurrency: config.llmConcurrency,
    ...(config.openai && { callTimeoutMs: config.openai.timeoutMs }),
    pruner: pruner(database.background, config.retention, jobs.forgetLead),
    scoringHeldMax: config.scoringHeldMax,
    window,
    runsJobs: config.role !== 'web',
    upkeep: database.kind === 'pglite' ? keepUpWorst : analyzeGrown,
    now: Date.now,
    random: Math.random,
  })
  metrics.watch(figuresOf(database, jobs, app))
  const simulation = simulationPlayer({ store: database, intake: app.intake, publicUrl, log })
  const opened = { database, jobs, scorer, sealing, callbacks, app, metrics, traces, simulation }
  const parts = { config, log, admin, window, ...opened, door, publicUrl }
  const server = await openServer(parts)
  const leaving = openLeaving(server)
  const stop = async () => {
    door.ready = false
    await leaving.leave()
    door.open = false
    await simulation.stop()
    await app.stop()
    await Promise.all([server.close(), leaving.doorsClosed()])
    await traces?.close()
    await jobs.stop()
    await database.close()
  }
  let welcome: MadeWorkspace | null
  try {
    door.port = await listen(server, config, leaving)
    // Only now that nothing can fail any more: its tokens are printed once, and kept as hashes.
    welcome = await firstStart(database)
    door.ready = true
  } catch (error) {
    await stop()
    throw error
  }
  stopOnSignals({ log, stop, exit: (code) => process.exit(code) })
  log.info({ url: publicUrl(), storage: database.kind, scorer: scorer.name }, 'ready')
  printWelcome({ url: publicUrl(), admin, welcome, rulesOnly: config.openai === null })
  // pm2 and other supervisors that wait for it learn that requests are taken now.
  process.send?.('ready')
}

async function tracesOf(config: Config, sql: Database, log: Log) {
  if (!config.traces) return undefined
  // Only here: loading the exporter is a good part of a start, and most do without.
  const { openTraces } = await import('./traces.ts')
  return openTraces(config.traces, { sql, version: packageVersion(), log })
}

function figuresOf(database: Database, jobs: Jobs, app: App): MetricSources {
  return {
    app: app.meters,
    feed: app.feed.meters,
    pools: database.pools,
    jobs: () => jobs.counts().catch(() => []),
    unscored: () => oldestUnscored(database),
  }
}

interface Parts {
  config: Config
  log: Log
  admin: { value: string }
  window: WindowDefaults
  database: Database
  jobs: Jobs
  scorer: Scorer
  sealing: Sealing
  callbacks: CallbackTokens
  app: App
  metrics: Metrics
  traces: TracesExport | undefined
  simulation: SimulationPlayer
  /** Whether new senders should come, webhooks are still taken, and the port, once it is open. */
  door: { ready: boolean; open: boolean; port: number }
  publicUrl(): string
}

async function openServer(parts: Parts) {
  const { config, log, database, jobs, app, door, publicUrl } = parts
  const { sealing } = parts
  const auth = authenticator({
    store: database,
    adminTokenHash: hashToken(parts.admin.value),
    cronSecretHash: config.cronSecret ? hashToken(config.cronSecret) : null,
    metricsTokenHash: config.metricsToken ? hashToken(config.metricsToken) : null,
  })
  const connections = connectionDirectory(database, sealing.open)
  const now = () => new Date()
  const sessions = feedSessions({
    store: database,
    onError: (error) => log.warn({ err: error }, 'feed: tokens not looked at'),
    pingMs: app.feed.heartbeatMs,
  })
  return buildServer({
    store: database,
    log,
    version: packageVersion(),
    publicUrl,
    window: parts.window,
    auth,
    metrics: parts.metrics,
    traces: parts.traces,
    trustedProxies: config.trustedProxies,
    sealing,
    callbackTokens: parts.callbacks,
    scorer: { name: parts.scorer.name, rulesOnly: config.openai === null },
    modelLife: () => app.meters().model,
    webDist: join(import.meta.dirname, '../web/dist'),
    previewScorer: app.previewScorer,
    scoreSoon: app.scoreSoon,
    backfillSoon: app.backfillSoon,
    drain: app.drain,
    forgetConnection: connections.forget,
    forgetToken: sessions.closeOf,
    forgetJobs: jobs.forgetLead,
    playSimulation: parts.simulation.play,
    testWebhook: testWebhook({ store: database, intake: app.intake, publicUrl }),
    jobBoard: jobBoard(database, jobs),
    replay: replayer({ store: database, intake: app.intake, publicUrl }),
    health: () => healthOf({ database, app, isOpen: () => door.ready }),
    webhooks: { connections, intake: app.intake, isOpen: () => door.open, publicUrl, now },
    feed: {
      store: database,
      hub: app.feed,
      sessions,
      allowedOrigins: config.allowedOrigins,
      publicUrl,
      log,
      now,
    },
  })
}

function secretsKey(config: Config): Buffer {
  if (config.secretsKey) return config.secretsKey
  const { value } = keptSecret(config.dataDir, 'secrets-key', () => randomSecret())
  return Buffer.from(value, 'base64url')
}

interface Judges {
  scorer: Scorer
  budget?: AiBudget
  modelWatch?: ModelWatch
  /** For sentiment and drafts; null: the rules judge, nothing is drafted. */
  model: LanguageModel | null
}

function openScorer({ openai }: Config, database: Database, log: Log, metrics: Metrics): Judges {
  const rules = rulesScorer()
  if (!openai) return { scorer: rules, model: null }
  const options = {
    apiKey: openai.apiKey,
    baseURL: openai.baseUrl ?? undefined,
    model: openai.model,
    successor: openai.successor,
    timeoutMs: openai.timeoutMs,
    now: () => new Date(),
    random: newMarker,
    log: ({ level, ...event }: OpenAiEvent) => log[level](event, event.event),
  }
  const budget = aiBudget({
    sql: database.background,
    now: Date.now,
    onChange: ({ workspaceId, paused }) =>
      paused
        ? log.warn({ workspaceId }, 'monthly AI budget used up: the rules score provisionally')
        : log.info({ workspaceId }, 'monthly AI budget allows calls again'),
  })
  // One client, so that scores, sentiment and drafts share each model's circuit breaker.
  const client = openaiClient(options)
  const scoring = openaiScorer(options, client)
  return {
    scorer: measuredScorer(budgetedScorer({ model: scoring, rules, budget }), metrics),
    budget,
    modelWatch: scoring,
    model: measuredModel(budgetedModel(client, budget), metrics),
  }
}

/** For one call to a provider or to Clay; slower ones are done without. */
const PROVIDER_TIMEOUT_MS = 8000

function openOutside(of: {
  sealing: Sealing
  callbacks: CallbackTokens
  model: LanguageModel | null
  publicUrl(): string
}): Outside {
  const calls = outbound({ timeoutMs: PROVIDER_TIMEOUT_MS })
  return {
    transcripts: transcriptSources(calls),
    openApiKey: (sealed, connectionId) => String(of.sealing.open(sealed, connectionId)),
    enricher: clayEnricher(
      calls,
      (lead) => `${of.publicUrl()}/webhooks/clay/${of.callbacks.make(lead)}`,
    ),
    model: of.model,
    marker: newMarker,
  }
}

const newMarker = () => randomBytes(16).toString('hex')

main().catch((error: unknown) => {
  complain(error)
  process.exit(1)
})
