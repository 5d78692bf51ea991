/**
 * OpenTelemetry traces of messages, from webhook to feed, sent by OTLP over HTTP. The trace id is the
 * message id without its dashes, so every process puts its spans into the same trace and nothing has
 * to be carried along; whoever has a message id has its trace. Off unless an endpoint is configured.
 *
 * No span holds text, names or addresses: ids, channel, outcome and model only.
 */
import {
  type Context,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { CoveringScore, Span, Traces } from './actors/observer.ts'
import type { TracesConfig } from './config.ts'
import type { Sql } from './domain/sql.ts'
import type { Log } from './log.ts'

export interface TracesExport extends Traces {
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>
}

/** A second of 1,000 messages with six spans each; what is more while the collector hangs is dropped. */
const QUEUE_MAX = 8192
const SEND_EVERY_MS = 1000
/** A stop waits for it: within the 25 s of all of it. */
const SEND_TIMEOUT_MS = 3000
/** A collector that is away says so with every batch. */
const WARN_EVERY_MS = 60_000

export function openTraces(
  { endpoint, ratio }: TracesConfig,
  of: { sql: Sql; version: string; log: Log; now?(): number },
): TracesExport {
  const { sql, version, log, now = Date.now } = of
  warnOfDrops(log, now)
  /** What the next root span is called: OpenTelemetry asks for ids, it does not take them. */
  let root: SpanName | null = null
  const random = new RandomIdGenerator()
  /** Not sent yet, and using the database. */
  const lookingUp = new Set<Promise<void>>()
  const exporter = new OTLPTraceExporter({
    url: `${endpoint}/v1/traces`,
    timeoutMillis: SEND_TIMEOUT_MS,
  })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'leadpulse', 'service.version': version }),
    sampler: new TraceIdRatioBasedSampler(ratio),
    idGenerator: {
      generateTraceId: () => root?.traceId ?? random.generateTraceId(),
      generateSpanId: () => root?.spanId ?? random.generateSpanId(),
    },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: QUEUE_MAX,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: SEND_TIMEOUT_MS,
      }),
    ],
  })
  const tracer = provider.getTracer('leadpulse', version)

  function record(messageId: string, span: Span, kind: SpanKind, parent: Context): void {
    const recorded = tracer.startSpan(
      span.name,
      {
        kind,
        startTime: span.fromMs,
        attributes: { ...span.attributes, 'leadpulse.message_id': messageId },
      },
      parent,
    )
    if (span.error) recorded.setStatus({ code: SpanStatusCode.ERROR, message: span.error })
    recorded.end(Math.max(span.fromMs, span.toMs))
  }

  function message(messageId: string, span: Span): void {
    const parent = { ...nameOf(messageId), traceFlags: 1, isRemote: true }
    record(messageId, span, SpanKind.INTERNAL, trace.setSpanContext(ROOT_CONTEXT, parent))
  }

  return {
    webhook(messageId, span) {
      root = nameOf(messageId)
      record(messageId, span, SpanKind.SERVER, ROOT_CONTEXT)
      root = null
    },
    message,
    covered(scores) {
      const looking = messagesOf(sql, scores)
        .then((found) => {
          for (const { messageId, score } of found) {
            for (const span of scores[score]?.spans ?? []) message(messageId, span)
          }
        })
        .catch(() => log.debug({ scores: scores.length }, 'traces: messages not found out'))
        .finally(() => lookingUp.delete(looking))
      lookingUp.add(looking)
    },
    async close() {
      await Promise.all(lookingUp)
      await provider.shutdown().catch(() => undefined)
    },
  }
}

interface SpanName {
  traceId: string
  spanId: string
}

/** The last 16 digits are the random part of a UUID of version 7, so no two messages share them. */
function nameOf(messageId: string): SpanName {
  const traceId = messageId.replaceAll('-', '')
  return { traceId, spanId: traceId.slice(16) }
}

/** Every message that came after the score before: of a burst, each has its own trace. */
function messagesOf(
  sql: Sql,
  scores: CoveringScore[],
): Promise<{ messageId: string; score: number }[]> {
  return sql.query(
    `select message.id as "messageId", wanted.nth - 1 as score
     from unnest($1::uuid[], $2::bigint[]) with ordinality as wanted (lead_id, seen, nth)
     join message on message.lead_id = wanted.lead_id and message.seq <= wanted.seen
       and message.seq > coalesce((
         select max(message_seq) from score_event as earlier
         where earlier.lead_id = wanted.lead_id and earlier.message_seq < wanted.seen), 0)`,
    [scores.map(({ leadId }) => leadId), scores.map(({ seen }) => seen)],
  )
}

/** The exporter tells its failures to this logger of the whole process and to nobody else. */
function warnOfDrops(log: Log, now: () => number): void {
  let warnedAt = Number.NEGATIVE_INFINITY
  const quiet = () => undefined
  diag.setLogger({
    verbose: quiet,
    debug: quiet,
    info: quiet,
    warn: quiet,
    error() {
      if (now() - warnedAt < WARN_EVERY_MS) return
      warnedAt = now()
      // Not its text: it may quote the address, with a password in it.
      log.warn('traces: spans were dropped, the collector did not take them')
    },
  })
}
