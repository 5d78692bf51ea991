/**
 * The composition root: configuration → database → jobs → actors → HTTP → ready. Everything is
 * built here and only here; run it to start the service.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startApp } from './actors/app.ts'
import { openaiScorer } from './clients/openai.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { keptSecret, openDataDir, randomSecret } from './data-dir.ts'
import { openDatabase } from './database.ts'
import { rulesScorer } from './domain/scoring/rules-scorer.ts'
import { hashToken } from './domain/tokens.ts'
import { firstStart, printWelcome } from './first-start.ts'
import { authenticator } from './http/auth.ts'
import { connectionDirectory } from './http/connection-directory.ts'
import { healthOf } from './http/health-report.ts'
import { listen } from './http/listen.ts'
import { replayer } from './http/replay.ts'
import { buildServer } from './http/server.ts'
import { openJobs } from './jobs.ts'
import { type Log, openLog } from './log.ts'
import { openSealing } from './sealing.ts'
import { stopOnSignals } from './shutdown.ts'
import { StartupError } from './startup-error.ts'

async function main(): Promise<void> {
  const config = readConfig()
  const log = openLog({ level: config.logLevel, pretty: process.stdout.isTTY === true })
  openDataDir(config.dataDir)
  const admin = adminToken(config)
  const sealing = openSealing(secretsKey(config))

  const database = await openDatabase({ ...config, log })
  const jobs = openJobs(database, log)
  await jobs.start()
  // Nobody else can hold jobs of an embedded database: what a killed process left is due now.
  if (database.kind === 'pglite') await jobs.reclaimOrphans()
  const welcome = await firstStart(database)

  const scorer = openScorer(config, log)
  const app = startApp({
    store: database,
    jobs,
    scorer,
    log,
    llmConcurrency: config.llmConcurrency,
    scoringHeldMax: config.scoringHeldMax,
    window: { quietMs: config.scoringQuietMs, maxWaitMs: config.scoringMaxWaitMs },
    runsJobs: config.role !== 'web',
    now: Date.now,
    random: Math.random,
  })

  let open = true
  let port = config.port
  const publicUrl = () => config.publicUrl ?? localUrl(config.host, port)
  const auth = authenticator({
    store: database,
    adminTokenHash: hashToken(admin.value),
    cronSecretHash: config.cronSecret ? hashToken(config.cronSecret) : null,
  })
  const connections = connectionDirectory(database, sealing.open)
  const server = await buildServer({
    store: database,
    log,
    version: packageVersion(),
    // A getter: with PORT=0 the URL is known only once the port is open.
    config: {
      ...config,
      get publicUrl() {
        return publicUrl()
      },
    },
    auth,
    sealing,
    scorerName: scorer.name,
    webDist: join(import.meta.dirname, '../web/dist'),
    scoreSoon: app.scoreSoon,
    forgetConnection: connections.forget,
    forgetJobs: jobs.forgetLead,
    forgetToken: (actor) => app.feed.closeOf(actor),
    replay: replayer({ store: database, intake: app.intake, publicUrl }),
    health: () => healthOf({ database, app, isOpen: () => open }),
    webhooks: {
      connections,
      intake: app.intake,
      isOpen: () => open,
      publicUrl,
      now: () => new Date(),
    },
    feed: {
      store: database,
      hub: app.feed,
      authenticate: auth.authenticate,
      allowedOrigins: config.allowedOrigins,
      publicUrl,
      log,
      now: () => new Date(),
    },
  })
  const stop = async () => {
    open = false
    await app.stop()
    await server.close()
    await jobs.stop()
    await database.close()
  }
  try {
    port = await listen(server, config)
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

function adminToken(config: Config): { value: string; made: boolean } {
  if (config.adminToken) return { value: config.adminToken, made: false }
  return keptSecret(config.dataDir, 'admin-token', () => `lp_${randomSecret()}`)
}

function secretsKey(config: Config): Buffer {
  if (config.secretsKey) return config.secretsKey
  const { value } = keptSecret(config.dataDir, 'secrets-key', () => randomSecret())
  return Buffer.from(value, 'base64url')
}

function openScorer({ openai }: Config, log: Log) {
  if (!openai) return rulesScorer()
  return openaiScorer({
    apiKey: openai.apiKey,
    baseURL: openai.baseUrl ?? undefined,
    model: openai.model,
    successor: openai.successor,
    timeoutMs: openai.timeoutMs,
    now: () => new Date(),
    random: () => randomBytes(16).toString('hex'),
    log: ({ level, ...event }) => log[level](event, event.event),
  })
}

function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** What a person on this machine can open; a wildcard address is no address to visit. */
function localUrl(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}

/** One clear line per cause that a person can mend; anything else is a bug and keeps its stack. */
function complain(error: unknown): void {
  const lines =
    error instanceof ConfigError
      ? error.lines
      : [error instanceof StartupError ? error.message : ((error as Error)?.stack ?? String(error))]
  process.stderr.write(`${lines.map((line) => `leadpulse: ${line}`).join('\n')}\n`)
}

main().catch((error: unknown) => {
  complain(error)
  process.exit(1)
})
