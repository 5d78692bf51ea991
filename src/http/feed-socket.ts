/**
 * One WebSocket of the feed: greets, reads the client's frames within their limits, and stands for
 * the client as a subscriber of the hub. Who may have a socket at all is decided before the upgrade.
 */
import { v7 as uuidv7 } from 'uuid'
import type { WebSocket } from 'ws'
import type { FeedHub, FeedSubscriber } from '../actors/feed.ts'
import { closeCodes, type FeedFilter, frames, readClientFrame } from '../domain/feed-protocol.ts'
import type { Admission } from './feed-entrance.ts'
import type { FeedSession } from './feed-sessions.ts'

export interface SocketLimits {
  /** From the upgrade to the first `subscribe`. */
  subscribeWithinMs: number
  framesPerSecondMax: number
  /** Unsent bytes above which the client is too slow to serve. */
  bufferedBytesMax: number
}

export const socketLimits: SocketLimits = {
  subscribeWithinMs: 5000,
  framesPerSecondMax: 10,
  bufferedBytesMax: 1024 * 1024,
}

/** A close reason travels in a control frame. */
const REASON_BYTES_MAX = 123

/**
 * Members of a group get the same text one after the other: turned into bytes once for all of them,
 * instead of by each `send`.
 */
export function frameBytes(): (text: string) => Buffer {
  let last = ''
  let bytes = Buffer.alloc(0)
  return (text) => {
    if (text !== last) {
      last = text
      bytes = Buffer.from(text)
    }
    return bytes
  }
}

const AS_TEXT = { binary: false }

/** Attaches every handler before it returns: what the client has sent already is not lost. */
export function openSession(
  socket: WebSocket,
  { who, hello }: Admission,
  hub: FeedHub,
  { limits, bytesOf }: { limits: SocketLimits; bytesOf(text: string): Buffer },
): FeedSession {
  const id = uuidv7()
  const tooManyFrames = frameCounter(limits.framesPerSecondMax)
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
  let hasPong = true
  const deadline = setTimeout(() => {
    close(closeCodes.protocol, `subscribe: takes one within ${limits.subscribeWithinMs} ms`)
  }, limits.subscribeWithinMs)

  function close(code: number, reason: string): void {
    if (socket.readyState === socket.OPEN) socket.close(code, shortened(reason))
  }

  function subscriber(filter: FeedFilter): FeedSubscriber {
    return {
      id,
      workspaceId: who.workspaceId,
      filter,
      send(text) {
        if (socket.readyState !== socket.OPEN) return 'ok'
        if (socket.bufferedAmount > limits.bufferedBytesMax) return 'slow'
        socket.send(bytesOf(text), AS_TEXT)
        return 'ok'
      },
      bufferedBytes: () => socket.bufferedAmount,
      close,
    }
  }

  function onMessage(data: Buffer, isBinary: boolean): void {
    if (socket.readyState !== socket.OPEN) return
    if (tooManyFrames()) {
      close(closeCodes.protocol, `more than ${limits.framesPerSecondMax} frames in a second`)
      return
    }
    const frame = isBinary
      ? ({ type: 'invalid', reason: 'frame: takes text, not bytes' } as const)
      : readClientFrame(data.toString('utf8'))
    if (frame.type === 'invalid') {
      close(closeCodes.protocol, frame.reason)
    } else if (frame.type === 'subscribe') {
      clearTimeout(deadline)
      const { filter = {}, since, snapshot } = frame.subscribe
      hub.subscribe(subscriber(filter), { hello, since, snapshot })
    }
  }

  socket.on('message', onMessage)
  socket.on('pong', () => {
    hasPong = true
  })
  // The close follows by itself; without a listener the process would end.
  socket.on('error', () => socket.terminate())
  socket.on('close', () => {
    clearTimeout(deadline)
    hub.unsubscribe(id)
    onClosed()
  })
  socket.send(frames.hello(hello, hub.heartbeatMs))

  return {
    actor: who.actor,
    closed,
    ping() {
      if (!hasPong) {
        socket.terminate()
        return
      }
      hasPong = false
      if (socket.readyState === socket.OPEN) socket.ping()
    },
    close,
    terminate: () => socket.terminate(),
  }
}

/** True from the first frame on that is one too many in its second. */
function frameCounter(perSecondMax: number): () => boolean {
  let second = 0
  let count = 0
  return () => {
    const now = Math.floor(performance.now() / 1000)
    count = now === second ? count + 1 : 1
    second = now
    return count > perSecondMax
  }
}

function shortened(reason: string): string {
  const bytes = Buffer.from(reason)
  // Cut between characters: a torn one would become three bytes and be refused.
  return bytes.length <= REASON_BYTES_MAX
    ? reason
    : bytes
        .subarray(0, REASON_BYTES_MAX - 3)
        .toString('utf8')
        .replace(/\uFFFD+$/, '')
}
