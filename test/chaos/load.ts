/**
 * The senders: bursts of generic webhooks from a few leads on all channels. What was not answered 200
 * is sent again with the same externalId, as providers do; some requests are cut on our side, and
 * some letters are sent once more although they were acknowledged.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../src/simulate/random.ts'
import type { History, Letter } from './history.ts'

export interface LoadOptions {
  random: Random
  history: History
  /** Distinguishes the letters of one load from another's. */
  name: string
  /** Where to send now; null while nobody listens. */
  target(): string | null
  /** Path per channel. */
  webhooks: Record<string, string>
  leads: number
  perSecond: number
}

export interface Load {
  /** No new letters; resolves with the ids of those that were not acknowledged within the limit. */
  settle(limitMs: number): Promise<string[]>
}

/** A sender gives up waiting for an answer after this. */
const ANSWER_LIMIT_MS = 8000
/** Open deliveries; beyond it the senders pause, so a dead service gathers no avalanche. */
const OPEN_MAX = 150
const CUT_SHARE = 0.03
const AGAIN_SHARE = 0.04

const phrases = [
  'What does it cost for forty people?',
  'Can we book a call next week?',
  'Interesting, tell me more about the integration',
  'We compare three vendors at the moment',
  'Who else in logistics uses it?',
  'Sounds good, send me the price list',
]

export function startLoad(options: LoadOptions): Load {
  const { random, history, name } = options
  const channels = Object.keys(options.webhooks)
  const open = new Map<string, Promise<void>>()
  let making = true
  let trying = true
  let count = 0

  function next(email: string): Letter {
    count += 1
    const externalId = `${name}-${count}`
    const body = `${random.pick(phrases)} (${count})`
    return { externalId, channel: random.pick(channels), email, body }
  }

  async function make(): Promise<void> {
    while (making) {
      const burst = Math.ceil(random.between(0, 5))
      const email = `lead-${Math.floor(random.between(0, options.leads))}@${name}.example`
      for (let sent = 0; sent < burst && making && open.size < OPEN_MAX; sent++) {
        const letter = next(email)
        history.letters.set(letter.externalId, letter)
        open.set(
          letter.externalId,
          deliver(letter).finally(() => open.delete(letter.externalId)),
        )
        await delay(random.between(0, 15))
      }
      // 3 letters a burst on average.
      await delay((3000 / options.perSecond) * random.between(0.4, 1.6))
    }
  }

  async function deliver(letter: Letter): Promise<void> {
    const again = random.chance(AGAIN_SHARE) ? 1 : 0
    let tries = 0
    for (let acks = 0; acks <= again && trying; ) {
      if (tries > 0) await delay(random.between(150, 900))
      tries += 1
      const cutAfterMs = random.chance(CUT_SHARE) ? random.between(1, 40) : ANSWER_LIMIT_MS
      if (await attempt(letter, cutAfterMs)) acks += 1
    }
  }

  async function attempt(letter: Letter, limitMs: number): Promise<boolean> {
    const target = options.target()
    if (target === null) return false
    const { externalId, email, body } = letter
    const at = Date.now()
    const began = performance.now()
    let status: number | null = null
    try {
      const response = await fetch(`${target}${options.webhooks[letter.channel]}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ externalId, body, lead: { email } }),
        signal: AbortSignal.timeout(limitMs),
      })
      // The status line alone is an acknowledgement: a sender need not read the body.
      status = response.status
      if (status === 200 && !history.acked.has(externalId)) history.acked.set(externalId, at)
      const answer = (await response.json()) as { status?: string }
      if (status === 200 && answer.status === 'accepted') {
        history.accepted.set(externalId, (history.accepted.get(externalId) ?? 0) + 1)
      }
    } catch {
      // Refused, reset or cut: the letter is sent again.
    }
    history.answers.push({ externalId, status, at, tookMs: performance.now() - began })
    return status === 200
  }

  const maker = make()
  return {
    async settle(limitMs) {
      making = false
      await maker
      const limit = new AbortController()
      const all = Promise.all(open.values())
      await Promise.race([all, delay(limitMs, undefined, { signal: limit.signal })])
      limit.abort()
      trying = false
      await Promise.all(open.values())
      return [...history.letters.keys()].filter((id) => !history.acked.has(id))
    },
  }
}
