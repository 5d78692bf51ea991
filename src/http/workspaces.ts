/** Workspaces: made and listed by the instance admin. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import type { Store } from '../domain/sql.ts'
import { createWorkspace, listWorkspaces } from '../domain/workspaces.ts'
import type { Guard } from './auth.ts'
import { madeConnectionSchema, webhookUrl } from './connection-schemas.ts'
import { id, text, time } from './fields.ts'
import { pageAnswer, pageQuery, pageRequest, pageSchema, timeKeySchema } from './pagination.ts'
import { problemResponses } from './problem.ts'

export interface WorkspacesDeps {
  store: Store
  guard: Guard
  /** Base of webhook URLs as senders know it. */
  publicUrl(): string
}

const workspaceSchema = z
  .strictObject({ id, name: z.string(), createdAt: time })
  .meta({ id: 'Workspace' })
const madeWorkspaceSchema = z
  .strictObject({
    id,
    name: z.string(),
    createdAt: time,
    connections: z.array(madeConnectionSchema).meta({
      description: 'A ready-made connection per channel; their tokens are shown only here',
    }),
  })
  .meta({ id: 'NewWorkspace' })
const createSchema = z.strictObject({ name: text(200) }).meta({ id: 'CreateWorkspace' })
const tags = ['Workspaces']

export const workspacesRoutes: FastifyPluginAsyncZod<{ deps: WorkspacesDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard, publicUrl } = deps

  app.route({
    method: 'POST',
    url: '/api/v1/workspaces',
    onRequest: guard.requireInstanceAdmin(),
    schema: {
      tags,
      summary: 'Make a workspace with a generic connection per channel',
      body: createSchema,
      response: {
        201: madeWorkspaceSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request, reply) => {
      const { actor } = guard.principalOf(request)
      const made = await store.transaction(async (tx) => {
        const workspace = await createWorkspace(tx, request.body)
        const { id: workspaceId } = workspace
        const who = { workspaceId, actor }
        await audit(tx, who, { action: 'workspace.create', targetId: workspaceId })
        return workspace
      })
      const connections = made.connections.map((connection) => ({
        ...connection,
        webhookUrl: webhookUrl(publicUrl(), connection),
      }))
      return reply.code(201).send({ ...made, connections })
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/workspaces',
    onRequest: guard.requireInstanceAdmin(),
    schema: {
      tags,
      summary: 'List workspaces, oldest first',
      querystring: pageQuery,
      response: {
        200: pageSchema(workspaceSchema),
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request) =>
      pageAnswer(await listWorkspaces(store, pageRequest(request.query, timeKeySchema))),
  })
}
