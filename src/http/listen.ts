/** Opens the port; what keeps it from opening is an operator's matter and said in one line. */
import cluster from 'node:cluster'
import { createServer, type Server, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { StartupError } from '../startup-error.ts'
import type { Leaving } from './leave.ts'

/**
 * Connections that the system completes before they are accepted. Node's 511 is soon full when
 * senders that open one per webhook burst; what is beyond comes again after 1, 3 and 7 s, unseen by
 * anybody. The system lowers it to its own limit (Linux: net.core.somaxconn, 4,096).
 */
const BACKLOG = 8192
/**
 * Listening sockets on the one port. libuv accepts a single connection of each per turn of the event
 * loop (since 1.45), so with one of them, and an embedded database whose statements take a turn of
 * 40 ms, a burst of senders that open a connection per webhook came in one by one: 70 a second, no
 * two in a group, and nobody was refused however long the queue. With 16 it is 300.
 */
const DOORS = 16
/**
 * Where the system shares connections out among the sockets of a port; elsewhere there is one. Under
 * pm2 its daemon has the port (cluster mode): it hands over many connections in a turn, and a process
 * that opened the port itself could not follow another one without a gap.
 */
const SHARES_PORT = process.platform === 'linux' && !cluster.isWorker

/** Answers the port that was opened (PORT=0 takes any free one). */
export async function listen(
  server: FastifyInstance,
  { host, port }: { host: string; port: number },
  leaving: Pick<Leaving, 'door'>,
): Promise<number> {
  const where = { host, backlog: BACKLOG, reusePort: SHARES_PORT }
  try {
    // A port that is shared could be taken twice, by another process of this user as well.
    if (SHARES_PORT && port !== 0) await tryAlone(host, port)
    const first = { ...where, port }
    await server.listen(first)
    const opened = server.server.address()
    const taken = typeof opened === 'object' && opened ? opened.port : port
    for (let n = 1; SHARES_PORT && n < DOORS; n++) {
      const door = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
        server.server.emit('connection', socket)
      })
      await opens(door, { ...where, port: taken })
      leaving.door(door)
    }
    return taken
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') {
      throw new StartupError(`PORT: ${port} is taken on ${host}, takes a free port`)
    }
    if (code === 'EACCES') {
      throw new StartupError(`PORT: ${port} may not be opened by this user, takes one above 1023`)
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new StartupError(`HOST: ${host} is no address of this machine`)
    }
    throw error
  }
}

async function tryAlone(host: string, port: number): Promise<void> {
  const door = createServer()
  await opens(door, { host, port })
  await new Promise((resolve) => door.close(resolve))
}

function opens(door: Server, where: object): Promise<void> {
  return new Promise((resolve, reject) => {
    door.once('error', reject)
    door.listen(where, () => {
      door.off('error', reject)
      resolve()
    })
  })
}

/** What a person on this machine can open; a wildcard address is no address to visit. */
export function localUrl(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
