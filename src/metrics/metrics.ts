/**
 * What Prometheus reads: counters and histograms that the work itself feeds, and figures that are
 * looked up when they are asked for. No label is an id, an address or anything else without end.
 */
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Observer } from '../actors/observer.ts'
import type { Interaction } from '../domain/scoring/score.ts'
import { instruments } from './instruments.ts'
import { lookUp, type MetricSources } from './looked-up.ts'

export interface Metrics extends Observer {
  contentType: string
  text(): Promise<string>
  /** Every name, for those who check what is said of them. */
  names(): Promise<string[]>
  delivery(channel: string, outcome: string, ms: number): void
  request(route: string, method: string, status: number, ms: number): void
  refusedCredential(limited: boolean): void
  calls(feature: 'score' | 'question', interactions: Interaction[]): void
  /** From now on the rest is looked up there. */
  watch(sources: MetricSources): void
}

const SECOND = 1000

export function openMetrics(now: () => number = Date.now): Metrics {
  const registry = new Registry()
  const { deliveries, acknowledged, requests, refused, ...more } = instruments([registry])
  const { rows, commits, stages, calls, callSeconds, tokens, cost } = more
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    async names() {
      return (await registry.getMetricsAsArray()).map(({ name }) => name)
    },
    delivery(channel, outcome, ms) {
      deliveries.inc({ channel, outcome })
      acknowledged.observe({ channel }, ms / SECOND)
    },
    request(route, method, status, ms) {
      requests.observe({ route, method, status: String(status) }, ms / SECOND)
    },
    refusedCredential: (limited) => refused.inc({ limited: String(limited) }),
    group(count, ms) {
      rows.observe(count)
      commits.observe(ms / SECOND)
    },
    stage: (stage, ms) => stages.observe({ stage }, Math.max(0, ms) / SECOND),
    calls(feature, interactions) {
      for (const call of interactions) {
        const { model, outcome } = call
        calls.inc({ feature, model, outcome })
        callSeconds.observe({ feature, model }, call.latencyMs / SECOND)
        tokens.inc({ model, kind: 'input' }, call.inputTokens ?? 0)
        tokens.inc({ model, kind: 'cached' }, call.cachedTokens ?? 0)
        tokens.inc({ model, kind: 'output' }, call.outputTokens ?? 0)
        tokens.inc({ model, kind: 'reasoning' }, call.reasoningTokens ?? 0)
        cost.inc({ model }, call.costUsd ?? 0)
      }
    },
    watch(sources) {
      collectDefaultMetrics({ register: registry })
      lookUp(registry, sources, now)
    },
  }
}
