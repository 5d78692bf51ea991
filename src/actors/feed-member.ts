/** One client of the feed as the hub knows it, whatever it is connected by, and how far it has come. */
import {
  type FeedFilter,
  type FeedPosition,
  filterKey,
  type ScoreEvent,
} from '../domain/feed-protocol.ts'

export interface FeedSubscriber {
  readonly id: string
  readonly workspaceId: string
  readonly filter: FeedFilter
  /**
   * `slow`: more waits for it than may wait; nothing was sent. `position`: where a client that has
   * taken this frame stands.
   */
  send(text: string, position?: FeedPosition): 'ok' | 'slow'
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
  /** Owed to it while its network takes nothing more. */
  owed: Owed | null
}

export interface Owed {
  /** By lead, in the order of their numbers. */
  newest: Map<string, EncodedEvent>
  /** Events that a newer one of their lead replaced. */
  merged: number
  /** performance.now() of the first event that had to wait. */
  sinceMs: number
}

export interface EncodedEvent {
  event: ScoreEvent
  json: string
}

export function encodeEvents(events: ScoreEvent[]): EncodedEvent[] {
  return events.map((event) => ({ event, json: JSON.stringify(event) }))
}

export function newMember(subscriber: FeedSubscriber, since: FeedPosition): Member {
  return {
    subscriber,
    filterKey: filterKey(subscriber.filter),
    epoch: since.epoch,
    seen: since.seq,
    told: since.seq,
    live: false,
    owed: null,
  }
}

export function sendTo(member: Member, text: string, to: number): 'ok' | 'slow' {
  return member.subscriber.send(text, { epoch: member.epoch, seq: to })
}
