/** API tokens: made and revoked by a workspace's admins; the token itself is shown once. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { createApiToken, listApiTokens, revokeApiToken } from '../domain/api-tokens.ts'
import { audit } from '../domain/audit.ts'
import { roles } from '../domain/entities/access.ts'
import type { Store } from '../domain/sql.ts'
import { type Authenticator, actorOf, type Guard } from './auth.ts'
import { id, idParams, oneOf, text, time } from './fields.ts'
import { pageAnswer, pageQuery, pageRequest, pageSchema, timeKeySchema } from './pagination.ts'
import { Problem, problemResponses } from './problem.ts'

export interface TokensDeps {
  store: Store
  guard: Guard
  auth: Pick<Authenticator, 'invalidate'>
  /** Closes the feed sockets that the token opened. */
  forgetToken(actor: string): void
}

const fields = {
  id,
  name: z.string(),
  role: z.enum(roles),
  createdAt: time,
  createdBy: z.string().meta({ description: '`instance-admin` or `token:<id>`' }),
}
const tokenSchema = z.strictObject(fields).meta({ id: 'ApiToken' })
const madeTokenSchema = z
  .strictObject({ ...fields, token: z.string().meta({ description: 'Shown only in this answer' }) })
  .meta({ id: 'NewApiToken' })
const createSchema = z
  .strictObject({ name: text(200), role: oneOf(roles) })
  .meta({ id: 'CreateApiToken' })
const tags = ['Tokens']

export const tokensRoutes: FastifyPluginAsyncZod<{ deps: TokensDeps }> = async (app, { deps }) => {
  const { store, guard } = deps

  app.route({
    method: 'GET',
    url: '/api/v1/tokens',
    onRequest: guard.requireRole('admin'),
    schema: {
      tags,
      summary: 'List API tokens, oldest first, without their secrets',
      querystring: pageQuery,
      response: {
        200: pageSchema(tokenSchema),
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const page = pageRequest(request.query, timeKeySchema)
      return pageAnswer(await listApiTokens(store, workspaceId, page))
    },
  })

  app.route({
    method: 'POST',
    url: '/api/v1/tokens',
    onRequest: guard.requireRole('admin'),
    schema: {
      tags,
      summary: 'Make an API token',
      body: createSchema,
      response: {
        201: madeTokenSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const { name, role } = request.body
      const made = await store.transaction(async (tx) => {
        const { workspaceId, actor } = who
        const token = await createApiToken(tx, { workspaceId, name, role, createdBy: actor })
        const detail = { role }
        await audit(tx, who, { action: 'token.create', targetId: token.id, detail })
        return token
      })
      return reply.code(201).send(made)
    },
  })
  addRevoke(app, deps)
}

function addRevoke(app: Parameters<typeof tokensRoutes>[0], deps: TokensDeps): void {
  const { store, guard } = deps
  app.route({
    method: 'DELETE',
    url: '/api/v1/tokens/:id',
    onRequest: guard.requireRole('admin'),
    schema: {
      tags,
      summary: 'Revoke an API token; its feed sockets are closed',
      params: idParams,
      response: {
        204: z.undefined().describe('Revoked'),
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const { id: tokenId } = request.params
      const actor = actorOf(tokenId)
      const hash = await store.transaction(async (tx) => {
        const { workspaceId } = who
        const revoked = await revokeApiToken(tx, { workspaceId, tokenId, actor })
        if (revoked) await audit(tx, who, { action: 'token.revoke', targetId: tokenId })
        return revoked
      })
      if (!hash) throw new Problem('not-found')
      deps.auth.invalidate(hash)
      deps.forgetToken(actor)
      return reply.code(204).send()
    },
  })
}
