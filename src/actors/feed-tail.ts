/**
 * The newest end of one workspace's feed in memory, and who listens to it: the position read so
 * far, the last events for clients that return soon, and the frames of each group of equal clients.
 * Sends, but reads nothing and keeps no time.
 */
import type { FeedPage } from '../domain/feed-log.ts'
import {
  closeCodes,
  type FeedFilter,
  type FeedPosition,
  filterKey,
  frames,
  matches,
  type ScoreEvent,
} from '../domain/feed-protocol.ts'

/** One client of the feed, whatever it is connected by. */
export interface FeedSubscriber {
  readonly id: string
  /** Principal.actor of who opened it. */
  readonly actor: string
  readonly workspaceId: string
  readonly filter: FeedFilter
  /** `slow`: more waits for it than may wait; nothing was sent. */
  send(text: string): 'ok' | 'slow'
  /** Bytes handed over and not yet taken by the network. */
  bufferedBytes(): number
  close(code: number, reason: string): void
}

export interface FeedStart {
  /** Where the feed stood when the client was greeted; it goes on from there unless it says else. */
  hello: FeedPosition
  since?: FeedPosition | undefined
  /** All leads first, then the stream from exactly that state; wins over `since`. */
  snapshot?: boolean | undefined
}

/** A subscriber and how far it has come. */
export interface Member {
  subscriber: FeedSubscriber
  filterKey: string
  epoch: string
  /** Last number that was looked at for it. */
  seen: number
  /** Watermark it knows; behind `seen` while everything since was filtered out. */
  told: number
  /** Catching up until then: the stream passes it by. */
  live: boolean
}

export interface Tail {
  workspaceId: string
  epoch: string
  seq: number
  /** The last events up to `seq`, oldest first; all of them after `floor`. */
  recent: EncodedEvent[]
  floor: number
  members: Set<Member>
  /** A batch waits for its window to end, or for a free read. */
  scheduled: boolean
  reading: boolean
  /** Woken while reading: that read may have been too early. */
  again: boolean
}

export interface EncodedEvent {
  event: ScoreEvent
  json: string
}

/** Reconnects within this many events cost no SQL. */
const RECENT_MAX = 2000

export function newMember(subscriber: FeedSubscriber, since: FeedPosition): Member {
  return {
    subscriber,
    filterKey: filterKey(subscriber.filter),
    epoch: since.epoch,
    seen: since.seq,
    told: since.seq,
    live: false,
  }
}

export function newTail(workspaceId: string, { epoch, seq }: FeedPosition): Tail {
  return {
    workspaceId,
    epoch,
    seq,
    recent: [],
    floor: seq,
    members: new Set(),
    scheduled: false,
    reading: false,
    again: false,
  }
}

export function encodeEvents(events: ScoreEvent[]): EncodedEvent[] {
  return events.map((event) => ({ event, json: JSON.stringify(event) }))
}

/** Takes what was read into the memory of recent events. */
export function extend(tail: Tail, page: FeedPage): EncodedEvent[] {
  const events = encodeEvents(page.events)
  tail.recent.push(...events)
  tail.seq = page.to
  const surplus = tail.recent.length - RECENT_MAX
  // Cut in big steps: not the whole array anew for each batch.
  if (surplus > RECENT_MAX / 4) {
    tail.floor = tail.recent[surplus - 1]?.event.seq as number
    tail.recent.splice(0, surplus)
  }
  return events
}

/** The numbers began anew (restored database): nothing remembered holds. */
export function restartTail(tail: Tail, { epoch, seq }: FeedPosition): void {
  tail.epoch = epoch
  tail.seq = seq
  tail.floor = seq
  tail.recent = []
}

/** True when everything the member lacks is in memory. One ahead of it, only the database can tell. */
export function covers(tail: Tail, { epoch, seen }: Member): boolean {
  return epoch === tail.epoch && seen >= tail.floor && seen <= tail.seq
}

/** The next events that the member lacks, out of memory; the last part goes up to `tail.seq`. */
export function remembered(
  tail: Tail,
  member: Member,
  limit: number,
): { events: EncodedEvent[]; to: number } {
  const start = firstAfter(tail.recent, member.seen)
  const events = tail.recent.slice(start, start + limit)
  const isLast = start + limit >= tail.recent.length
  return { events, to: isLast ? tail.seq : (events.at(-1)?.event.seq ?? tail.seq) }
}

function firstAfter(events: EncodedEvent[], seq: number): number {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((events[middle]?.event.seq ?? 0) <= seq) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Sends each member what it has not seen of `events`, which are all there are up to `to`. Members
 * in the same place with the same filter share one text. Answers those that are too slow.
 */
export function deliver(members: Iterable<Member>, events: EncodedEvent[], to: number): Member[] {
  const texts = new Map<string, string | null>()
  const slow: Member[] = []
  for (const member of members) {
    if (member.seen >= to) continue
    const key = `${member.told} ${member.seen} ${member.filterKey}`
    let text = texts.get(key)
    if (text === undefined) {
      text = frameFor(member, events, to)
      texts.set(key, text)
    }
    if (text !== null && member.subscriber.send(text) === 'slow') {
      slow.push(member)
      continue
    }
    member.seen = to
    if (text !== null) member.told = to
  }
  return slow
}

/** Null: all was filtered out; the watermark goes with the next batch or heartbeat. */
function frameFor(member: Member, events: EncodedEvent[], to: number): string | null {
  const { filter } = member.subscriber
  const wanted = events.filter(({ event }) => event.seq > member.seen && matches(event, filter))
  if (wanted.length === 0 && member.filterKey !== '') return null
  return frames.scores(
    member.told + 1,
    to,
    wanted.map(({ json }) => json),
  )
}

/** Tells each live member how far it has been served. Answers those that are too slow. */
export function sendHeartbeats(tail: Tail): Member[] {
  const slow: Member[] = []
  for (const member of tail.members) {
    if (!member.live) continue
    if (member.subscriber.send(frames.heartbeat(member.seen)) === 'slow') slow.push(member)
    else member.told = member.seen
  }
  return slow
}

export function closeSlow(subscriber: FeedSubscriber): void {
  subscriber.close(closeCodes.slow, 'too slow: resume from the last position')
}
