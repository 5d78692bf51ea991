/**
 * One HTTP/1.1 connection of the load, over a plain socket: a full client would cost more of the
 * machine than the servers it measures. One request at a time, answers with a Content-Length.
 */
import { connect } from 'node:net'

export interface Sender {
  /** `dueAt`: when it should have been sent, `performance.now()`; latency counts from then. */
  send(request: string, dueAt: number): void
  close(): void
}

export interface Answer {
  status: number
  at: number
  tookMs: number
  retryAfter: boolean
}

const HEADER_END = '\r\n\r\n'
const LENGTH = /\r\ncontent-length: (\d+)/i

export function openSender(
  port: number,
  onAnswer: (sender: Sender, answer: Answer) => void,
  onLost: (error: Error) => void,
): Promise<Sender> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let dueAt = 0
    let text = ''
    const sender: Sender = {
      send(request, due) {
        dueAt = due
        socket.write(request)
      },
      close() {
        socket.removeAllListeners('close')
        socket.destroy()
      },
    }
    socket.once('connect', () => resolve(sender))
    socket.once('error', reject)
    socket.once('close', () => onLost(new Error('the server closed a connection')))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const headEnd = text.indexOf(HEADER_END)
      if (headEnd < 0) return
      const head = text.slice(0, headEnd)
      const length = Number(LENGTH.exec(head)?.[1] ?? 0)
      if (text.length < headEnd + HEADER_END.length + length) return
      text = ''
      const at = performance.now()
      const status = Number(head.slice(9, 12))
      const retryAfter = status !== 200 && /\r\nretry-after: \d/i.test(head)
      onAnswer(sender, { status, at, tookMs: at - dueAt, retryAfter })
    })
  })
}
