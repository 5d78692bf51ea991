/**
 * Twins: one message that comes by several routes without a common id (GoHighLevel's app webhook and
 * each workflow of it, Twilio under GoHighLevel, a mail to two of our addresses or forwarded from
 * EmailBison). Recognised by lead, channel, time, and text or the mail's own id; a message takes one
 * twin a route, so that a person's second "yes" a minute later is a message of its own. The twins'
 * keys are kept with the message: delivered again, each is a duplicate still.
 */
import { dedupeKeysOf, type Offered } from './offered.ts'

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

/** `stored`: what the database has of them, read with `storedTwinsSql`. */
export function openTwins(
  offered: Offered[],
  leadIds: (string | null)[],
  stored: StoredTwin[],
): Twins {
  const wanted = offered.map((each, index) => wantedOf(each, leadIds[index] ?? null))
  const candidates: Candidate[] = stored
    .map(({ body, sentAt, ...row }) => ({
      ...row,
      text: textOf(body),
      at: new Date(sentAt).getTime(),
    }))
    .toSorted((a, b) => a.at - b.at)
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
    watched: () => new Set(wanted.flatMap((mine) => (mine ? [mine.leadId] : []))),
  }
}

interface Wanted extends Omit<Candidate, 'messageId' | keyof TwinSignals> {
  keys: string[]
}

function wantedOf(each: Offered, leadId: string | null): Wanted | null {
  if (!leadId || !mayHaveTwin(each)) return null
  const { event, channel } = each
  const { route = '', rfcMessageId = null } = event.signals
  const text = textOf(event.body ?? '')
  return { leadId, channel, route, rfcMessageId, text, at: timeOf(each), keys: dedupeKeysOf(each) }
}

function mayHaveTwin({ event }: Offered): boolean {
  return Boolean(event.signals.route && event.direction === 'inbound' && event.body)
}

const timeOf = ({ event, receivedAt }: Offered) => (event.sentAt ?? receivedAt).getTime()

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

/** A message that came by a route, as the database has it. */
export interface StoredTwin extends Omit<Candidate, 'text' | 'at'> {
  body: string
  sentAt: string
}

/**
 * A `select` of one jsonb column, `twin`, a StoredTwin a row: of the people whom the events name,
 * messages that are recent, or have a twin that comes again. `first`: number of its first parameter
 * of `storedTwinsParams`.
 */
export const storedTwinsSql = (first: number) => {
  const param = (n: number) => `$${first + n}`
  return `
    select jsonb_build_object('messageId', message.id, 'leadId', message.lead_id,
      'channel', message.channel, 'route', message.signals ->> 'route',
      'rfcMessageId', message.signals ->> 'rfcMessageId', 'body', coalesce(message.body, ''),
      'sentAt', message.sent_at, 'twinKeys', coalesce(message.signals -> 'twinKeys', '[]'),
      'twinRoutes', coalesce(message.signals -> 'twinRoutes', '[]')) as twin
    from (
      select distinct owner.lead_id
      from unnest(${param(0)}::uuid[], ${param(1)}::text[], ${param(2)}::text[])
        as wanted (workspace_id, kind, value)
      cross join lateral (
        select lead_id from lead_identity as identity
        where identity.workspace_id = wanted.workspace_id and identity.kind = wanted.kind
          and identity.value = wanted.value
        limit 1
      ) as owner
    ) as person
    cross join lateral (
      select * from message
      where message.lead_id = person.lead_id and message.direction = 'inbound'
        and message.signals ? 'route'
        and message.sent_at between ${param(3)}::timestamptz and ${param(4)}::timestamptz
        and (message.sent_at >= ${param(5)}::timestamptz
          or message.signals -> 'twinKeys' ?| ${param(6)}::text[])
    ) as message`
}

export function storedTwinsParams(offered: Offered[]): unknown[] {
  const some = offered.filter(mayHaveTwin)
  const people = some.flatMap(({ workspaceId, event }) =>
    event.lead.identities.map((identity) => ({ workspaceId, ...identity })),
  )
  const times = some.map(timeOf)
  const earliest = times.length > 0 ? Math.min(...times) : 0
  const latest = times.length > 0 ? Math.max(...times) : 0
  return [
    people.map(({ workspaceId }) => workspaceId),
    people.map(({ kind }) => kind),
    people.map(({ value }) => value),
    new Date(earliest - REPEATED_MS_MAX).toISOString(),
    new Date(latest + APART_MS_MAX).toISOString(),
    new Date(earliest - APART_MS_MAX).toISOString(),
    some.flatMap(dedupeKeysOf),
  ]
}
