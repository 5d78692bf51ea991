/**
 * The HTTP server with everything it speaks. It never listens: who builds it decides where, and
 * tests call it without a socket.
 */
import { randomUUID } from 'node:crypto'
import fastifyHelmet from '@fastify/helmet'
import fastifyWebsocket from '@fastify/websocket'
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  LogController,
  type RouteOptions,
} from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ServerOptions } from 'ws'
import { FEED_PROTOCOL } from '../domain/feed-protocol.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { type AiUsageDeps, aiUsageRoutes } from './ai-usage.ts'
import { type Authenticator, openGuard } from './auth.ts'
import { type BackfillDeps, backfillRoutes } from './backfill.ts'
import { type ClayDeps, clayRoutes } from './clay.ts'
import { type ConnectionTestDeps, connectionTestRoutes } from './connection-test.ts'
import { type ConnectionsDeps, connectionsRoutes } from './connections.ts'
import { type DashboardDeps, dashboardRoutes } from './dashboard.ts'
import { registerDocs } from './docs.ts'
import { type DraftsDeps, draftsRoutes } from './drafts.ts'
import { DRAIN_BUDGET_MS_MAX, type DrainDeps, drainRoutes } from './drain.ts'
import { clientErrorHandler, errorHandler, notFoundHandler } from './error-handler.ts'
import { type FeedDeps, feedRoutes } from './feed.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import { type JobsDeps, jobsRoutes } from './jobs.ts'
import { type LeadActionsDeps, leadActionsRoutes } from './lead-actions.ts'
import { type LeadsDeps, leadsRoutes } from './leads.ts'
import {
  type FailedAttempts,
  openFailedAttempts,
  type ServerLimits,
  serverLimits,
} from './limits.ts'
import { type MetricsDeps, metricsRoutes } from './metrics.ts'
import { type RejectedDeps, rejectedRoutes } from './rejected.ts'
import { logRequests, type RequestLogDeps, webhookObserver } from './request-log.ts'
import { type SettingsDeps, settingsRoutes } from './settings.ts'
import { type SettingsPreviewDeps, settingsPreviewRoutes } from './settings-preview.ts'
import { type SimulationDeps, simulationRoutes } from './simulation.ts'
import { type TimelineDeps, timelineRoutes } from './timeline.ts'
import { type TokensDeps, tokensRoutes } from './tokens.ts'
import { type WebhookDeps, webhookRoutes } from './webhooks.ts'
import { type WorkspacesDeps, workspacesRoutes } from './workspaces.ts'

type ResourceDeps = WorkspacesDeps &
  SettingsDeps &
  SettingsPreviewDeps &
  ConnectionsDeps &
  ConnectionTestDeps &
  LeadsDeps &
  LeadActionsDeps &
  TimelineDeps &
  TokensDeps &
  RejectedDeps &
  DraftsDeps &
  ClayDeps &
  JobsDeps &
  DrainDeps &
  AiUsageDeps &
  BackfillDeps &
  SimulationDeps &
  HealthDeps &
  MetricsDeps &
  DashboardDeps

/** Made here for all of them. */
type Own = 'guard' | 'attempts' | 'onAnswered'

export interface ServerDeps extends Omit<ResourceDeps, Own | 'auth' | 'log' | 'metrics'> {
  traces?: RequestLogDeps['traces']
  log: Log
  auth: Authenticator
  metrics: Metrics
  webhooks: Omit<WebhookDeps, Own>
  feed: Omit<FeedDeps, Own>
  /** Proxies whose X-Forwarded-For says who is asking; empty: the peer of the connection is. */
  trustedProxies?: string[]
  limits?: Partial<ServerLimits>
}

/** Longer than the 60 s after which common proxies drop an idle connection to us. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
/** A silent socket; above what a job drain may take before its first byte. */
const CONNECTION_TIMEOUT_MS = DRAIN_BUDGET_MS_MAX + 60_000
/** Feed clients send small subscriptions only. */
const WEBSOCKET_PAYLOAD_BYTES_MAX = 8 * 1024
/** Without it, one client that never answers the close frame holds shutdown for 30 s. */
const WEBSOCKET_CLOSE_TIMEOUT_MS = 1000

/** `closeTimeout` is in ws 8.23, not yet in its types. */
const websocketOptions: Omit<ServerOptions, 'path' | 'WebSocket'> & { closeTimeout: number } = {
  maxPayload: WEBSOCKET_PAYLOAD_BYTES_MAX,
  closeTimeout: WEBSOCKET_CLOSE_TIMEOUT_MS,
  perMessageDeflate: false,
  // Never echo the ticket that a browser sends as a second sub-protocol.
  handleProtocols: (offered) => (offered.has(FEED_PROTOCOL) ? FEED_PROTOCOL : false),
}

