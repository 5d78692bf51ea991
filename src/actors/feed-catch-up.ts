/**
 * Brings a feed member from its position to the live stream in bounded pages: out of memory where
 * that reaches, else from the database, with a snapshot first where one is asked for or needed. It
 * joins in the same step in which nothing is missing any more, so without gap or repeat, and is told
 * so by a heartbeat. A database that fails is asked again; the position is never lost.
 */
import { type FeedPage, readFeed, readSnapshot, type Snapshot } from '../domain/feed-log.ts'
import { frames, resetReason } from '../domain/feed-protocol.ts'
import type { Store } from '../domain/sql.ts'
import type { Self } from './actor.ts'
import { readLane } from './feed-lane.ts'
import { encodeEvents, type Member } from './feed-member.ts'
import type { FeedMeters, FeedRoom } from './feed-room.ts'
import { covers, deliver, remembered, type Tail, tellWatermark } from './feed-tail.ts'

export type CatchUpMessage =
  | { type: 'catch up'; job: CatchUp }
  | { type: 'caught'; job: CatchUp; found: FeedPage | Snapshot | null }
  | { type: 'catch-up failed'; job: CatchUp; error: unknown }

export interface CatchUp {
  member: Member
  tail: Tail
  /** `after`: id of the last lead sent; null before the first page. Null: no snapshot (any more). */
  snapshot: { after: string | null } | null
  /** Steps waited in a row for the client to take what it was sent. */
  waits: number
}

export interface CatchUpOptions {
  store: Store
  room: FeedRoom
  meters: FeedMeters
  onError(error: unknown): void
}

export interface CatchUps {
  start(member: Member, tail: Tail, options: { snapshot: boolean }): void
  handle(message: CatchUpMessage): void
  waiting(): number
}

const PAGE_ROWS = 200
/** Reads at once: a storm of reconnects must leave connections for the scores themselves. */
const READS_MAX = 2
/** Above this much unsent, the next page waits. */
const BUFFERED_BYTES_MAX = 256 * 1024
const WAIT_MS = 50
/** 30 s behind its own catch-up: the client is too slow. */
const WAITS_MAX = 600
const RETRY_MS = 500

export function catchUps(self: Self<CatchUpMessage>, options: CatchUpOptions): CatchUps {
  const { store, room, onError } = options
  const lane = readLane<CatchUp>(READS_MAX, (job) => {
    const isThere = room.has(job.member)
    if (isThere) read(self, store, job)
    return isThere
  })

  /** Goes on with a job whose member is still there. */
  function step(job: CatchUp): void {
    const { member, tail } = job
    if (!room.has(member) || mustWait(job)) return
    if (job.snapshot || !covers(tail, member)) {
      lane.add(job)
      return
    }
    const { events, to } = remembered(tail, member, PAGE_ROWS)
    if (deliver([member], events, to).length > 0) room.closeSlow([member])
    else if (member.seen < tail.seq) step(job)
    else join(member)
  }

  /** The first watermark at once: all of it may have been filtered out, and it is a place to resume. */
  function join(member: Member): void {
    member.live = true
    if (tellWatermark(member) === 'slow') room.closeSlow([member])
  }

  function mustWait(job: CatchUp): boolean {
    if (job.member.subscriber.bufferedBytes() <= BUFFERED_BYTES_MAX) {
      job.waits = 0
      return false
    }
    job.waits += 1
    if (job.waits > WAITS_MAX) room.closeSlow([job.member])
    else self.after(WAIT_MS, { type: 'catch up', job })
    return true
  }

  function onRead(job: CatchUp, found: FeedPage | Snapshot | null): void {
    if (!room.has(job.member)) return
    if (!found) {
      room.closeGone(job.tail)
      return
    }
    const outcome = 'leads' in found ? sendLeads(job, found) : sendEvents(job, found, options)
    if (outcome === 'slow') room.closeSlow([job.member])
    else if (outcome === 'joined') join(job.member)
    else if (outcome === 'more') step(job)
    else self.after(WAIT_MS, { type: 'catch up', job })
  }

  return {
    start: (member, tail, { snapshot }) =>
      step({ member, tail, snapshot: snapshot ? { after: null } : null, waits: 0 }),
    waiting: lane.waiting,
    handle(message) {
      if (message.type === 'catch up') {
        step(message.job)
        return
      }
      if (message.type === 'caught') {
        onRead(message.job, message.found)
      } else {
        onError(message.error)
        self.after(RETRY_MS, { type: 'catch up', job: message.job })
      }
      lane.done()
    },
  }
}

function read(self: Self<CatchUpMessage>, store: Store, job: CatchUp): void {
  const { workspaceId } = job.tail
  const { snapshot, member } = job
  self.run<FeedPage | Snapshot | null>(
    () =>
      snapshot
        ? readSnapshot(store, { workspaceId, limit: PAGE_ROWS, after: snapshot.after })
        : readFeed(store, { workspaceId, afterSeq: member.seen, limit: PAGE_ROWS }),
    (found): CatchUpMessage => ({ type: 'caught', job, found }),
    (error): CatchUpMessage => ({ type: 'catch-up failed', job, error }),
  )
}

/** `later`: the stream has yet to learn what this read knows. */
type Outcome = 'slow' | 'joined' | 'more' | 'later'

function sendEvents(job: CatchUp, page: FeedPage, { meters }: CatchUpOptions): Outcome {
  const { member, tail } = job
  const reason = resetReason({ epoch: member.epoch, seq: member.seen }, page)
  if (reason) {
    meters.resets += 1
    job.snapshot = { after: null }
    return member.subscriber.send(frames.reset(reason)) === 'ok' ? 'more' : 'slow'
  }
  if (deliver([member], encodeEvents(page.events), page.to).length > 0) return 'slow'
  if (page.epoch !== tail.epoch) return 'later'
  // It may be ahead of the stream now, which then passes by what it has seen.
  return page.to >= page.head && page.to >= tail.seq ? 'joined' : 'more'
}

function sendLeads(job: CatchUp, { position, leads, next }: Snapshot): Outcome {
  const { member } = job
  if (job.snapshot?.after == null) {
    member.epoch = position.epoch
    member.seen = position.seq
    member.told = position.seq
  }
  const { epoch, seen: seq } = member
  job.snapshot = next === null ? null : { after: next }
  const text = frames.snapshot({ epoch, seq }, leads, next !== null)
  // Only the last page puts the client at its position: before, it has but a part of the leads.
  const place = next === null ? { epoch, seq } : undefined
  return member.subscriber.send(text, place) === 'ok' ? 'more' : 'slow'
}
