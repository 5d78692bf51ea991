/** Rejected deliveries: what was authentic but not understood, and sending it through again. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import { channels, providerNames } from '../domain/channels/inbound-event.ts'
import { listRejected, noteReplay, rejectedStates } from '../domain/rejected-deliveries.ts'
import type { Store } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { id, idParams, oneOf, time } from './fields.ts'
import { pageAnswer, pageFields, pageRequest, pageSchema, timeKeySchema } from './pagination.ts'
import { Problem, problemResponses } from './problem.ts'

/** What became of a delivery that was parsed and offered again. */
export type ReplayResult =
  | { status: 'accepted' | 'duplicate'; messageId: string }
  | { status: 'ignored'; reason: string }
  | { status: 'rejected'; reason: string; field?: string | undefined }
  /** The ingest takes nothing for the moment; nothing is noted. */
  | { status: 'unavailable' }

export interface RejectedDeps {
  store: Store
  guard: Guard
  /** Parses the kept body with today's code and offers it to the ingest; null: unknown delivery. */
  replay(what: { workspaceId: string; rejectedId: string }): Promise<ReplayResult | null>
}

const rejectedSchema = z
  .strictObject({
    id,
    connectionId: id.nullable().meta({ description: 'null: the connection was deleted since' }),
    channel: z.enum(channels),
    provider: z.enum(providerNames),
    reason: z.string(),
    field: z.string().nullable(),
    contentType: z.string().nullable(),
    bodyBytes: z.int(),
    deliveries: z.int().meta({ description: 'How often the provider sent it' }),
    receivedAt: time,
    replayedAt: time.nullable(),
    replayResult: z.string().nullable(),
  })
  .meta({ id: 'RejectedDelivery' })

const replaySchema = z
  .strictObject({
    status: z.enum(['accepted', 'duplicate', 'ignored', 'rejected']),
    messageId: z.string().optional(),
    reason: z.string().optional(),
    field: z.string().optional(),
  })
  .meta({ id: 'ReplayResult' })

const listQuery = z.strictObject({
  state: oneOf(rejectedStates).default('all').meta({
    description: '`open`: never replayed, or rejected again',
  }),
  ...pageFields,
})
const RETRY_AFTER_SECONDS = '10'
const tags = ['Rejected deliveries']

export const rejectedRoutes: FastifyPluginAsyncZod<{ deps: RejectedDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard } = deps

  app.route({
    method: 'GET',
    url: '/api/v1/rejected',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'List deliveries that were authentic but not understood, newest first',
      querystring: listQuery,
      response: {
        200: pageSchema(rejectedSchema),
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const { state } = request.query
      const page = pageRequest(request.query, timeKeySchema)
      return pageAnswer(await listRejected(store, { workspaceId, state }, page))
    },
  })

  app.route({
    method: 'POST',
    url: '/api/v1/rejected/:id/replay',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'Parse and store a kept delivery again, e.g. after an update',
      params: idParams,
      response: {
        200: replaySchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found', 'unavailable'),
      },
    },
    handler: async (request) => {
      const who = guard.principalOf(request)
      const what = { workspaceId: who.workspaceId, rejectedId: request.params.id }
      const result = await deps.replay(what)
      if (!result) throw new Problem('not-found')
      if (result.status === 'unavailable') {
        throw new Problem('unavailable', { headers: { 'retry-after': RETRY_AFTER_SECONDS } })
      }
      const { status } = result
      await store.transaction(async (tx) => {
        const note = 'reason' in result ? `${status}: ${result.reason}` : status
        await noteReplay(tx, { ...what, result: note })
        const detail = { status }
        await audit(tx, who, { action: 'rejected.replay', targetId: what.rejectedId, detail })
      })
      return result
    },
  })
}
