/**
 * Server-sent events dressed as a socket, for networks that let no WebSocket through. Read by fetch
 * instead of EventSource, which can send no header and hides why it failed.
 */
import type { FeedSocket } from './feed-frames.ts'

export interface SseOptions {
  url: string
  fetch: typeof fetch
}

/** A connection that broke without a word, as a WebSocket tells it. */
const BROKEN = 1006

/** What the client would `send` is in the URL already. Closes with 4001 or 4003 when refused. */
export function sseSocket({ url, fetch: send }: SseOptions): FeedSocket {
  const abort = new AbortController()
  const socket: FeedSocket = {
    onmessage: null,
    onclose: null,
    onerror: null,
    send() {},
    close: () => abort.abort(),
  }
  let over = false
  const end = (code: number, reason: string) => {
    if (over) return
    over = true
    socket.onclose?.({ code, reason })
  }

  async function run(): Promise<void> {
    const response = await send(url, {
      headers: { accept: 'text/event-stream' },
      signal: abort.signal,
      cache: 'no-store',
    })
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      end(refusals[response.status] ?? BROKEN, `the server answered ${response.status}`)
      return
    }
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    let text = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) onEvent(event)
    }
  }

  function onEvent(event: string): void {
    const data = /^data: (.*)$/m.exec(event)?.[1]
    if (data === undefined || over) return
    if (/^event: close$/m.test(event)) {
      const { code, reason } = JSON.parse(data) as { code: number; reason: string }
      end(code, reason)
    } else {
      socket.onmessage?.({ data })
    }
  }

  run().then(
    () => end(BROKEN, ''),
    () => end(BROKEN, ''),
  )
  return socket
}

const refusals: Record<number, number> = { 401: 4001, 403: 4003 }
