/** A feed client that survives its server: reconnects where it was, and knows what it missed. */
import { WebSocket } from 'ws'
import { z } from 'zod'
import { ADMIN_TOKEN, type Post } from './fleet.ts'

const frameSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), epoch: z.string(), seq: z.number() }),
  z.object({
    type: z.literal('scores'),
    to: z.number(),
    events: z.array(z.object({ seq: z.number() })),
    merged: z.number().optional(),
  }),
  z.object({ type: z.literal('heartbeat'), seq: z.number() }),
  z.object({ type: z.literal('reset'), reason: z.string() }),
])

export interface FeedFollower {
  name: string
  received(): number
  reconnects(): number
  /** What is wrong with what came, given the number of the last event. */
  findings(last: number): string[]
  /** Everything up to this number was sent here. */
  isAt(last: number): boolean
  close(): void
}

const RECONNECT_MS = 200

/** Follows from the beginning of the feed. */
export function followFeed(at: Post): FeedFollower {
  const seqs: number[] = []
  const odd: string[] = []
  let position: { epoch: string; seq: number } | null = null
  let socket: WebSocket | null = null
  let connects = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined

  function connect(): void {
    const url = at.url()
    if (url === null) {
      later()
      return
    }
    const opened = new WebSocket(
      `${url.replace(/^http/, 'ws')}/api/v1/feed/ws`,
      ['leadpulse.feed.v1'],
      { headers: { authorization: `Bearer ${ADMIN_TOKEN}` }, handshakeTimeout: 3000 },
    )
    socket = opened
    opened.on('open', () => {
      connects += 1
    })
    opened.on('message', (data) => onFrame(opened, String(data)))
    opened.on('error', () => undefined)
    opened.on('close', later)
  }
  function later(): void {
    if (!closed) timer = setTimeout(connect, RECONNECT_MS)
  }

  function onFrame(from: WebSocket, text: string): void {
    const parsed = frameSchema.safeParse(JSON.parse(text))
    if (!parsed.success) return
    const frame = parsed.data
    switch (frame.type) {
      case 'hello':
        position ??= { epoch: frame.epoch, seq: 0 }
        from.send(JSON.stringify({ type: 'subscribe', since: position }))
        break
      case 'scores':
        seqs.push(...frame.events.map(({ seq }) => seq))
        if (frame.merged) odd.push(`${frame.merged} events were merged`)
        if (position) position.seq = frame.to
        break
      case 'heartbeat':
        if (position) position.seq = Math.max(position.seq, frame.seq)
        break
      case 'reset':
        odd.push(`the feed was reset (${frame.reason})`)
        break
    }
  }

  connect()
  return {
    name: at.name,
    received: () => seqs.length,
    reconnects: () => Math.max(0, connects - 1),
    isAt: (last) => (position?.seq ?? 0) >= last,
    findings(last) {
      const missed = Array.from({ length: last }, (_, index) => index + 1).filter(
        (seq) => !seqs.includes(seq),
      )
      const unordered = seqs.filter((seq, index) => index > 0 && seq <= (seqs[index - 1] ?? 0))
      return [
        ...odd,
        ...(missed.length > 0 ? [`missed ${missed.length}: ${missed.slice(0, 10)}`] : []),
        ...(unordered.length > 0 ? [`twice or out of order: ${unordered.slice(0, 10)}`] : []),
      ].map((finding) => `feed client of ${at.name}: ${finding}`)
    },
    close() {
      closed = true
      clearTimeout(timer)
      socket?.terminate()
    },
  }
}
