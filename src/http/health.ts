/** Is it alive, is it ready, and what scores: for load balancers, operators and the dashboard. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ModelLife } from '../domain/ai/model-life.ts'
import { roles } from '../domain/entities/access.ts'
import type { Guard } from './auth.ts'
import { time } from './fields.ts'
import { problemResponses } from './problem.ts'

export interface HealthCheck {
  ok: boolean
  /** Numbers and words for operators; served to everybody, so never a secret or an address. */
  details?: Record<string, string | number | boolean | null>
}

export interface HealthReport {
  /** False: send no traffic here. */
  ready: boolean
  checks: Record<string, HealthCheck>
}

export interface HealthDeps {
  guard: Guard
  health(): Promise<HealthReport>
  /** What scores: the model, or `rules-v1` where none is configured. */
  scorer: { name: string; rulesOnly: boolean }
  /** Absent or null where no model scores. */
  modelLife?(): ModelLife | null
  version: string
}

/** Below the usual time limit of a probe; a database that hangs must not make it hang. */
const HEALTH_TIMEOUT_MS = 3000

const liveSchema = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Liveness' })
const readySchema = z
  .strictObject({
    status: z.enum(['ready', 'not_ready']),
    checks: z.record(
      z.string(),
      z.strictObject({
        ok: z.boolean(),
        details: z
          .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
          .optional(),
      }),
    ),
  })
  .meta({ id: 'Readiness' })
const statusSchema = z
  .strictObject({
    scorer: z.string().meta({ description: 'The model that scores, or `rules-v1`' }),
    rulesOnly: z.boolean().meta({ description: 'No model is configured: built-in rules score' }),
    version: z.string(),
    role: z.enum(roles).meta({ description: 'What the token of this request may do' }),
    model: z
      .strictObject({
        configured: z.string(),
        inUse: z.string().meta({ description: 'The model of the next call' }),
        because: z.enum(['configured', 'shutdown_date', 'not_found']),
        checkedAt: time.nullable().meta({
          description: 'When the provider’s list of models was last read',
        }),
        models: z
          .array(
            z.strictObject({
              id: z.string(),
              shutdownDate: z.iso.date().nullable(),
              daysUntilShutdown: z.int().nullable().meta({
                description: '0 and less: it has been shut down; null: no end is announced',
              }),
              listed: z.boolean().nullable(),
            }),
          )
          .meta({ description: 'The configured model, then its successor' }),
      })
      .nullable()
      .meta({ description: 'null: no model is configured' }),
  })
  .meta({ id: 'Status' })
const tags = ['Health']

export const healthRoutes: FastifyPluginAsyncZod<{ deps: HealthDeps }> = async (app, { deps }) => {
  app.route({
    method: 'GET',
    url: '/health/live',
    logLevel: 'warn',
    schema: {
      tags,
      security: [],
      summary: 'The process runs; depends on nothing else',
      response: { 200: liveSchema },
    },
    handler: async () => ({ status: 'ok' as const }),
  })

  app.route({
    method: 'GET',
    url: '/health/ready',
    logLevel: 'warn',
    schema: {
      tags,
      security: [],
      summary: 'Whether to send traffic here, and what was checked',
      response: { 200: readySchema, 503: readySchema },
    },
    handler: async (request, reply) => {
      reply.header('cache-control', 'no-store')
      const report = await withinLimit(deps.health()).catch((error: unknown) => {
        request.log.warn({ err: error }, 'health report failed')
        return { ready: false, checks: { report: { ok: false } } }
      })
      const { ready, checks } = report
      const status = ready ? ('ready' as const) : ('not_ready' as const)
      return reply.code(ready ? 200 : 503).send({ status, checks })
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/status',
    onRequest: deps.guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'What scores leads here, and which version runs',
      response: { 200: statusSchema, ...problemResponses('unauthorized', 'forbidden') },
    },
    handler: async (request) => {
      const { scorer, version } = deps
      const { role } = deps.guard.principalOf(request)
      const model = deps.modelLife?.() ?? null
      return { scorer: scorer.name, rulesOnly: scorer.rulesOnly, version, role, model }
    },
  })
}

async function withinLimit(report: Promise<HealthReport>): Promise<HealthReport> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
  const limit = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  return Promise.race([report, limit])
}
