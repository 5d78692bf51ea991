/** Opens the port; what keeps it from opening is an operator's matter and said in one line. */
import type { FastifyInstance } from 'fastify'
import { StartupError } from '../startup-error.ts'

/**
 * Connections that the system completes before they are accepted. Node's 511 is soon full when
 * senders that open one per webhook burst; what is beyond comes again after 1, 3 and 7 s, unseen by
 * anybody. The system lowers it to its own limit (Linux: net.core.somaxconn, 4,096).
 */
const BACKLOG = 8192

/** Answers the port that was opened (PORT=0 takes any free one). */
export async function listen(
  server: FastifyInstance,
  { host, port }: { host: string; port: number },
): Promise<number> {
  try {
    await server.listen({ host, port, backlog: BACKLOG })
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
  const address = server.server.address()
  return typeof address === 'object' && address ? address.port : port
}

/** What a person on this machine can open; a wildcard address is no address to visit. */
export function localUrl(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
