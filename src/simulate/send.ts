/**
 * Sends the deliveries at their times, whatever the service takes to answer (open loop): a service
 * that gets slow is not spared. Only the number of open requests is bounded, and falling behind for
 * that reason is told.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { causeOf } from '../cli/api.ts'
import type { Delivery } from './deliveries.ts'
import type { FormatName } from './payloads/format.ts'

const IN_FLIGHT_MAX = 256
const ANSWER_LIMIT_MS = 15_000

/** `unknown`: answered with 200 and no status, as Twilio's TwiML is. */
export type AnswerStatus = 'accepted' | 'duplicate' | 'ignored' | 'rejected' | 'failed' | 'unknown'

export interface Sent {
  delivery: Delivery
  status: AnswerStatus
  messageId: string | null
  reason: string | null
  /** `performance.now()` at the moment of sending. */
  sentAt: number
}

export interface SendOptions {
  url: string
  paths: ReadonlyMap<FormatName, string>
  onAnswer: (sent: Sent) => void
}

const answerSchema = z.object({
  status: z.enum(['accepted', 'duplicate', 'ignored', 'rejected']),
  messageId: z.string().nullish(),
  reason: z.string().nullish(),
})
const problemSchema = z.object({ detail: z.string().nullish(), reason: z.string().nullish() })

/** Answers what became of each, and by how much the latest was sent after its time. */
export async function sendAll(
  deliveries: readonly Delivery[],
  options: SendOptions,
): Promise<{ sent: Sent[]; behindMs: number }> {
  const startedAt = performance.now()
  const sent: Sent[] = []
  const inFlight = new Set<Promise<void>>()
  let behindMs = 0
  for (const delivery of deliveries) {
    const dueIn = startedAt + delivery.atMs - performance.now()
    if (dueIn > 0) await sleep(dueIn)
    if (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight)
    behindMs = Math.max(behindMs, performance.now() - startedAt - delivery.atMs)
    const sending = send(delivery, options).then((answer) => {
      sent.push(answer)
      inFlight.delete(sending)
      options.onAnswer(answer)
    })
    inFlight.add(sending)
  }
  await Promise.all(inFlight)
  return { sent, behindMs }
}

async function send(delivery: Delivery, { url, paths }: SendOptions): Promise<Sent> {
  const sentAt = performance.now()
  const blank = { delivery, sentAt, messageId: null, reason: null }
  try {
    const response = await fetch(`${url}${paths.get(delivery.format)}`, {
      method: 'POST',
      // A string would bring its own Content-Type, which some providers leave out.
      body: Buffer.from(delivery.body),
      headers: delivery.contentType ? { 'content-type': delivery.contentType } : {},
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    return { ...blank, ...readAnswer(response, await response.text()) }
  } catch (error) {
    return { ...blank, status: 'failed', reason: causeOf(error) }
  }
}

function readAnswer(
  { status, ok, headers }: Response,
  body: string,
): Pick<Sent, 'status' | 'messageId' | 'reason'> {
  if (ok && headers.get('content-type')?.includes('xml')) {
    return { status: 'unknown', messageId: null, reason: null }
  }
  const value = jsonOf(body)
  const answer = answerSchema.safeParse(value)
  if (ok && answer.success) {
    const { messageId, reason } = answer.data
    return { status: answer.data.status, messageId: messageId ?? null, reason: reason ?? null }
  }
  const problem = problemSchema.safeParse(value)
  const detail = problem.success ? (problem.data.detail ?? problem.data.reason) : null
  return {
    // Our own format is told with 422 what the others are told with 200.
    status: status === 422 ? 'rejected' : 'failed',
    messageId: null,
    reason: `${status}${detail ? ` ${detail}` : ''}`,
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
