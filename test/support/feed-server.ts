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
import {
  type FeedSessions,
  feedSessions,
  type SessionOptions,
} from '../../src/http/feed-sessions.ts'
import { openFailedAttempts } from '../../src/http/limits.ts'
import { websocketPlugin } from '../../src/http/server.ts'
import { silentLog } from './database.ts'

export interface FeedServer {
  url: string
  wsUrl: string
  hub: FeedHub
  sessions: FeedSessions
  /** Bytes that wait in the server for its sockets, the fullest one. */
  unsentMax(): number
  clock: { add(ms: number): void }
  tokenOf(workspaceId: string): Promise<{ id: string; token: string }>
  /** May be called twice. */
  close(): Promise<void>
}

export async function feedServer(
  store: Store,
  options: {
    hub?: Partial<FeedOptions>
    limits?: FeedDeps['limits'] & SessionOptions['limits']
    recheckMs?: number
    /** Short ones cut off clients that a busy machine keeps from answering. */
    pingMs?: number
    port?: number
  } = {},
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
  await app.register(fastifyWebsocket, websocketPlugin)
  const sessions = feedSessions({
    store,
    onError: () => {},
    pingMs: options.pingMs ?? 25_000,
    ...(options.limits && { limits: options.limits }),
    ...(options.recheckMs && { recheckMs: options.recheckMs }),
  })
  let aheadMs = 0
  const attempts = await openFailedAttempts(app, silentLog)
  const guard = openGuard(authenticator({ store, adminTokenHash: 'none' }), attempts)
  await app.register(feedRoutes, {
    deps: {
      store,
      hub,
      sessions,
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
    sessions,
    unsentMax: () =>
      Math.max(0, ...[...app.websocketServer.clients].map((socket) => socket.bufferedAmount)),
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
