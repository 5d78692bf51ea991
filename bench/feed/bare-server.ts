/**
 * What the feed is measured against: a `ws` server that sends ready frames to all of its clients, as
 * the broadcast of its documentation does. It reads nothing, encodes nothing and knows no clients.
 */
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { cpuMs, serve } from './process.ts'

let server: WebSocketServer

const commands = {
  async start(): Promise<{ url: string }> {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await new Promise((resolve) => server.once('listening', resolve))
    return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` }
  },
  /** `prepared`: turned into bytes once, not by each `send`. */
  broadcast({ frames, prepared }: { frames: string[]; prepared: boolean }): void {
    for (const frame of frames) {
      const data = prepared ? Buffer.from(frame) : frame
      for (const client of server.clients) client.send(data, { binary: false })
    }
  },
  cpuMs,
}
export type BareServerCommands = typeof commands
serve(commands)
