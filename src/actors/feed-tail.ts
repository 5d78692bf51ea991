/**
 * The newest end of one workspace's feed in memory, and who listens to it: the position read so
 * far, the last events for clients that return soon, and the frames of each group of equal clients.
 * Sends, but reads nothing and keeps no time.
 */
import type { FeedPage } from '../domain/feed-log.ts'
import { closeCodes, type FeedPosition, frames, matches } from '../domain/feed-protocol.ts'
import {
  type EncodedEvent,
  encodeEvents,
  type FeedSubscriber,
  type Member,
  sendTo,
} from './feed-member.ts'

import { isCongested, owe } from './feed-owed.ts'

export interface Tail {
  workspaceId: string
  epoch: string
  seq: number
  /** The last events up to `seq`, oldest first; all of them after `floor`. */
  recent: EncodedEvent[]
  floor: number
  /** As of what is remembered; null: not known yet. */
  erasures: number | null
  members: Set<Member>
  /** A batch waits for its window to end, or for a free read. */
  scheduled: boolean
  reading: boolean
  /** Woken while reading: that read may have been too early. */
  again: boolean
}

/** Reconnects within this many events cost no SQL. */
const RECENT_MAX = 2000

export function newTail(workspaceId: string, { epoch, seq }: FeedPosition): Tail {
  return {
    workspaceId,
    epoch,
    seq,
    recent: [],
    floor: seq,
    erasures: null,
    members: new Set(),
    scheduled: false,
    reading: false,
    again: false,
  }
}

/** Takes what was read into the memory of recent events. */
export function extend(tail: Tail, page: FeedPage): EncodedEvent[] {
  const events = encodeEvents(page.events)
  if (page.erasures < (tail.erasures ?? 0)) {
    // Read before somebody was erased: it may hold what is to be forgotten.
    tail.recent = []
    tail.seq = page.to
    tail.floor = page.to
    return events
  }
  forgetErased(tail, page.erasures)
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

/**
 * Somebody was erased, here or by another process: whose events they are is not known any more, so
 * none is remembered, and those who return read what is left from the database.
 */
export function forgetErased(tail: Tail, erasures: number): void {
  if (tail.erasures === erasures) return
  tail.erasures = erasures
  tail.recent = []
  tail.floor = tail.seq
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
  const textFor = frameTexts(events, to)
  const slow: Member[] = []
  for (const member of members) {
    if (member.seen >= to) continue
    const text = textFor(member)
    if (member.live && (member.owed || isCongested(member.subscriber, text))) {
      if (!owe(member, wantedBy(member, events))) slow.push(member)
      member.seen = to
      continue
    }
    if (text !== null && sendTo(member, text, to) === 'slow') {
      slow.push(member)
      continue
    }
    member.seen = to
    if (text !== null) member.told = to
  }
  return slow
}

type Place = Pick<Member, 'told' | 'seen' | 'filterKey'>

/** Most members are where the one before them was: they cost no look-up. */
function frameTexts(events: EncodedEvent[], to: number): (member: Member) => string | null {
  const texts = new Map<string, string | null>()
  let before: Place | null = null
  let text: string | null = null
  return (member) => {
    const { told, seen, filterKey } = member
    if (before?.told === told && before.seen === seen && before.filterKey === filterKey) return text
    before = { told, seen, filterKey }
    const key = `${told} ${seen} ${filterKey}`
    const known = texts.get(key)
    text = known === undefined ? frameFor(member, events, to) : known
    texts.set(key, text)
    return text
  }
}

function wantedBy({ seen, subscriber }: Member, events: EncodedEvent[]): EncodedEvent[] {
  return events.filter(({ event }) => event.seq > seen && matches(event, subscriber.filter))
}

/** Null: all was filtered out; the watermark goes with the next batch or heartbeat. */
function frameFor(member: Member, events: EncodedEvent[], to: number): string | null {
  const wanted = wantedBy(member, events)
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
  for (const member of tail.members) if (tellWatermark(member) === 'slow') slow.push(member)
  return slow
}

export function tellWatermark(member: Member): 'ok' | 'slow' {
  // Owed events come first, or the watermark would promise what was not sent.
  if (!member.live || member.owed) return 'ok'
  if (sendTo(member, frames.heartbeat(member.seen), member.seen) === 'slow') return 'slow'
  member.told = member.seen
  return 'ok'
}

export function closeSlow(subscriber: FeedSubscriber): void {
  subscriber.close(closeCodes.slow, 'too slow: resume from the last position')
}
