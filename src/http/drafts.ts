/** Reply drafts for people: listed, approved, dismissed. Approving sends nothing. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import { channels } from '../domain/channels/inbound-event.ts'
import { decideDraft, draftStatuses, listDrafts } from '../domain/drafts/drafts.ts'
import type { Store } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { id, idParams, oneOf, time } from './fields.ts'
import { pageAnswer, pageFields, pageRequest, pageSchema, timeKeySchema } from './pagination.ts'
import { Problem, problemResponses } from './problem.ts'

export interface DraftsDeps {
  store: Store
  guard: Guard
}

const draftSchema = z
  .strictObject({
    id,
    leadId: id,
    leadName: z.string().nullable(),
    messageId: id.meta({ description: 'The inbound message that it answers' }),
    channel: z.enum(channels),
    body: z.string().meta({ description: 'Plain text by a model: read it before you send it' }),
    model: z.string(),
    status: z.enum(draftStatuses),
    createdAt: time,
    decidedAt: time.nullable(),
    decidedBy: z.string().nullable().meta({
      description: 'Who decided; a newer message of the lead dismisses what it outdates',
    }),
  })
  .meta({ id: 'Draft' })

const listQuery = z.strictObject({ status: oneOf(draftStatuses).optional(), ...pageFields })
const tags = ['Drafts']

export const draftsRoutes: FastifyPluginAsyncZod<{ deps: DraftsDeps }> = async (app, { deps }) => {
  const { store, guard } = deps

  app.route({
    method: 'GET',
    url: '/api/v1/drafts',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'List reply drafts, newest first',
      querystring: listQuery,
      response: {
        200: pageSchema(draftSchema),
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const page = pageRequest(request.query, timeKeySchema)
      const status = request.query.status ?? null
      return pageAnswer(await listDrafts(store, { workspaceId, status }, page))
    },
  })

  for (const [verb, status] of [
    ['approve', 'approved'],
    ['dismiss', 'dismissed'],
  ] as const) {
    app.route({
      method: 'POST',
      url: `/api/v1/drafts/:id/${verb}`,
      onRequest: guard.requireRole('member'),
      schema: {
        tags,
        summary:
          verb === 'approve'
            ? 'Approve a pending draft: noted, for a person to send'
            : 'Dismiss a pending draft',
        params: idParams,
        response: {
          200: draftSchema,
          ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found', 'conflict'),
        },
      },
      handler: async (request) => {
        const who = guard.principalOf(request)
        const draftId = request.params.id
        const what = { workspaceId: who.workspaceId, draftId, status, by: who.actor }
        const decided = await store.transaction(async (tx) => {
          const result = await decideDraft(tx, what)
          if (result && 'draft' in result) {
            await audit(tx, who, { action: `draft.${verb}`, targetId: draftId })
          }
          return result
        })
        if (!decided) throw new Problem('not-found')
        if ('already' in decided) {
          throw new Problem('conflict', { detail: `The draft is ${decided.already} already` })
        }
        return decided.draft
      },
    })
  }
}
