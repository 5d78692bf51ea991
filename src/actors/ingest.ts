/**
 * The ingest actor of one channel: takes offers and group-commits them. A group is whatever waits
 * when a commit slot is free, so a lone offer never waits and a burst shares its commits.
 *
 * Guarantees: an offer is settled exactly once, `stored` only after its own COMMIT; a row that the
 * database refuses fails alone, because a failed group is split; a crash settles what was open as
 * `unavailable`, and the sender's retry meets the dedupe key.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Channel } from '../domain/channels/inbound-event.ts'
import { LostRaceError } from '../domain/ingest/lost-race.ts'
import type { Offered, Stored } from '../domain/ingest/offered.ts'
import { type EnqueuePostProcess, storeGroup } from '../domain/ingest/store-group.ts'
import { codeOf, type Sql } from '../domain/sql.ts'
import type { Behavior, Self } from './actor.ts'
import { type Backlog, openBacklog } from './ingest-backlog.ts'
import type { Observer } from './observer.ts'
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
  store: Sql
  enqueue: EnqueuePostProcess
  /** After a commit that wrote jobs for this channel. */
  onCommitted(channel: Channel): void
  onError(channel: Channel, error: unknown): void
  observer?: Pick<Observer, 'group'>
}

interface Offer {
  offered: Offered[]
  settle(result: OfferResult): void
}

type Message =
  | { type: 'offer'; offer: Offer }
  | { type: 'committed'; group: Offer[]; stored: Stored[] }
  | { type: 'failed'; group: Offer[]; error: unknown }

/** One statement's worth of rows: larger groups gain nothing and hold their locks longer. */
const GROUP_ROWS_MAX = 500
/**
 * Of one channel; five channels keep two processors busy. With two the groups are half as large, and
 * a group's own cost, not its rows, is what the database is short of (bench/README.md).
 */
const COMMITS_MAX = 1
/** Groups that lose as often met a hot lead; their senders come again. */
const RACES_MAX = 8
/** Two groups that met are not to meet again; a commit takes about as long. */
const RACE_DELAY_MS = 3
/**
 * A database that hangs must not hold senders until they give up: they are sent away. Should the
 * commit come through after all, their retry is a duplicate.
 */
const OFFER_WAIT_MS = 1500

export function channelIngest(channel: Channel, options: IngestOptions): ChannelIngest {
  const open = new Set<Offer>()
  const backlog = openBacklog(() => performance.now())
  let onDrained: (() => void)[] = []
  const actor = options.system.spawn<Message>({
    name: `ingest-${channel}`,
    restart: defaultRestart,
    incarnate: (self) => groupCommits(self, channel, { ...options, backlog }, () => failAll(open)),
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
  options: IngestOptions & { backlog: Backlog },
  onEnd: () => void,
): Behavior<Message> {
  /** Groups to commit: new offers join the last one, halves of a failed one stand in front. */
  let waiting: Offer[] = []
  const halves: Offer[][] = []
  let committing = 0

  function fill(): void {
    while (committing < COMMITS_MAX) {
      const group = halves.shift() ?? takeGroup()
      if (group.length === 0) return
      committing += 1
      self.run(
        () => commit(channel, group, options),
        (stored): Message => ({ type: 'committed', group, stored }),
        (error): Message => ({ type: 'failed', group, error }),
      )
    }
  }

  function takeGroup(): Offer[] {
    let rows = 0
    let count = 0
    for (const { offered } of waiting) {
      rows += offered.length
      if (count > 0 && rows > GROUP_ROWS_MAX) break
      count += 1
    }
    const group = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return group
  }

  function settle(group: Offer[], stored: Stored[]): void {
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
          committing -= 1
          settle(message.group, message.stored)
          break
        case 'failed':
          committing -= 1
          fail(message.group, message.error)
          break
      }
      fill()
    },
    dispose: onEnd,
  }
}

async function commit(
  channel: Channel,
  group: Offer[],
  { store, enqueue, backlog, observer }: IngestOptions & { backlog: Backlog },
): Promise<Stored[]> {
  const offered = group.flatMap((offer) => offer.offered)
  const begun = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      const stored = await storeGroup(store, offered, enqueue)
      const ms = performance.now() - begun
      backlog.committed(offered.length, ms)
      observer?.group(channel, offered.length, ms)
      return stored
    } catch (error) {
      if (!(error instanceof LostRaceError) || attempt >= RACES_MAX) throw error
      await delay(Math.random() * RACE_DELAY_MS * attempt)
    }
  }
}

/** Classes 22 (data exception), 23 (constraint), 54 (limit): the rows are at fault, not the server. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof LostRaceError) && /^(22|23|54)/.test(codeOf(error) ?? '')
}
