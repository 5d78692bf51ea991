/** A person's question whether a connection works: a made-up webhook, and what became of it. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import { type ConnectionRef, connectionOf } from '../domain/connections.ts'
import type { Store } from '../domain/sql.ts'
import type { TestWebhook } from '../simulate/test-webhook.ts'
import type { Guard } from './auth.ts'
import { id, idParams } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'

export interface ConnectionTestDeps {
  store: Store
  guard: Guard
  testWebhook: TestWebhook
}

const answerSchema = z
  .strictObject({
    status: z.enum(['accepted', 'duplicate', 'ignored', 'rejected']),
    reason: z.string().optional(),
    messageId: id.optional(),
    leadId: id.optional().meta({ description: 'A demo lead: DELETE /api/v1/simulation erases it' }),
  })
  .meta({ id: 'ConnectionTest' })

export const connectionTestRoutes: FastifyPluginAsyncZod<{ deps: ConnectionTestDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard, testWebhook } = deps
  app.route({
    method: 'POST',
    url: '/api/v1/connections/:id/test',
    onRequest: guard.requireRole('member'),
    schema: {
      tags: ['Connections'],
      summary: 'Take a made-up webhook of this provider, and say what became of it',
      description:
        'In the provider’s own format, through parsing, storing and scoring; makes a demo lead. The signature is not tried, because only the provider can make it.',
      params: idParams,
      response: {
        200: answerSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found', 'unavailable'),
      },
    },
    handler: async (request) => {
      const who = guard.principalOf(request)
      const ref: ConnectionRef = {
        workspaceId: who.workspaceId,
        connectionId: request.params.id,
      }
      const connection = await connectionOf(store, ref)
      if (!connection) throw new Problem('not-found')
      const answer = await testWebhook({ ...ref, ...connection })
      if (!answer || answer.status === 'unavailable') throw new Problem('unavailable')
      await audit(store, who, { action: 'connection.test', targetId: ref.connectionId })
      if ('messageId' in answer) {
        const [message] = await store.query<{ leadId: string }>(
          'select lead_id as "leadId" from message where id = $1::uuid and workspace_id = $2::uuid',
          [answer.messageId, who.workspaceId],
        )
        return { ...answer, ...message }
      }
      const status = answer.status === 'malformed' ? ('rejected' as const) : answer.status
      return { status, reason: answer.reason }
    },
  })
}
