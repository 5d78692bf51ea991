/**
 * Twins: one message that comes by several routes without a common id (GoHighLevel's app webhook and
 * each workflow of it, Twilio under GoHighLevel, a mail to two of our addresses or forwarded from
 * EmailBison). Recognised by lead, channel, time, and text or the mail's own id; a message takes one
 * twin a route, so that a person's second "yes" a minute later is a message of its own. The twins' keys are kept with the message: delivered again, each is a
 * duplicate still.
 */
import type { Sql } from '../sql.ts'
import { dedupeKeysOf } from './find-known.ts'
import type { Offered } from './offered.ts'

/** The routes' clocks and the wait of a workflow lie between the two. */
const APART_MS_MAX = 120_000
/** Providers send again for up to 75 hours. Without an end every message of the lead were read. */
const REPEATED_MS_MAX = 4 * 86_400_000

export interface Twins {
  /** The message that this event is another delivery of, or null. A message is answered once. */
  take(index: number): string | null
  /** An event of this group that is about to be stored, and may have its twin further on. */
  add(index: number, messageId: string): void
  /** Messages, stored or about to be, that have a twin more now: what it adds to their signals. */
  taken(): Map<string, TwinSignals>
  /** Leads of events that may have a twin: one that is stored meanwhile must not be missed. */
  watched(): Set<string>
}

/** Of a message's twins: the keys and the routes they came by. */
export interface TwinSignals {
  twinKeys: string[]
  twinRoutes: string[]
}

interface Candidate extends TwinSignals {
  messageId: string
  leadId: string
  channel: string
  route: string
  rfcMessageId: string | null
  text: string
  at: number
}

/** Reads nothing unless an event of the group came by a route that can have a twin. */
export async function findTwins(
  sql: Sql,
  offered: Offered[],
  leadIds: (string | null)[],
): Promise<Twins> {
  const wanted = offered.map((each, index) => wantedOf(each, leadIds[index] ?? null))
  const some = wanted.filter((each) => each !== null)
  const candidates = some.length > 0 ? await storedTwins(sql, some) : []
  const taken = new Map<string, TwinSignals>()
  return {
    take(index) {
      const mine = wanted[index]
      if (!mine) return null
      const again = candidates.find(({ twinKeys }) =>
        twinKeys.some((key) => mine.keys.includes(key)),
      )
      if (again) return again.messageId
      const twin = candidates.find((other) => isTwin(mine, other))
      if (!twin) return null
      const added = taken.get(twin.messageId) ?? { twinKeys: [], twinRoutes: [] }
      taken.set(twin.messageId, added)
      for (const signals of [twin, added]) {
        signals.twinKeys.push(...mine.keys)
        signals.twinRoutes.push(mine.route)
      }
      return twin.messageId
    },
    add(index, messageId) {
      const mine = wanted[index]
      if (mine) candidates.push({ ...mine, messageId, twinKeys: [], twinRoutes: [] })
    },
    taken: () => taken,
    watched: () => new Set(some.map(({ leadId }) => leadId)),
  }
}

interface Wanted extends Omit<Candidate, 'messageId' | keyof TwinSignals> {
  keys: string[]
}

function wantedOf(each: Offered, leadId: string | null): Wanted | null {
  const { event, channel, receivedAt } = each
  const { route, rfcMessageId = null } = event.signals
  if (!route || !leadId || event.direction !== 'inbound' || !event.body) return null
  const at = (event.sentAt ?? receivedAt).getTime()
  const text = textOf(event.body)
  return { leadId, channel, route, rfcMessageId, text, at, keys: dedupeKeysOf(each) }
}

const textOf = (body: string) => body.replace(/\s+/g, ' ').trim().toLowerCase()

function isTwin(mine: Wanted, other: Candidate): boolean {
  return (
    mine.leadId === other.leadId &&
    mine.channel === other.channel &&
    mine.route !== other.route &&
    !other.twinRoutes.includes(mine.route) &&
    (mine.text === other.text ||
      (mine.rfcMessageId !== null && mine.rfcMessageId === other.rfcMessageId)) &&
    Math.abs(mine.at - other.at) <= APART_MS_MAX
  )
}

/** Messages of these leads that came by a route: recent ones, and those with a twin that comes again. */
async function storedTwins(sql: Sql, wanted: Wanted[]): Promise<Candidate[]> {
  const earliest = Math.min(...wanted.map(({ at }) => at))
  const rows = await sql.query<Candidate & { body: string; at: string }>(
    `select message.id as "messageId", message.lead_id as "leadId", message.channel,
       message.signals ->> 'route' as route,
       message.signals ->> 'rfcMessageId' as "rfcMessageId", message.body, message.sent_at as at,
       coalesce(message.signals -> 'twinKeys', '[]') as "twinKeys",
       coalesce(message.signals -> 'twinRoutes', '[]') as "twinRoutes"
     from message
     where message.lead_id = any($1::uuid[]) and message.direction = 'inbound'
       and message.signals ? 'route'
       and message.sent_at between $2::timestamptz and $3::timestamptz
       and (message.sent_at >= $4::timestamptz or message.signals -> 'twinKeys' ?| $5::text[])
     order by message.sent_at`,
    [
      wanted.map(({ leadId }) => leadId),
      new Date(earliest - REPEATED_MS_MAX).toISOString(),
      new Date(Math.max(...wanted.map(({ at }) => at)) + APART_MS_MAX).toISOString(),
      new Date(earliest - APART_MS_MAX).toISOString(),
      wanted.flatMap(({ keys }) => keys),
    ],
  )
  return rows.map(({ body, at, ...row }) => ({
    ...row,
    text: textOf(body ?? ''),
    at: new Date(at).getTime(),
  }))
}
