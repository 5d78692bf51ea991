/** What is logged, counted and traced of requests: ids, never a URL, which may be a secret. */
import type { FastifyInstance } from 'fastify'
import type { Traces } from '../actors/observer.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { type AnsweredWebhook, WEBHOOK_ROUTE } from './webhooks.ts'

export interface RequestLogDeps {
  log: Log
  metrics: Pick<Metrics, 'request' | 'delivery'>
  /** Absent: nothing is traced. */
  traces?: Pick<Traces, 'webhook' | 'message'> | undefined
}

/** One line per request, by route pattern; reads, probes and files only at debug. */
export function logRequests(app: FastifyInstance, { log, metrics }: RequestLogDeps): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url
    if (route === WEBHOOK_ROUTE) return
    metrics.request(route ?? 'none', request.method, reply.statusCode, reply.elapsedTime)
    const writes = request.method !== 'GET' && route?.startsWith('/api/')
    const level = writes || reply.statusCode >= 500 ? 'info' : 'debug'
    if (!log.isLevelEnabled(level)) return
    log[level](
      {
        requestId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    )
  })
}

/** At debug a line per webhook, with the id under which everything later speaks of its message. */
export function webhookObserver({ log, metrics, traces }: RequestLogDeps) {
  return (answered: AnsweredWebhook): void => {
    const { channel, outcome, messageId, requestId, ms } = answered
    metrics.delivery(channel, outcome, ms)
    if (log.isLevelEnabled('debug')) {
      log.debug({ requestId, channel, outcome, messageId, ms: Math.round(ms) }, 'webhook')
    }
    if (!traces || !messageId) return
    const toMs = Date.now()
    const attributes = { 'leadpulse.channel': channel, 'leadpulse.request_id': requestId }
    const span = { fromMs: toMs - ms, toMs, attributes }
    if (outcome === 'accepted') traces.webhook(messageId, { name: 'webhook', ...span })
    else traces.message(messageId, { name: `webhook ${outcome}`, ...span })
  }
}
