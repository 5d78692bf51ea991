/**
 * Leaving the port before the server closes: nobody new is let in, so another process on the same
 * port or behind the same proxy takes over, while whoever is connected already is still served and
 * told to go (`connection: close`). Closing at once would refuse or cut deliveries on their way.
 */
import type { ServerResponse } from 'node:http'
import { Server, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** A sender that keeps its connection and is silent for this long finds it closed next time. */
const LINGER_MS = 2000

export interface Leaving {
  /** Resolves when the last HTTP client has gone, or after `limitMs`. Feed sockets stay. */
  leave(limitMs?: number): Promise<void>
  /** Another listening socket whose connections `app` serves: it closes with the first. */
  door(door: Server): void
  /** After `leave`: resolves when the connections of all doors have ended. */
  doorsClosed(): Promise<void>
}

export function openLeaving(app: FastifyInstance): Leaving {
  const clients = new Set<Socket>()
  const doors: Server[] = []
  const closed: Promise<void>[] = []
  let leaving = false
  let onEmpty = () => {}
  const gone = (socket: Socket) => {
    clients.delete(socket)
    if (clients.size === 0) onEmpty()
  }
  app.server.on('connection', (socket: Socket) => {
    clients.add(socket)
    socket.once('close', () => gone(socket))
  })
  // A feed socket is told to go by its own protocol, and later.
  app.server.on('upgrade', (_request, socket) => gone(socket as Socket))
  // In front of the framework's own listener, which may answer at once.
  app.server.prependListener('request', (_request, response: ServerResponse) => {
    if (leaving) response.setHeader('connection', 'close')
  })

  return {
    async leave(limitMs = LINGER_MS) {
      leaving = true
      // Not the HTTP server's own close: it cuts idle connections, on which a request may be on its way.
      Server.prototype.close.call(app.server)
      for (const door of doors) {
        closed.push(new Promise((resolve) => void door.close(() => resolve())))
      }
      if (clients.size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>()
        onEmpty = resolve
        const limit = setTimeout(resolve, limitMs)
        await promise
        clearTimeout(limit)
      }
      app.server.closeIdleConnections()
    },
    door: (door) => void doors.push(door),
    doorsClosed: async () => void (await Promise.all(closed)),
  }
}
