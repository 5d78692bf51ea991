/**
 * The feed: carries score events to whoever subscribes to their workspace. It tails the event log
 * by number, 25 ms a batch; a wake-up after a local commit makes it look at once, a poll each 250 ms
 * is the truth and finds what other processes scored.
 *
 * Guarantees: a subscriber gets every event of its workspace that passes its filter, once, in order.
 * A slow one gets the newest event of each lead and the number of those merged.
 * Not guaranteed: a long life. One that stays too slow, and all when the actor crashes or ends, are
 * closed with a code that means "resume from your position".
 */
import { closeCodes } from '../domain/feed-protocol.ts'
import type { Store } from '../domain/sql.ts'
import type { Behavior, Self } from './actor.ts'
import { type CatchUpMessage, catchUps } from './feed-catch-up.ts'
import { type ClockMessage, feedClock } from './feed-clock.ts'
import type { FeedStart, FeedSubscriber } from './feed-member.ts'
import { type FeedMeters, feedRoom } from './feed-room.ts'
import { feedStream, type StreamMessage } from './feed-stream.ts'
import type { Traces } from './observer.ts'
import { type ActorSystem, defaultRestart } from './supervisor.ts'

export type { FeedStart, FeedSubscriber } from './feed-member.ts'
export type { FeedMeters } from './feed-room.ts'

export interface FeedHub {
  /** Between the heartbeats of a subscription. */
  readonly heartbeatMs: number
  /** The same id again replaces the subscription. */
  subscribe(subscriber: FeedSubscriber, start: FeedStart): void
  unsubscribe(id: string): void
  /** A score of the workspace was committed here. */
  wake(workspaceId: string): void
  /** `jitterMs`: the clients come back spread over this time. */
  closeAll(code: number, jitterMs: number): void
  meters(): FeedMeters
}

export interface FeedOptions {
  store: Store
  onError(error: unknown): void
  heartbeatMs?: number
  /** Between the commit and the frame; what is committed meanwhile goes into the same frame. */
  batchMs?: number
  pollMs?: number
  random?: () => number
  /** Absent: nobody traces. */
  traces?: Pick<Traces, 'covered'> | undefined
}

type Message =
  | CatchUpMessage
  | StreamMessage
  | ClockMessage
  | { type: 'subscribe'; subscriber: FeedSubscriber; start: FeedStart }
  | { type: 'unsubscribe'; id: string }
  | { type: 'wake'; workspaceId: string }
  | { type: 'close'; code: number; reason: () => string }

const FEED_HEARTBEAT_MS = 25_000
const BATCH_MS = 25
const POLL_MS = 250
/** A crashed feed is back after a second; its clients come back spread over the next. */
const RESTART_MS = { min: 1000, jitter: 2000 }

export function feedActor(system: ActorSystem, options: FeedOptions): FeedHub {
  const { random = Math.random, heartbeatMs = FEED_HEARTBEAT_MS } = options
  const meters: FeedMeters = {
    subscribers: 0,
    workspaces: 0,
    catchingUp: 0,
    batches: 0,
    events: 0,
    resets: 0,
    slowClosed: 0,
    merged: 0,
  }
  /** Workspaces whose wake-up waits in the mailbox: one is enough. */
  const woken = new Set<string>()
  const retryIn = (jitterMs: number, minMs = 0) =>
    JSON.stringify({ retryMs: minMs + Math.ceil(random() * jitterMs) })
  const sendAway = (subscriber: FeedSubscriber) =>
    subscriber.close(closeCodes.restart, retryIn(RESTART_MS.jitter, RESTART_MS.min))
  const actor = system.spawn<Message>({
    name: 'feed',
    restart: defaultRestart,
    incarnate: (self) => behavior(self, { options, heartbeatMs, meters, woken, sendAway }),
    onLost(messages) {
      woken.clear()
      for (const message of messages) {
        if (message.type === 'subscribe') sendAway(message.subscriber)
      }
    },
  })
  return {
    heartbeatMs,
    subscribe(subscriber, start) {
      if (!actor.tell({ type: 'subscribe', subscriber, start })) sendAway(subscriber)
    },
    unsubscribe: (id) => void actor.tell({ type: 'unsubscribe', id }),
    wake(workspaceId) {
      if (woken.has(workspaceId)) return
      // First noted, then sent: an idle actor handles it within this call.
      woken.add(workspaceId)
      if (!actor.tell({ type: 'wake', workspaceId })) woken.delete(workspaceId)
    },
    closeAll(code, jitterMs) {
      actor.tell({ type: 'close', code, reason: () => retryIn(jitterMs) })
    },
    meters: () => ({ ...meters }),
  }
}

interface Context {
  heartbeatMs: number
  options: FeedOptions
  meters: FeedMeters
  woken: Set<string>
  sendAway(subscriber: FeedSubscriber): void
}

function behavior(self: Self<Message>, context: Context): Behavior<Message> {
  const { options, heartbeatMs, meters, woken, sendAway } = context
  const { store, onError } = options
  const room = feedRoom(meters)
  const catching = catchUps(self, { store, room, meters, onError })
  const { batchMs = BATCH_MS, traces } = options
  const stream = feedStream(self, { store, room, meters, catching, batchMs, onError, traces })
  const clock = feedClock(self, {
    store,
    room,
    stream,
    meters,
    heartbeatMs,
    pollMs: options.pollMs ?? POLL_MS,
    onError,
  })

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
          stream.schedule(message.workspaceId)
          break
        case 'close':
          room.closeAll(message.code, message.reason)
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
          clock.handle(message)
          break
        default:
          catching.handle(message)
      }
      meters.catchingUp = catching.waiting()
    },
  }
}
