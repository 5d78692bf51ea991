/** A listening server with nothing but the feed on it, as tests of its transports need it. */
import type { AddressInfo } from 'node:net'
import fastifyWebsocket from '@fastify/websocket'
import { fastify } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { type FeedHub, type FeedOptions, feedActor } from '../../src/actors/feed.ts'
import { actorSystem } from '../../src/actors/supervisor.ts'
import { createApiToken } from '../../src/domain/api-tokens.ts'
import type { Store } from '../../src/domain/sql.ts'
import { authenticator, openGuard } from '../../src/http/auth.ts'
import { errorHandler } from '../../src/http/error-handler.ts'
import { type FeedDeps, feedRoutes } from '../../src/http/feed.ts'
import { openFailedAttempts } from '../../src/http/limits.ts'
import { silentLog } from './database.ts'

export interface FeedServer {
  url: string
  wsUrl: string
  hub: FeedHub
  clock: { add(ms: number): void }
  tokenOf(workspaceId: string): Promise<{ id: string; token: string }>
  /** May be called twice. */
  close(): Promise<void>
}

export async function feedServer(
  store: Store,
  options: { hub?: Partial<FeedOptions>; limits?: FeedDeps['limits']; port?: number } = {},
): Promise<FeedServer> {
  const system = actorSystem({ onCrash: () => {} })
  const hub = feedActor(system, {
    store,
    onError: () => {},
    pollMs: 20,
    batchMs: 5,
    ...options.hub,
  })
  const app = fastify({ forceCloseConnections: true })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(errorHandler(silentLog))
  await app.register(fastifyWebsocket, {
    options: {
      maxPayload: 8 * 1024,
      handleProtocols: (offered: Set<string>) =>
        offered.has('leadpulse.feed.v1') ? 'leadpulse.feed.v1' : false,
    },
    // Close codes are the feed's business.
    preClose: (done) => done(),
  })
  let aheadMs = 0
  const attempts = await openFailedAttempts(app, silentLog)
  const guard = openGuard(authenticator({ store, adminTokenHash: 'none' }), attempts)
  await app.register(feedRoutes, {
    deps: {
      store,
      hub,
      guard,
      attempts,
      allowedOrigins: ['https://crm.example'],
      publicUrl: () => 'https://scores.example',
      log: silentLog,
      now: () => new Date(Date.now() + aheadMs),
      ...(options.limits && { limits: options.limits }),
    },
  })
  await app.listen({ port: options.port ?? 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  let closing: Promise<void> | undefined
  const close = async () => {
    await app.close()
    system.stop()
  }
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}/api/v1/feed/ws`,
    hub,
    clock: {
      add(ms) {
        aheadMs += ms
      },
    },
    tokenOf: (workspaceId) =>
      createApiToken(store, { workspaceId, name: 'feed', role: 'viewer', createdBy: 'test' }),
    close() {
      closing ??= close()
      return closing
    },
  }
}
