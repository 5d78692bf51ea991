/**
 * The feed's language, `leadpulse.feed.v1`: events, frames in both directions and close codes, the
 * same over every transport. Within v1 fields and frame types may be added, never changed.
 */
import { z } from 'zod'
import { type Channel, channels } from './channels/inbound-event.ts'
import type { SentimentTag } from './sentiment-tag.ts'

export const FEED_PROTOCOL = 'leadpulse.feed.v1'

/** 4000–4099 do not come back · 4100–4199 come back later · 4200–4299 come back now. */
export const closeCodes = {
  unauthorized: 4001,
  forbidden: 4003,
  protocol: 4009,
  overload: 4100,
  slow: 4108,
  restart: 4212,
} as const

/** A place in a workspace's feed. Numbers of different epochs have nothing to do with each other. */
export interface FeedPosition {
  epoch: string
  seq: number
}

/** The state of one lead after one score; a later event of the lead replaces it entirely. */
export interface ScoreEvent {
  seq: number
  leadId: string
  leadName: string
  channel: Channel | null
  /** Null scores: the lead went back to unscored. */
  fitScore: number | null
  intentScore: number | null
  overallScore: number | null
  previousOverallScore: number | null
  scoreReasoning: string | null
  sentimentTag: SentimentTag
  /** ISO 8601 with Z. */
  scoredAt: string
  model: string
  /** By the rules, in the place of a model that the AI budget did not allow. */
  provisional: boolean
  /** message_seq of the lead that the score covers. */
  messageSeq: number
}

/** A lead as a snapshot tells it. */
export interface SnapshotLead {
  id: string
  name: string
  company: string | null
  title: string | null
  channel: Channel | null
  sentimentTag: SentimentTag
  fitScore: number | null
  intentScore: number | null
  overallScore: number | null
  scoreReasoning: string | null
  scoredAt: string | null
  scoredBy: string | null
  provisional: boolean
  disqualifiedReason: string | null
  lastActivityAt: string
  /** message_seq that the scores cover: an event of the lead with a lower one is older news. */
  messageSeq: number
}

/** Why a client cannot go on from where it was. */
export type ResetReason = 'epoch' | 'ahead' | 'retention'

/** Null: it can go on. */
export function resetReason(
  since: FeedPosition,
  now: { epoch: string; head: number; oldest: number },
): ResetReason | null {
  if (since.epoch !== now.epoch) return 'epoch'
  if (since.seq > now.head) return 'ahead'
  return since.seq + 1 < now.oldest ? 'retention' : null
}

const leadId = z.guid('takes the id of a lead').toLowerCase().optional()
const channel = z.enum(channels, `takes one of ${channels.join(', ')}`).optional()
const overallTakes = 'takes 1, 2, 3 or 4'
const overall = z.int(overallTakes).min(1, overallTakes).max(4, overallTakes)

/** The filter as query parameters, which are texts. */
export const filterQueryFields = {
  leadId,
  minOverall: z.coerce.number(overallTakes).pipe(overall).optional(),
  channel,
}
const filterSchema = z.object(
  { leadId, minOverall: overall.optional(), channel },
  'takes an object',
)
export type FeedFilter = z.output<typeof filterSchema>

export function matches(event: ScoreEvent, filter: FeedFilter): boolean {
  const { leadId, minOverall, channel } = filter
  return (
    (leadId === undefined || event.leadId === leadId) &&
    (channel === undefined || event.channel === channel) &&
    (minOverall === undefined || (event.overallScore !== null && event.overallScore >= minOverall))
  )
}

/** Equal text for equal filters; empty when nothing is filtered. */
export function filterKey({ leadId, minOverall, channel }: FeedFilter): string {
  const parts = [leadId, minOverall, channel]
  return parts.every((part) => part === undefined) ? '' : JSON.stringify(parts)
}

const seqTakes = 'takes a whole number, 0 or more'
const subscribeSchema = z.object({
  type: z.literal('subscribe'),
  since: z
    .object(
      {
        epoch: z.guid('takes the epoch of a hello').toLowerCase(),
        seq: z.int(seqTakes).min(0, seqTakes),
      },
      'takes an object',
    )
    .optional(),
  snapshot: z.boolean('takes true or false').optional(),
  filter: filterSchema.optional(),
})
export type Subscribe = z.output<typeof subscribeSchema>

export type ClientFrame =
  | { type: 'subscribe'; subscribe: Subscribe }
  /** Of a later version; ignored. */
  | { type: 'unknown' }
  /** `reason` names the field. */
  | { type: 'invalid'; reason: string }

export function readClientFrame(text: string): ClientFrame {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return { type: 'invalid', reason: 'frame: takes JSON' }
  }
  const envelope = z.object({ type: z.string() }).safeParse(frame)
  if (!envelope.success) return { type: 'invalid', reason: 'type: takes a text' }
  if (envelope.data.type !== 'subscribe') return { type: 'unknown' }
  const parsed = subscribeSchema.safeParse(frame)
  if (parsed.success) return { type: 'subscribe', subscribe: parsed.data }
  const [issue] = parsed.error.issues
  return { type: 'invalid', reason: `${issue?.path.join('.') || 'frame'}: ${issue?.message}` }
}

export const frames = {
  hello: ({ epoch, seq }: FeedPosition, heartbeatMs: number) =>
    JSON.stringify({ type: 'hello', epoch, seq, heartbeatMs }),
  snapshot: ({ epoch, seq }: FeedPosition, leads: SnapshotLead[], more: boolean) =>
    JSON.stringify({ type: 'snapshot', epoch, seq, leads, more }),
  /** `events` are JSON texts: an event is encoded once, however many frames it goes into. */
  scores: (from: number, to: number, events: string[], merged = 0) => {
    const also = merged > 0 ? `,"merged":${merged}` : ''
    return `{"type":"scores","from":${from},"to":${to}${also},"events":[${events.join(',')}]}`
  },
  heartbeat: (seq: number) => `{"type":"heartbeat","seq":${seq}}`,
  reset: (reason: ResetReason) => JSON.stringify({ type: 'reset', reason }),
}
