/**
 * `GET /metrics` for Prometheus. Figures of every workspace: for the bearer of METRICS_TOKEN and the
 * instance admin; without METRICS_TOKEN also for this machine, unless a proxy passes the request on.
 */
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Metrics } from '../metrics/metrics.ts'
import type { Authenticator, Guard } from './auth.ts'
import { problemResponses } from './problem.ts'

export interface MetricsDeps {
  guard: Guard
  auth: Pick<Authenticator, 'readsMetrics'>
  metrics: Pick<Metrics, 'contentType' | 'text'>
}

export const metricsRoutes: FastifyPluginAsyncZod<{ deps: MetricsDeps }> = async (
  app,
  { deps },
) => {
  const { guard, auth, metrics } = deps
  const asAdmin = guard.requireInstanceAdmin()
  app.route({
    method: 'GET',
    url: '/metrics',
    logLevel: 'warn',
    async onRequest(request, reply) {
      const reader = auth.readsMetrics(request.headers.authorization)
      if (reader === 'yes' || (reader === 'unset' && isLocal(request))) return
      await asAdmin(request, reply)
    },
    schema: {
      tags: ['Health'],
      summary: 'Metrics in the Prometheus text format',
      response: {
        200: z.string().meta({ description: 'See docs/metrics.md' }),
        ...problemResponses('unauthorized', 'forbidden'),
      },
    },
    handler: async (_request, reply) => {
      const text = await metrics.text()
      return reply.header('cache-control', 'no-store').type(metrics.contentType).send(text)
    },
  })
}

const FORWARDED = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']

function isLocal({ raw }: FastifyRequest): boolean {
  const peer = raw.socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
  const loopback = isIP(peer) === 4 ? peer.startsWith('127.') : peer === '::1'
  return loopback && !FORWARDED.some((name) => name in raw.headers)
}
