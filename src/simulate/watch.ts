/**
 * Listens to the feed over WebSocket and notes when each score arrived: the end point of every
 * time this tool reports. A lost connection is resumed where it ended, so no event is missed.
 */
import { WebSocket } from 'ws'
import { z } from 'zod'
import { CommandError } from '../command-error.ts'

const HELLO_LIMIT_MS = 10_000
const RECONNECT_MS = 500
const RECONNECTS_MAX = 20

const frameSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), epoch: z.string(), seq: z.number() }),
  z.object({
    type: z.literal('scores'),
    to: z.number(),
    events: z.array(
      z.object({
        leadId: z.string(),
        messageSeq: z.number(),
        overallScore: z.number().nullable(),
      }),
    ),
  }),
  z.object({ type: z.literal('heartbeat'), seq: z.number() }),
  z.object({ type: z.literal('reset') }),
])

export interface ScoreArrival {
  /** The score covers the lead's messages up to this seq. */
  messageSeq: number
  /** `performance.now()` when the frame was here. */
  arrivedAt: number
}

export interface Watch {
  /** By lead, in the order of arrival. Grows while the watch is open. */
  arrivals: ReadonlyMap<string, readonly ScoreArrival[]>
  /** Why the feed is no longer listened to; null while it is. */
  lost(): string | null
  close(): void
}

interface WatchOptions {
  url: string
  token: string
}

/** Resolves once the feed is live. */
export async function watchScores(options: WatchOptions): Promise<Watch> {
  const arrivals = new Map<string, ScoreArrival[]>()
  let socket: WebSocket | null = null
  let position: { epoch: string; seq: number } | null = null
  let lost: string | null = null
  let closed = false
  let reconnects = 0
  let timer: NodeJS.Timeout | undefined

  function onFrame(data: unknown): 'hello' | null {
    const arrivedAt = performance.now()
    const frame = frameSchema.safeParse(jsonOf(data))
    // Frames of later versions are none of ours.
    if (!frame.success) return null
    switch (frame.data.type) {
      case 'hello':
        position ??= { epoch: frame.data.epoch, seq: frame.data.seq }
        return 'hello'
      case 'scores':
        for (const { leadId, messageSeq } of frame.data.events) {
          const seen = arrivals.get(leadId) ?? []
          seen.push({ messageSeq, arrivedAt })
          arrivals.set(leadId, seen)
        }
        if (position) position.seq = frame.data.to
        return null
      case 'heartbeat':
        if (position) position.seq = frame.data.seq
        return null
      case 'reset':
        // The service knows no more what was sent after our position, so scores may be missing.
        lost = 'the feed was reset'
        return null
    }
  }

  function connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => fail(`no hello within ${HELLO_LIMIT_MS} ms`), HELLO_LIMIT_MS)
      const opened = open(options)
      socket = opened
      const fail = (why: string) => {
        clearTimeout(limit)
        reject(new CommandError(`the feed at ${options.url} cannot be read: ${why}`))
        opened.terminate()
      }
      opened.on('message', (data) => {
        if (onFrame(data) !== 'hello') return
        clearTimeout(limit)
        // Also the first time: what is scored between hello and subscribe comes as well.
        opened.send(JSON.stringify({ type: 'subscribe', since: position }))
        resolve()
      })
      opened.on('error', (error) => fail(error.message))
      opened.on('close', (code) => {
        fail(`closed with ${code}`)
        if (socket === opened) resumeAfter(code)
      })
    })
  }

  function resumeAfter(code: number): void {
    if (closed || lost) return
    // 4000 to 4099: the service says that coming back is no use.
    if ((code >= 4000 && code < 4100) || reconnects >= RECONNECTS_MAX) {
      lost = `the feed was closed with ${code}`
      return
    }
    reconnects += 1
    // A failed attempt ends in its own close event, which comes here again.
    timer = setTimeout(() => connect().catch(() => undefined), RECONNECT_MS)
  }

  try {
    await connect()
  } catch (error) {
    closed = true
    clearTimeout(timer)
    throw error
  }
  return {
    arrivals,
    lost: () => lost,
    close() {
      closed = true
      clearTimeout(timer)
      socket?.close()
      // A service that hangs must not keep the tool from ending.
      socket?.terminate()
    },
  }
}

function open({ url, token }: WatchOptions): WebSocket {
  const address = `${url.replace(/^http/, 'ws')}/api/v1/feed/ws`
  return new WebSocket(address, ['leadpulse.feed.v1'], {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: HELLO_LIMIT_MS,
  })
}

function jsonOf(data: unknown): unknown {
  try {
    return JSON.parse(String(data))
  } catch {
    return null
  }
}
