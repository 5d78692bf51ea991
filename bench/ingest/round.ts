/**
 * One round of load. Closed loop: each connection sends its next request when the last is answered,
 * and where it was sent away, after the time that the answer asks for, as providers do.
 * Open loop: requests are due at fixed times and their latency counts from then, whether or not a
 * connection was free, so a server that gets slow is not spared (no coordinated omission).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FormatName } from '../../src/simulate/payloads/format.ts'
import type { WebhookRequest } from './requests.ts'
import { type Answer, openSender, type Sender } from './sender.ts'

export interface Round {
  port: number
  /** Path of the webhook URL per format. */
  paths: Record<FormatName, string>
  connections: number
  /** What is answered before this is not counted. */
  warmUpMs: number
  measuredMs: number
  /** Requests per second; null: closed loop. */
  rate: number | null
  /** First request to send: no database is sent one twice. */
  from: number
}

export interface RoundResult {
  /** Answered 200 per second of the measured time. */
  rps: number
  p50Ms: number
  p99Ms: number
  maxMs: number
  /** Answers by status, of the whole round. */
  statuses: Record<string, number>
  /** Answers other than 200: the slowest, and those without a Retry-After. */
  refusedMaxMs: number
  refusedP99Ms: number
  refusedBare: number
  /** From the beginning to the last answer other than 200. */
  lastRefusedMs: number
  /** How late this process came to what was due; it reads answers as late, and the server is not at fault. */
  loadLateP99Ms: number
  /** First request not sent. */
  next: number
}

/** Granularity of the open loop's clock. */
const TICK_MS = 1
const ANSWERS_LIMIT_MS = 30_000

export async function runRound(round: Round, all: WebhookRequest[]): Promise<RoundResult> {
  const heads = headsOf(round.paths, all)
  const free: Sender[] = []
  /** Due times of requests that no connection was free for, oldest first. */
  const overdue: number[] = []
  /** Of each request of an open loop: due until this process came to it, free connection or not. */
  const late: number[] = []
  const finished = Promise.withResolvers<void>()
  const pauses: NodeJS.Timeout[] = []
  let next = round.from
  let open = 0
  /** Of an open loop: the last one may be answered before the time is over. */
  let isSent = false
  const closed = round.rate === null

  function send(sender: Sender, dueAt: number): void {
    const request = all[next % all.length] as WebhookRequest
    next += 1
    open += 1
    sender.send(`${heads.get(request.format)}${request.bodyBytes}\r\n\r\n${request.body}`, dueAt)
  }

  function onAnswer(sender: Sender, answer: Answer): void {
    open -= 1
    tally.add(answer, answer.at >= measureFrom && answer.at <= until)
    const due = closed && answer.at < until ? answer.at : overdue.shift()
    if (due !== undefined && closed && answer.retryAfterMs !== null) {
      pauses.push(setTimeout(() => again(sender), answer.retryAfterMs))
    } else if (due !== undefined) {
      send(sender, due)
    } else {
      free.push(sender)
      endWhenAnswered()
    }
  }
  function again(sender: Sender): void {
    if (performance.now() < until) send(sender, performance.now())
  }
  function endWhenAnswered(): void {
    if (open === 0 && (isSent || performance.now() >= until)) finished.resolve()
  }

  const senders = await Promise.all(
    Array.from({ length: round.connections }, () =>
      openSender(round.port, onAnswer, (error) => finished.reject(error)),
    ),
  )
  // Not before all are open: a thousand take a second or two, which would all be overdue at once.
  const begun = performance.now()
  const measureFrom = begun + round.warmUpMs
  const until = measureFrom + round.measuredMs
  const tally = openTally(begun)
  const limit = setTimeout(
    () => finished.reject(new Error(`${open} requests have no answer`)),
    round.warmUpMs + round.measuredMs + ANSWERS_LIMIT_MS,
  )
  try {
    if (closed) {
      for (const sender of senders) send(sender, performance.now())
      // All of them may be pausing by then.
      pauses.push(setTimeout(endWhenAnswered, until - performance.now() + 1))
    } else {
      free.push(...senders)
      const stepMs = 1000 / (round.rate ?? 1)
      for (let dueAt = begun; dueAt < until; await sleep(TICK_MS)) {
        for (; dueAt <= performance.now(); dueAt += stepMs) {
          late.push(performance.now() - dueAt)
          // By turns: the server closes a connection on which nothing was ever asked.
          const sender = free.shift()
          if (sender) send(sender, dueAt)
          else overdue.push(dueAt)
        }
      }
    }
    isSent = !closed
    if (open > 0) await finished.promise
  } finally {
    for (const timer of [limit, ...pauses]) clearTimeout(timer)
    for (const sender of senders) sender.close()
  }
  late.sort((a, b) => a - b)
  return { ...tally.result(round.measuredMs / 1000), loadLateP99Ms: quantile(late, 0.99), next }
}

/** Everything up to the value of Content-Length, per format. */
function headsOf(
  paths: Record<FormatName, string>,
  all: WebhookRequest[],
): Map<FormatName, string> {
  const types = new Map(all.map(({ format, contentType }) => [format, contentType]))
  return new Map(
    [...types].map(([format, type]) => [
      format,
      [
        `POST ${paths[format]} HTTP/1.1`,
        'host: 127.0.0.1',
        'user-agent: provider/1.0',
        'accept: */*',
        ...(type ? [`content-type: ${type}`] : []),
        'content-length: ',
      ].join('\r\n'),
    ]),
  )
}

const quantile = (sorted: number[], q: number) => sorted[Math.floor(sorted.length * q)] ?? 0

function openTally(begun: number) {
  const latencies: number[] = []
  const refusals: number[] = []
  const statuses: Record<string, number> = {}
  let refusedBare = 0
  let lastRefusedMs = 0
  return {
    add({ status, at, tookMs, retryAfterMs }: Answer, measured: boolean): void {
      statuses[status] = (statuses[status] ?? 0) + 1
      if (status !== 200) {
        refusals.push(tookMs)
        lastRefusedMs = at - begun
        if (retryAfterMs === null) refusedBare += 1
      } else if (measured) latencies.push(tookMs)
    },
    result(seconds: number): Omit<RoundResult, 'loadLateP99Ms' | 'next'> {
      for (const times of [latencies, refusals]) times.sort((a, b) => a - b)
      return {
        rps: latencies.length / seconds,
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
        maxMs: latencies.at(-1) ?? 0,
        statuses,
        refusedMaxMs: refusals.at(-1) ?? 0,
        refusedP99Ms: quantile(refusals, 0.99),
        refusedBare,
        lastRefusedMs,
      }
    },
  }
}
