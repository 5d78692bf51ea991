/**
 * The feed: carries score events to whoever subscribes to their workspace. It tails the event log
 * by number, 25 ms a batch; a wake-up after a local commit makes it look at once, a poll each 250 ms
 * is the truth and finds what other processes scored.
 *
 * Guarantees: a subscriber gets every event of its workspace that passes its filter, once, in order.
 * Not guaranteed: a long life. One that is too slow, and all when the actor crashes or ends, are
 * closed with a code that means "resume from your position".
 */
import { type FeedPage, feedPositions, livingTokens, readFeed } from '../domain/feed-log.ts'
import { closeCodes, type FeedPosition, frames } from '../domain/feed-protocol.ts'
import type { Store } from '../domain/sql.ts'
import type { Behavior, Self } from './actor.ts'
import { type CatchUpMessage, type CatchUps, catchUps } from './feed-catch-up.ts'
import {
  closeSlow,
  deliver,
  extend,
  type FeedSubscriber,
  type Member,
  newMember,
  newTail,
  restartTail,
  sendHeartbeats,
  type Tail,
} from './feed-tail.ts'
import { type ActorSystem, defaultRestart } from './supervisor.ts'

export type { FeedSubscriber } from './feed-tail.ts'

export interface FeedStart {
  /** Where the feed stood when the client was greeted; it goes on from there unless it says else. */
  hello: FeedPosition
  since?: FeedPosition | undefined
  /** All leads first, then the stream from exactly that state; wins over `since`. */
  snapshot?: boolean | undefined
}

export interface FeedHub {
  /** The same id again replaces the subscription. */
  subscribe(subscriber: FeedSubscriber, start: FeedStart): void
  unsubscribe(id: string): void
  /** A score of the workspace was committed here. */
  wake(workspaceId: string): void
  /** Ends what a revoked token opened. */
  closeOf(actor: string): void
  /** `jitterMs`: the clients come back spread over this time. */
  closeAll(code: number, jitterMs: number): void
  meters(): FeedMeters
}

export interface FeedMeters {
  subscribers: number
  workspaces: number
  catchingUp: number
  batches: number
  events: number
  resets: number
  slowClosed: number
}

export interface FeedOptions {
  store: Store
  onError(error: unknown): void
  heartbeatMs?: number
  /** Between the commit and the frame; what is committed meanwhile goes into the same frame. */
  batchMs?: number
  pollMs?: number
  recheckMs?: number
  random?: () => number
}

type Message =
  | CatchUpMessage
  | { type: 'subscribe'; subscriber: FeedSubscriber; start: FeedStart }
  | { type: 'unsubscribe'; id: string }
  | { type: 'wake'; workspaceId: string }
  | { type: 'close'; actor: string | null; code: number; reason: () => string }
  | { type: 'batch'; tail: Tail }
  | { type: 'read'; tail: Tail; page: FeedPage | null }
  | { type: 'read failed'; tail: Tail; error: unknown }
  | { type: 'poll' }
  | { type: 'positions'; positions: Map<string, FeedPosition> }
  | { type: 'poll failed'; error: unknown }
  | { type: 'heartbeat' }
  | { type: 'recheck' }
  | { type: 'tokens'; asked: string[]; living: Set<string> }
  | { type: 'recheck failed'; error: unknown }

export const FEED_HEARTBEAT_MS = 25_000
const BATCH_MS = 25
const POLL_MS = 250
/** A token that another process revoked: its sockets live at most this long. */
const RECHECK_MS = 5000
/** Rows of one batch; a longer backlog takes several, one after the other. */
const BATCH_ROWS_MAX = 500
/** Workspaces read at once; the others wait for their turn. */
const READS_MAX = 4
/** A crashed feed is back after a second; clients spread over the two that follow. */
const RESTART_JITTER_MS = 3000

export function feedActor(system: ActorSystem, options: FeedOptions): FeedHub {
  const { random = Math.random } = options
  const meters: FeedMeters = {
    subscribers: 0,
    workspaces: 0,
    catchingUp: 0,
    batches: 0,
    events: 0,
    resets: 0,
    slowClosed: 0,
  }
  /** Workspaces whose wake-up waits in the mailbox: one is enough. */
  const woken = new Set<string>()
  const retryIn = (jitterMs: number) => JSON.stringify({ retryMs: Math.ceil(random() * jitterMs) })
  const sendAway = (subscriber: FeedSubscriber) =>
    subscriber.close(closeCodes.restart, retryIn(RESTART_JITTER_MS))
  const actor = system.spawn<Message>({
    name: 'feed',
    restart: defaultRestart,
    incarnate: (self) => behavior(self, { options, meters, woken, sendAway }),
    onLost(messages) {
      woken.clear()
      for (const message of messages) {
        if (message.type === 'subscribe') sendAway(message.subscriber)
      }
    },
  })
  return {
    subscribe(subscriber, start) {
      if (!actor.tell({ type: 'subscribe', subscriber, start })) sendAway(subscriber)
    },
    unsubscribe: (id) => void actor.tell({ type: 'unsubscribe', id }),
    wake(workspaceId) {
      if (meters.workspaces === 0 || woken.has(workspaceId)) return
      if (actor.tell({ type: 'wake', workspaceId })) woken.add(workspaceId)
    },
    closeOf(name) {
      const reason = () => 'the token was revoked'
      actor.tell({ type: 'close', actor: name, code: closeCodes.unauthorized, reason })
    },
    closeAll(code, jitterMs) {
      actor.tell({ type: 'close', actor: null, code, reason: () => retryIn(jitterMs) })
    },
    meters: () => ({ ...meters }),
  }
}

interface Context {
  options: FeedOptions
  meters: FeedMeters
  woken: Set<string>
  sendAway(subscriber: FeedSubscriber): void
}

function behavior(self: Self<Message>, context: Context): Behavior<Message> {
  const { options, meters, woken, sendAway } = context
  const room = openRoom(meters)
  const catching = catchUps(self, {
    store: options.store,
    isGone: (member) => !room.has(member),
    leave: room.leave,
    onError: options.onError,
    onReset: () => void (meters.resets += 1),
  })
  const stream = openStream(self, context, room, catching)
  const clock = openClock(self, context, room, stream)

  return {
    dispose() {
      for (const { subscriber } of room.members()) sendAway(subscriber)
      Object.assign(meters, { subscribers: 0, workspaces: 0, catchingUp: 0 })
    },
    handle(message) {
      switch (message.type) {
        case 'subscribe': {
          const { subscriber, start } = message
          const { tail, member } = room.enter(subscriber, start)
          catching.start(member, tail, { snapshot: start.snapshot === true })
          clock.start()
          break
        }
        case 'unsubscribe':
          room.leaveById(message.id)
          break
        case 'wake':
          woken.delete(message.workspaceId)
          stream.schedule(room.tailOf(message.workspaceId))
          break
        case 'close':
          room.closeWhere(message.actor, message.code, message.reason)
          break
        case 'batch':
        case 'read':
        case 'read failed':
          stream.handle(message)
          break
        case 'poll':
        case 'positions':
        case 'poll failed':
        case 'heartbeat':
        case 'recheck':
        case 'tokens':
        case 'recheck failed':
          clock.handle(message)
          break
        default:
          catching.handle(message)
      }
      meters.catchingUp = catching.waiting()
    },
  }
}
