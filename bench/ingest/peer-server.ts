/** Leadpulse's webhook route on a plain Fastify, with a given intake and connections of its own. */
import { fastify } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import { v7 as uuidv7 } from 'uuid'
import type { Intake } from '../../src/actors/intake.ts'
import type { Database } from '../../src/database.ts'
import { createConnection } from '../../src/domain/connections.ts'
import { createWorkspace } from '../../src/domain/workspaces.ts'
import { connectionDirectory } from '../../src/http/connection-directory.ts'
import { errorHandler } from '../../src/http/error-handler.ts'
import { openFailedAttempts } from '../../src/http/limits.ts'
import { webhookRoutes } from '../../src/http/webhooks.ts'
import { type FormatName, formatNames } from '../../src/simulate/payloads/format.ts'
import { formats } from '../../src/simulate/payloads/formats.ts'
import { silentLog } from '../../test/support/database.ts'

export interface PeerServer {
  port: number
  paths: Record<FormatName, string>
}

export async function servePeer(database: Database, intake: Intake): Promise<PeerServer> {
  const server = fastify()
  server.setErrorHandler(errorHandler(silentLog))
  server.setValidatorCompiler(validatorCompiler)
  await server.register(webhookRoutes, {
    deps: {
      connections: connectionDirectory(database, () => null),
      intake,
      attempts: await openFailedAttempts(server, silentLog),
      isOpen: () => true,
      publicUrl: () => 'http://127.0.0.1',
      now: () => new Date(),
    },
  })
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  const port = Number(new URL(url).port)
  return { port, paths: await connectAll(database) }
}

async function connectAll(database: Database): Promise<Record<FormatName, string>> {
  const { id: workspaceId } = await database.transaction((tx) =>
    createWorkspace(tx, { name: 'Bench' }),
  )
  const paths: Partial<Record<FormatName, string>> = {}
  for (const name of formatNames) {
    const { channel, provider } = formats[name]
    const id = uuidv7()
    const what = { id, workspaceId, channel, provider, name, sealedSignature: null }
    const { token } = await createConnection(database, what)
    paths[name] = `/webhooks/${channel}/${token}`
  }
  return paths as Record<FormatName, string>
}
