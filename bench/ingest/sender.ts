/**
 * One HTTP/1.1 connection of the load, over a plain socket: a full client would cost more of the
 * machine than the servers it measures. One request at a time, answers with a Content-Length.
 */
import { connect, type Socket } from 'node:net'

export interface Sender {
  /** `dueAt`: when it should have been sent, `performance.now()`; latency counts from then. */
  send(request: string, dueAt: number): void
  close(): void
}

export interface Answer {
  status: number
  at: number
  tookMs: number
  /** Of an answer other than 200 that says so. */
  retryAfterMs: number | null
}

const HEADER_END = '\r\n\r\n'
const LENGTH = /\r\ncontent-length: (\d+)/i
const RETRY_AFTER = /\r\nretry-after: (\d+)/i

export async function openSender(
  port: number,
  onAnswer: (sender: Sender, answer: Answer) => void,
  onLost: (error: Error) => void,
): Promise<Sender> {
  let dueAt = 0
  let asked = false
  let text = ''
  let socket = await opened(port)
  const sender: Sender = {
    send(request, due) {
      dueAt = due
      asked = true
      if (socket.writable) socket.write(request)
      else reopen(request)
    },
    close() {
      socket.removeAllListeners('close')
      socket.destroy()
    },
  }
  /** A server may close a connection on which nothing is asked. */
  function reopen(request: string): void {
    opened(port).then((fresh) => {
      socket = fresh
      listen()
      socket.write(request)
    }, onLost)
  }
  function listen(): void {
    socket.on('error', () => {})
    socket.on('close', () => {
      if (asked) onLost(new Error('the server closed a connection instead of answering'))
    })
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const headEnd = text.indexOf(HEADER_END)
      if (headEnd < 0) return
      const head = text.slice(0, headEnd)
      const length = Number(LENGTH.exec(head)?.[1] ?? 0)
      if (text.length < headEnd + HEADER_END.length + length) return
      text = ''
      asked = false
      const at = performance.now()
      const status = Number(head.slice(9, 12))
      const retryAfter = status === 200 ? null : RETRY_AFTER.exec(head)?.[1]
      const retryAfterMs = retryAfter ? Number(retryAfter) * 1000 : null
      onAnswer(sender, { status, at, tookMs: at - dueAt, retryAfterMs })
    })
  }
  listen()
  return sender
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}
