/**
 * The live stream: reads each workspace's new events by number and hands them to its live members.
 * One read per workspace at a time, a few at once; a failed one leaves the position where it was.
 */
import { type FeedPage, type FeedState, readFeed } from '../domain/feed-log.ts'
import { frames } from '../domain/feed-protocol.ts'
import type { Store } from '../domain/sql.ts'
import type { Self } from './actor.ts'
import type { CatchUps } from './feed-catch-up.ts'
import { readLane } from './feed-lane.ts'
import type { EncodedEvent } from './feed-member.ts'
import type { FeedMeters, FeedRoom } from './feed-room.ts'
import { deliver, extend, forgetErased, restartTail, type Tail } from './feed-tail.ts'
import type { CoveringScore, Traces } from './observer.ts'

export type StreamMessage =
  | { type: 'batch'; tail: Tail }
  | { type: 'read'; tail: Tail; page: FeedPage | null }
  | { type: 'read failed'; tail: Tail; error: unknown }

export interface StreamOptions {
  store: Store
  room: FeedRoom
  meters: FeedMeters
  catching: CatchUps
  batchMs: number
  onError(error: unknown): void
  /** Absent: nobody traces. */
  traces?: Pick<Traces, 'covered'> | undefined
}

export interface FeedStream {
  /** Something was committed: read when the batch's time is over. */
  schedule(workspaceId: string): void
  /** This is where the workspaces are in truth; reads those whose tail is elsewhere. */
  compare(states: Map<string, FeedState>, asked: Tail[]): void
  handle(message: StreamMessage): void
}

/** Rows of one batch; a longer backlog takes several, one after the other. */
const BATCH_ROWS_MAX = 500
/** Workspaces read at once; the others wait for their turn. */
const READS_MAX = 4

export function feedStream(self: Self<StreamMessage>, options: StreamOptions): FeedStream {
  const { store, room, meters, catching } = options
  const isGone = (tail: Tail) => room.tails().get(tail.workspaceId) !== tail
  const lane = readLane<Tail>(READS_MAX, (tail) => {
    if (isGone(tail)) return false
    const { workspaceId, seq: afterSeq } = tail
    self.run(
      () => readFeed(store, { workspaceId, afterSeq, limit: BATCH_ROWS_MAX }),
      (page): StreamMessage => ({ type: 'read', tail, page }),
      (error): StreamMessage => ({ type: 'read failed', tail, error }),
    )
    return true
  })

  function readSoon(tail: Tail): void {
    if (tail.reading) {
      // That read may have been too early.
      tail.again = true
      return
    }
    tail.reading = true
    lane.add(tail)
  }

  function onRead(tail: Tail, page: FeedPage | null): void {
    if (isGone(tail)) return
    if (!page) room.closeGone(tail)
    else if (page.epoch !== tail.epoch || page.head < tail.seq) startOver(tail, page)
    else takeOver(tail, page)
  }

  function takeOver(tail: Tail, page: FeedPage): void {
    if (page.to > tail.seq) {
      const events = extend(tail, page)
      const live = [...tail.members].filter((member) => member.live)
      room.closeSlow(deliver(live, events, page.to))
      if (live.length > 0) options.traces?.covered(sent(events, live.length))
      meters.batches += 1
      meters.events += events.length
    }
    if (page.to < page.head || tail.again) {
      tail.again = false
      readSoon(tail)
    }
  }

  /** The database was restored: numbers that clients have seen will be given to other events. */
  function startOver(tail: Tail, { epoch, head }: FeedPage): void {
    const reason = epoch === tail.epoch ? 'ahead' : 'epoch'
    restartTail(tail, { epoch, seq: head })
    for (const member of [...tail.members]) {
      if (!member.live) continue
      meters.resets += 1
      member.live = false
      member.owed = null
      if (member.subscriber.send(frames.reset(reason)) === 'slow') room.closeSlow([member])
      else catching.start(member, tail, { snapshot: true })
    }
  }

  return {
    schedule(workspaceId) {
      const tail = room.tails().get(workspaceId)
      if (!tail || tail.scheduled) return
      tail.scheduled = true
      self.after(options.batchMs, { type: 'batch', tail })
    },
    compare(states, asked) {
      for (const tail of asked) {
        const state = states.get(tail.workspaceId)
        if (isGone(tail)) continue
        if (!state) {
          room.closeGone(tail)
          continue
        }
        forgetErased(tail, state.erasures)
        if (state.epoch !== tail.epoch || state.seq !== tail.seq) readSoon(tail)
      }
    },
    handle(message) {
      const { tail } = message
      if (message.type === 'batch') {
        tail.scheduled = false
        readSoon(tail)
        return
      }
      tail.reading = false
      if (message.type === 'read') {
        onRead(tail, message.page)
      } else {
        // The next poll asks again; at once would only add to what ails the database.
        tail.again = false
        options.onError(message.error)
      }
      lane.done()
    },
  }
}

/** A span for each event, from the commit of its score to its frames. */
function sent(events: EncodedEvent[], clients: number): CoveringScore[] {
  const toMs = Date.now()
  const attributes = { 'leadpulse.feed_clients': clients }
  return events.map(({ event: { leadId, messageSeq, scoredAt } }) => ({
    leadId,
    seen: messageSeq,
    spans: [{ name: 'feed', fromMs: Date.parse(scoredAt), toMs, attributes }],
  }))
}
