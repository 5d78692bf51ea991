/**
 * The ingest actor of one channel: takes offers and group-commits them. A group is whatever waits
 * when a turn to commit is free, so a lone offer never waits and a burst shares its commits, with
 * the other channels, too (`shared-commits.ts`). One group is under way at a time: that keeps the
 * order of a lead's messages.
 *
 * Guarantees: an offer is settled exactly once, `stored` only after its own COMMIT; a row that the
 * database refuses fails alone, because a failed group is split; a crash settles what was open as
 * `unavailable`, and the sender's retry meets the dedupe key.
 */
import type { Channel } from '../domain/channels/inbound-event.ts'
import type { Offered, Stored } from '../domain/ingest/offered.ts'
import { codeOf } from '../domain/sql.ts'
import type { Behavior, Self } from './actor.ts'
import type { Backlog } from './ingest-backlog.ts'
import { isRefusal, type SharedCommits } from './shared-commits.ts'
import { type ActorMeters, type ActorSystem, defaultRestart } from './supervisor.ts'

export type OfferResult =
  | { outcome: 'stored'; stored: Stored[] }
  /** The database is away or the actor ended: the sender should come again. */
  | { outcome: 'unavailable' }
  /** The database refuses these very rows: sending them again cannot help. */
  | { outcome: 'unstorable'; reason: string }

export interface ChannelIngest {
  /** Null at once when too much waits already; else settles when the offer's fate is durable. */
  offer(offered: Offered[]): Promise<OfferResult> | null
  /** Whether an offer would be refused now: to be asked before anything is read or parsed. */
  isFull(): boolean
  /** Resolves when no offer is open; call after the intake has stopped. */
  drained(): Promise<void>
  stop(): void
  meters(): ActorMeters & { open: number }
}

export interface IngestOptions {
  system: ActorSystem
  commits: SharedCommits
  /** This channel's part of what all of them have open. */
  backlog: Backlog
  /** After a commit that wrote jobs for this channel. */
  onCommitted(channel: Channel): void
  onError(channel: Channel, error: unknown): void
}

interface Offer {
  offered: Offered[]
  settle(result: OfferResult): void
}

type Message =
  | { type: 'offer'; offer: Offer }
  | { type: 'committed'; group: Offer[]; stored: Stored[] }
  | { type: 'failed'; group: Offer[]; error: unknown }

/**
 * A database that hangs must not hold senders until they give up: they are sent away. Should their
 * commit be under way and come through after all, their retry is a duplicate; what was waiting for
 * its turn is let go, or it would be stored before those who are still there.
 */
const OFFER_WAIT_MS = 1500

export function channelIngest(channel: Channel, options: IngestOptions): ChannelIngest {
  const { backlog } = options
  const open = new Set<Offer>()
  let onDrained: (() => void)[] = []
  const actor = options.system.spawn<Message>({
    name: `ingest-${channel}`,
    restart: defaultRestart,
    incarnate: (self) => groupCommits(self, channel, options, open),
  })

  return {
    offer(offered) {
      if (backlog.isFull()) return null
      return new Promise((resolve) => {
        const waited = setTimeout(() => offer.settle({ outcome: 'unavailable' }), OFFER_WAIT_MS)
        const offer: Offer = {
          offered,
          settle(result) {
            if (!open.delete(offer)) return
            clearTimeout(waited)
            backlog.left(offer)
            resolve(result)
            if (open.size > 0) return
            for (const resume of onDrained) resume()
            onDrained = []
          },
        }
        open.add(offer)
        backlog.joined(offer, offered.length)
        if (!actor.tell({ type: 'offer', offer })) offer.settle({ outcome: 'unavailable' })
      })
    },
    isFull: () => backlog.isFull(),
    drained: () =>
      open.size === 0 ? Promise.resolve() : new Promise((resolve) => void onDrained.push(resolve)),
    stop: () => actor.stop(),
    meters: () => ({ ...actor.meters(), open: open.size }),
  }
}

function failAll(open: Set<Offer>): void {
  for (const offer of [...open]) offer.settle({ outcome: 'unavailable' })
}

function groupCommits(
  self: Self<Message>,
  channel: Channel,
  options: IngestOptions,
  open: Set<Offer>,
): Behavior<Message> {
  /** Groups to commit: new offers join the last one, halves of a failed one stand in front. */
  let waiting: Offer[] = []
  const halves: Offer[][] = []
  let committing = false

  function fill(): void {
    if (committing || halves.length + waiting.length === 0) return
    committing = true
    let group: Offer[] = []
    self.run(
      () =>
        options.commits.commit((rowsMax) => {
          group = (halves.shift() ?? takeGroup(rowsMax)).filter((offer) => open.has(offer))
          return group.flatMap(({ offered }) => offered)
        }),
      (stored): Message => ({ type: 'committed', group, stored }),
      (error): Message => ({ type: 'failed', group, error }),
    )
  }

  function takeGroup(rowsMax: number): Offer[] {
    let rows = 0
    let count = 0
    for (const { offered } of waiting) {
      rows += offered.length
      if (count > 0 && rows > rowsMax) break
      count += 1
    }
    const group = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return group
  }

  function settle(group: Offer[], stored: Stored[]): void {
    options.backlog.stored(group)
    let from = 0
    for (const offer of group) {
      const until = from + offer.offered.length
      offer.settle({ outcome: 'stored', stored: stored.slice(from, until) })
      from = until
    }
    if (stored.some((each) => each.status === 'accepted' && each.inbound)) {
      options.onCommitted(channel)
    }
  }

  function fail(group: Offer[], error: unknown): void {
    if (!isRefusal(error)) {
      options.onError(channel, error)
      for (const offer of group) offer.settle({ outcome: 'unavailable' })
    } else if (group.length > 1) {
      const middle = Math.ceil(group.length / 2)
      halves.push(group.slice(0, middle), group.slice(middle))
    } else {
      options.onError(channel, error)
      group[0]?.settle({ outcome: 'unstorable', reason: `database refuses it (${codeOf(error)})` })
    }
  }

  return {
    handle(message) {
      switch (message.type) {
        case 'offer':
          waiting.push(message.offer)
          break
        case 'committed':
          committing = false
          settle(message.group, message.stored)
          break
        case 'failed':
          committing = false
          fail(message.group, message.error)
          break
      }
      fill()
    },
    dispose() {
      // A turn that comes after the end is to take nothing.
      waiting = []
      halves.length = 0
      failAll(open)
    },
  }
}
