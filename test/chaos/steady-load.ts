/**
 * Senders that never try again: a fixed number of webhooks a second, each sent once, half of them
 * over connections that are kept and half over new ones. What is not answered 200 has failed.
 */
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { History } from './history.ts'

export interface SteadyLoad {
  /** No new requests; resolves when all are answered. */
  end(): Promise<void>
  sent(): number
  /** Per failed request, what came instead of 200. */
  failures: string[]
  /** Longest time between two requests that were answered 200. */
  longestGapMs(): number
}

/** Above the slowest answer the service allows itself. */
const ANSWER_LIMIT_MS = 10_000

export function steadyLoad(options: {
  url: string
  /** Path per channel. */
  webhooks: Record<string, string>
  history: History
  perSecond: number
  leads: number
}): SteadyLoad {
  const { url, webhooks, history, perSecond, leads } = options
  const channels = Object.keys(webhooks)
  const agents = [new Agent({ keepAlive: true, maxSockets: 20 }), new Agent({ keepAlive: false })]
  const open = new Set<Promise<void>>()
  const failures: string[] = []
  let sent = 0
  let going = true
  let lastOkAt = performance.now()
  let longestGapMs = 0

  function post(
    path: string,
    body: string,
    agent: Agent,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' }
      const limit = AbortSignal.timeout(ANSWER_LIMIT_MS)
      const outgoing = request(`${url}${path}`, { method: 'POST', agent, headers, signal: limit })
      outgoing.once('error', reject)
      outgoing.once('response', (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.once('error', reject)
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      outgoing.end(body)
    })
  }

  async function send(nth: number): Promise<void> {
    const externalId = `steady-${nth}`
    const channel = channels[nth % channels.length] as string
    const email = `lead-${nth % leads}@steady.example`
    const body = `What does it cost for forty people? (${nth})`
    history.letters.set(externalId, { externalId, channel, email, body })
    const at = Date.now()
    const began = performance.now()
    let status: number | null = null
    try {
      const message = JSON.stringify({ externalId, body, lead: { email } })
      const answer = await post(webhooks[channel] as string, message, agents[nth % 2] as Agent)
      status = answer.status
      if (status !== 200) failures.push(`${externalId}: ${status} ${answer.text.slice(0, 200)}`)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      failures.push(
        `${externalId}: ${code ?? message} after ${Math.round(performance.now() - began)} ms`,
      )
    }
    history.answers.push({ externalId, status, at, tookMs: performance.now() - began })
    if (status !== 200) return
    history.acked.set(externalId, at)
    history.accepted.set(externalId, 1)
    const now = performance.now()
    longestGapMs = Math.max(longestGapMs, now - lastOkAt)
    lastOkAt = now
  }

  async function go(): Promise<void> {
    const began = performance.now()
    while (going) {
      // By the clock, not by pauses: a late timer must not lower the rate.
      const due = ((performance.now() - began) / 1000) * perSecond
      while (sent < due) {
        const one: Promise<void> = send(sent).finally(() => open.delete(one))
        open.add(one)
        sent += 1
      }
      await delay(1000 / perSecond)
    }
  }

  const sending = go()
  return {
    async end() {
      going = false
      await sending
      await Promise.all(open)
      for (const agent of agents) agent.destroy()
    },
    sent: () => sent,
    failures,
    longestGapMs: () => longestGapMs,
  }
}
