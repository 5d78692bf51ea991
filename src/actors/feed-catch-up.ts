/**
 * Brings a feed member from its position to the live stream in bounded pages: out of memory where
 * that reaches, else from the database, with a snapshot first where one is asked for or needed. It
 * joins in the same step in which nothing is missing any more, so without gap or repeat. A database
 * that fails is asked again; the position is never lost.
 */
import { type FeedPage, readFeed, readSnapshot, type Snapshot } from '../domain/feed-log.ts'
import { closeCodes, frames, resetReason } from '../domain/feed-protocol.ts'
import type { Store } from '../domain/sql.ts'
import type { Self } from './actor.ts'
import {
  closeSlow,
  covers,
  deliver,
  encodeEvents,
  type Member,
  remembered,
  type Tail,
} from './feed-tail.ts'

export type CatchUpMessage =
  | { type: 'catch up'; job: CatchUp }
  | { type: 'events read'; job: CatchUp; page: FeedPage | null }
  | { type: 'leads read'; job: CatchUp; snapshot: Snapshot | null }
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
  /** Members of a closed subscription: nothing is sent to them any more. */
  isGone(member: Member): boolean
  leave(member: Member): void
  onError(error: unknown): void
  onReset(): void
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
  const { store, isGone } = options
  const queue: CatchUp[] = []
  let reads = 0

  function step(job: CatchUp): void {
    const { member, tail } = job
    if (isGone(member)) return
    while (!job.snapshot && covers(tail, member)) {
      if (mustWait(job)) return
      const { events, to } = remembered(tail, member, PAGE_ROWS)
      if (deliver([member], events, to).length > 0) return tooSlow(member)
      if (member.seen >= tail.seq) {
        member.live = true
        return
      }
    }
    if (mustWait(job)) return
    queue.push(job)
    readNext()
  }

  function mustWait(job: CatchUp): boolean {
    if (job.member.subscriber.bufferedBytes() <= BUFFERED_BYTES_MAX) {
      job.waits = 0
      return false
    }
    job.waits += 1
    if (job.waits > WAITS_MAX) tooSlow(job.member)
    else self.after(WAIT_MS, { type: 'catch up', job })
    return true
  }

  function tooSlow(member: Member): void {
    options.leave(member)
    closeSlow(member.subscriber)
  }

  function readNext(): void {
    while (reads < READS_MAX) {
      const job = queue.shift()
      if (!job) return
      if (isGone(job.member)) continue
      reads += 1
      read(self, store, job)
    }
  }

  function onEvents(job: CatchUp, page: FeedPage | null): void {
    const { member } = job
    if (isGone(member)) return
    if (!page) return closeGone(member, options)
    const reason = resetReason({ epoch: member.epoch, seq: member.seen }, page)
    if (reason) {
      options.onReset()
      if (member.subscriber.send(frames.reset(reason)) === 'slow') return tooSlow(member)
      job.snapshot = { after: null }
      return step(job)
    }
    if (deliver([member], encodeEvents(page.events), page.to).length > 0) return tooSlow(member)
    if (page.epoch !== job.tail.epoch) {
      // The stream has yet to learn that the numbers began anew.
      self.after(WAIT_MS, { type: 'catch up', job })
    } else if (page.to >= page.head && page.to >= job.tail.seq) {
      // Perhaps ahead of the stream, which then passes by what the member has seen.
      member.live = true
    } else step(job)
  }

  function onLeads(job: CatchUp, snapshot: Snapshot | null): void {
    const { member } = job
    if (isGone(member)) return
    if (!snapshot) return closeGone(member, options)
    if (job.snapshot?.after == null) {
      member.epoch = snapshot.position.epoch
      member.seen = snapshot.position.seq
      member.told = snapshot.position.seq
    }
    const position = { epoch: member.epoch, seq: member.seen }
    const text = frames.snapshot(position, snapshot.leads, snapshot.next !== null)
    if (member.subscriber.send(text) === 'slow') return tooSlow(member)
    job.snapshot = snapshot.next === null ? null : { after: snapshot.next }
    step(job)
  }

  return {
    start: (member, tail, { snapshot }) =>
      step({ member, tail, snapshot: snapshot ? { after: null } : null, waits: 0 }),
    waiting: () => queue.length,
    handle(message) {
      if (message.type !== 'catch up') reads -= 1
      switch (message.type) {
        case 'catch up':
          step(message.job)
          break
        case 'events read':
          onEvents(message.job, message.page)
          break
        case 'leads read':
          onLeads(message.job, message.snapshot)
          break
        case 'catch-up failed':
          options.onError(message.error)
          self.after(RETRY_MS, { type: 'catch up', job: message.job })
          break
      }
      readNext()
    },
  }
}

function read(self: Self<CatchUpMessage>, store: Store, job: CatchUp): void {
  const { workspaceId } = job.tail
  const { snapshot, member } = job
  const failed = (error: unknown): CatchUpMessage => ({ type: 'catch-up failed', job, error })
  if (snapshot) {
    self.run(
      () => readSnapshot(store, { workspaceId, limit: PAGE_ROWS, after: snapshot.after }),
      (leads): CatchUpMessage => ({ type: 'leads read', job, snapshot: leads }),
      failed,
    )
  } else {
    self.run(
      () => readFeed(store, { workspaceId, afterSeq: member.seen, limit: PAGE_ROWS }),
      (page): CatchUpMessage => ({ type: 'events read', job, page }),
      failed,
    )
  }
}

function closeGone(member: Member, options: CatchUpOptions): void {
  options.leave(member)
  member.subscriber.close(closeCodes.forbidden, 'the workspace is gone')
}
