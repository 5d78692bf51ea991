/** What the feed does by the clock while it has members: poll and heartbeat. */
import { type FeedState, feedStates } from '../domain/feed-log.ts'
import type { Store } from '../domain/sql.ts'
import type { Self } from './actor.ts'
import { payOwed } from './feed-owed.ts'
import type { FeedMeters, FeedRoom } from './feed-room.ts'
import type { FeedStream } from './feed-stream.ts'
import { sendHeartbeats, type Tail } from './feed-tail.ts'

export type ClockMessage =
  | { type: 'poll' }
  | { type: 'positions'; asked: Tail[]; states: Map<string, FeedState> }
  | { type: 'poll failed'; error: unknown }
  | { type: 'heartbeat' }

export interface ClockOptions {
  store: Store
  room: FeedRoom
  stream: FeedStream
  meters: FeedMeters
  heartbeatMs: number
  pollMs: number
  onError(error: unknown): void
}

export interface FeedClock {
  /** A member came; does nothing when the clock runs. */
  start(): void
  handle(message: ClockMessage): void
}

export function feedClock(self: Self<ClockMessage>, options: ClockOptions): FeedClock {
  const { store, room, stream } = options
  /** Per timer, whether it waits or works: with nobody there each of them stops by itself. */
  const running = { poll: false, heartbeat: false }
  const everyMs = { poll: options.pollMs, heartbeat: options.heartbeatMs }

  function again(type: keyof typeof running): void {
    running[type] = room.tails().size > 0
    if (running[type]) self.after(everyMs[type], { type })
  }

  function poll(): void {
    const asked = [...room.tails().values()]
    const ids = asked.map(({ workspaceId }) => workspaceId)
    self.run(
      () => feedStates(store, ids),
      (states): ClockMessage => ({ type: 'positions', asked, states }),
      (error): ClockMessage => ({ type: 'poll failed', error }),
    )
  }

  function heartbeat(): void {
    for (const tail of [...room.tails().values()]) room.closeSlow(sendHeartbeats(tail))
  }

  return {
    start() {
      for (const type of ['poll', 'heartbeat'] as const) {
        if (!running[type]) again(type)
      }
    },
    handle(message) {
      switch (message.type) {
        case 'poll':
          payAll(options)
          poll()
          break
        case 'positions':
          stream.compare(message.states, message.asked)
          again('poll')
          break
        case 'poll failed':
          options.onError(message.error)
          again('poll')
          break
        case 'heartbeat':
          heartbeat()
          again('heartbeat')
          break
      }
    },
  }
}

/** Also when the database does not answer: what is owed is in memory. */
function payAll({ room, meters }: ClockOptions): void {
  const { late, merged } = payOwed(room.members())
  room.closeSlow(late)
  meters.merged += merged
}
