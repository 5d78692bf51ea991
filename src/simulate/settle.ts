/**
 * After the last answer: finds out which lead and which seq each accepted message became, and waits
 * until scores that cover them have arrived, or a time has passed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Api } from '../cli/api.ts'
import type { Person } from './people.ts'
import type { Sent } from './send.ts'
import type { ScoreArrival, Watch } from './watch.ts'

const LOOK_EVERY_MS = 250
const REQUESTS_MAX = 8

const messageSchema = z.object({
  id: z.string(),
  seq: z.number().nullish(),
  direction: z.string(),
  externalId: z.string().nullish(),
  receivedAt: z.string(),
})
type StoredMessage = z.infer<typeof messageSchema>
const leadSchema = z.object({ id: z.string() })

/** An accepted inbound message of the run. */
export interface Inbound {
  sent: Sent
  /** From sending its webhook to the arrival of the first score that covers it; null: none came. */
  scoredAfterMs: number | null
}

export interface SettleOptions {
  api: Api
  watch: Watch
  sent: readonly Sent[]
  /** What was received earlier is of another run. */
  startedAt: Date
  waitMs: number
  onProgress: (covered: number, inbound: number) => void
}

export interface Settled {
  /** With the answers that said nothing replaced by what was found stored. */
  sent: Sent[]
  inbound: Inbound[]
}

interface Place {
  leadId: string
  seq: number
}

export async function settle(options: SettleOptions): Promise<Settled> {
  const { api, watch, startedAt } = options
  const places = new Map<string, Place>()
  const stored = new Map<string, StoredMessage>()
  const looked = new Set<string>()

  /** Once is enough: nothing of ours is stored after its answer, and a seq never changes. */
  async function lookAt(leadIds: Iterable<string>): Promise<void> {
    const fresh = [...new Set(leadIds)].filter((leadId) => !looked.has(leadId))
    for (const leadId of fresh) looked.add(leadId)
    await eachOf(fresh, async (leadId) => {
      for (const message of await api.list(`/api/v1/leads/${leadId}/messages`, messageSchema)) {
        if (message.externalId) stored.set(message.externalId, message)
        if (message.seq != null) places.set(message.id, { leadId, seq: message.seq })
      }
    })
  }

  await lookAt(await leadsOf(api, silentPeople(options.sent)))
  const sent = attributed(options.sent, stored, startedAt)
  const waiting = sent.filter(isInbound)
  const deadline = performance.now() + options.waitMs
  for (;;) {
    await lookAt(watch.arrivals.keys())
    const inbound = waiting.map((each) => ({
      sent: each,
      scoredAfterMs: scoredAfterMs(each, places, watch.arrivals),
    }))
    const covered = inbound.filter((each) => each.scoredAfterMs !== null).length
    options.onProgress(covered, inbound.length)
    const isOver = performance.now() >= deadline || watch.lost() !== null
    if (covered === inbound.length || isOver) return { sent, inbound }
    await sleep(LOOK_EVERY_MS)
  }
}

const inboundOutcomes: ReadonlySet<string> = new Set(['message', 'auto_reply', 'opt_out', 'bounce'])

/** A repetition can overtake its original: then it is the one that was accepted. */
function isInbound({ status, delivery: { happening } }: Sent): boolean {
  const isOurs = happening.occasion === 'campaign' || happening.occasion === 'answer'
  const isMessage = inboundOutcomes.has(happening.outcome) || happening.outcome === 'duplicate'
  return status === 'accepted' && isMessage && !isOurs
}

function scoredAfterMs(
  { messageId, sentAt }: Sent,
  places: ReadonlyMap<string, Place>,
  arrivals: ReadonlyMap<string, readonly ScoreArrival[]>,
): number | null {
  const place = messageId === null ? undefined : places.get(messageId)
  if (!place) return null
  const score = arrivals.get(place.leadId)?.find(({ messageSeq }) => messageSeq >= place.seq)
  return score ? score.arrivedAt - sentAt : null
}

/** Whoever wrote through a provider whose answers say nothing (TwiML). */
function silentPeople(sent: readonly Sent[]): Person[] {
  const silent = sent.filter(({ status }) => status === 'unknown')
  return [...new Set(silent.map(({ delivery }) => delivery.person))]
}

async function leadsOf(api: Api, people: readonly Person[]): Promise<string[]> {
  const found: string[] = []
  await eachOf(people, async ({ phone }) => {
    const query = encodeURIComponent(phone)
    const leads = await api.list(`/api/v1/leads?q=${query}`, leadSchema)
    found.push(...leads.map(({ id }) => id))
  })
  return found
}

/**
 * What an answer without a status must have been, told by what is stored: a message received before
 * this run was a duplicate, one not stored at all was ignored if it should be.
 */
function attributed(
  sent: readonly Sent[],
  stored: ReadonlyMap<string, StoredMessage>,
  startedAt: Date,
): Sent[] {
  const accepted = new Set<string>()
  // In the order of sending, so that the first of two equal deliveries counts as the accepted one.
  return sent
    .toSorted((a, b) => a.sentAt - b.sentAt)
    .map((each): Sent => {
      if (each.status !== 'unknown') return each
      const { externalId, outcome } = each.delivery
      const message = externalId === null ? undefined : stored.get(externalId)
      if (!message) return outcome === 'ignored' ? { ...each, status: 'ignored' } : each
      const isOld = new Date(message.receivedAt) < startedAt
      const isFirst = !isOld && !accepted.has(message.id)
      accepted.add(message.id)
      return { ...each, status: isFirst ? 'accepted' : 'duplicate', messageId: message.id }
    })
}

async function eachOf<T>(list: readonly T[], work: (entry: T) => Promise<void>): Promise<void> {
  const left = list.values()
  const worker = async () => {
    for (const entry of left) await work(entry)
  }
  await Promise.all(Array.from({ length: REQUESTS_MAX }, worker))
}