/** The plugin's own `preClose` would close every socket first, without the code that says "come back". */
export const websocketPlugin = {
  options: websocketOptions,
  preClose: (done: () => void) => done(),
}

/** `onRoute` hears of every route, for those who check that none is forgotten. */
export async function buildServer(
  deps: ServerDeps,
  onRoute?: (route: RouteOptions) => void,
): Promise<FastifyInstance> {
  const limits = { ...serverLimits, ...deps.limits }
  const app = fastify({
    loggerInstance: deps.log as FastifyBaseLogger,
    // Fastify's lines hold URLs, and those of webhooks are secret; `logRequests` has its own.
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'requestId',
    }),
    genReqId: requestIds(),
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.checkEveryMs,
      maxHeaderSize: limits.headerBytesMax,
    },
    trustProxy: deps.trustedProxies?.length ? deps.trustedProxies : false,
    clientErrorHandler,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    forceCloseConnections: true,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    frameworkErrors: errorHandler(deps.log),
  })
  if (onRoute) app.addHook('onRoute', onRoute)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(errorHandler(deps.log))
  app.setNotFoundHandler(notFoundHandler)
  logRequests(app, deps)
  readJson(app)
  await app.register(fastifyHelmet, helmetOptions(deps.publicUrl))
  await app.register(fastifyWebsocket, websocketPlugin)
  await registerDocs(app, deps.version)
  const attempts = await openFailedAttempts(app, deps.log, limits, deps.metrics.refusedCredential)
  await registerRoutes(app, deps, attempts)
  await app.ready()
  return app
}

async function registerRoutes(
  app: FastifyInstance,
  deps: ServerDeps,
  attempts: FailedAttempts,
): Promise<void> {
  const own = { attempts, guard: openGuard(deps.auth, attempts) }
  const shared = { ...deps, ...own }
  await app.register(workspacesRoutes, { deps: shared })
  await app.register(settingsRoutes, { deps: shared })
  await app.register(settingsPreviewRoutes, { deps: shared })
  await app.register(connectionsRoutes, { deps: shared })
  await app.register(connectionTestRoutes, { deps: shared })
  await app.register(leadsRoutes, { deps: shared })
  await app.register(leadActionsRoutes, { deps: shared })
  await app.register(timelineRoutes, { deps: shared })
  await app.register(tokensRoutes, { deps: shared })
  await app.register(rejectedRoutes, { deps: shared })
  await app.register(draftsRoutes, { deps: shared })
  await app.register(clayRoutes, { deps: shared })
  await app.register(backfillRoutes, { deps: shared })
  await app.register(simulationRoutes, { deps: shared })
  await app.register(aiUsageRoutes, { deps: shared })
  await app.register(jobsRoutes, { deps: shared })
  await app.register(drainRoutes, { deps: shared })
  await app.register(healthRoutes, { deps: shared })
  await app.register(metricsRoutes, { deps: shared })
  await app.register(webhookRoutes, {
    deps: { ...deps.webhooks, ...own, onAnswered: webhookObserver(deps) },
  })
  await app.register(feedRoutes, { deps: { ...deps.feed, ...own } })
  await app.register(dashboardRoutes, { deps: shared })
}

/** Unlike in every other process and life, and cheaper than a random one per request. */
function requestIds(): () => string {
  const life = randomUUID()
  let count = 0
  return () => `${life}-${(count++).toString(36)}`
}

/** JSON only; a body that is announced but empty counts as none, as many clients send it. */
function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parse(request, body as string, done)
  })
}

function helmetOptions(publicUrl: () => string) {
  const secure = publicUrl().startsWith('https:')
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: [`'none'`],
        scriptSrc: [`'self'`],
        styleSrc: [`'self'`],
        // Older browsers do not count the WebSocket of the same origin as 'self'.
        // Asked each time: the port may be known only after listening.
        connectSrc: [`'self'`, () => new URL(publicUrl()).origin.replace(/^http/, 'ws')],
        imgSrc: [`'self'`, 'data:'],
        baseUri: [`'none'`],
        formAction: [`'self'`],
        frameAncestors: [`'none'`],
      },
    },
    strictTransportSecurity: secure ? { maxAge: 31_536_000 } : (false as const),
    xFrameOptions: { action: 'deny' as const },
  }
}
