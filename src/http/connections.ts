/** Connections: each is a secret webhook URL for one provider account on one channel. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import { channels, type Provider, providerNames } from '../domain/channels/inbound-event.ts'
import { providerFor, providersOf } from '../domain/channels/registry.ts'
import {
  type ConnectionChange,
  changeConnection,
  createConnection,
  deleteConnection,
  listConnections,
  providerOfConnection,
  rotateConnection,
} from '../domain/connections.ts'
import type { Store } from '../domain/sql.ts'
import type { Sealing } from '../sealing.ts'
import type { Guard } from './auth.ts'
import {
  connectionSchema,
  madeConnectionSchema,
  rotatedConnectionSchema,
  webhookUrl,
} from './connection-schemas.ts'
import { idParams, oneOf, text } from './fields.ts'
import { pageAnswer, pageQuery, pageRequest, pageSchema, timeKeySchema } from './pagination.ts'
import { fieldProblem, Problem, problemResponses } from './problem.ts'
import { checkProviderApi, providerApiFields } from './provider-api.ts'

export interface ConnectionsDeps {
  store: Store
  guard: Guard
  sealing: Pick<Sealing, 'seal'>
  /** Base of webhook URLs as senders know it. */
  publicUrl(): string
  /** The webhook front door forgets what it knows of these token hashes. */
  forgetConnection(tokenHashes: string[]): void
}

const createSchema = z
  .strictObject({
    channel: oneOf(channels),
    provider: oneOf(providerNames),
    name: text(200),
    signature: z.unknown().optional().meta({
      description: 'What the provider signs with; its fields depend on the provider',
    }),
    ...providerApiFields,
  })
  .meta({ id: 'CreateConnection' })
const tags = ['Connections']

export const connectionsRoutes: FastifyPluginAsyncZod<{ deps: ConnectionsDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard } = deps

  app.route({
    method: 'GET',
    url: '/api/v1/connections',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'List connections, oldest first, without their tokens',
      querystring: pageQuery,
      response: {
        200: pageSchema(connectionSchema),
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const page = pageRequest(request.query, timeKeySchema)
      return pageAnswer(await listConnections(store, workspaceId, page))
    },
  })
  addCreate(app, deps)
  addChange(app, deps)
  addRotate(app, deps)
  addDelete(app, deps)
}

type App = Parameters<typeof connectionsRoutes>[0]

function addCreate(app: App, { store, guard, sealing, publicUrl }: ConnectionsDeps): void {
  app.route({
    method: 'POST',
    url: '/api/v1/connections',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'Make a connection; its webhook URL is shown once',
      body: createSchema,
      response: {
        201: madeConnectionSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request, reply) => {
      const { channel, provider: providerName, name, signature, apiKey, apiBaseUrl } = request.body
      const provider = providerFor(channel, providerName)
      if (!provider) {
        throw fieldProblem('provider', `takes one of ${providersOf(channel).join(', ')}`)
      }
      const secret = checkedSignature(provider, signature)
      checkProviderApi(provider.name, { apiKey, apiBaseUrl })
      const who = guard.principalOf(request)
      const id = uuidv7()
      const made = await store.transaction(async (tx) => {
        const connection = await createConnection(tx, {
          id,
          workspaceId: who.workspaceId,
          channel,
          provider: provider.name,
          name,
          sealedSignature: secret === null ? null : sealing.seal(secret, id),
          sealedApiKey: apiKey ? sealing.seal(apiKey, id) : null,
          apiBaseUrl: apiBaseUrl ?? null,
        })
        const detail = { channel, provider: provider.name, signed: secret !== null }
        await audit(tx, who, { action: 'connection.create', targetId: id, detail })
        return connection
      })
      return reply.code(201).send({ ...made, webhookUrl: webhookUrl(publicUrl(), made) })
    },
  })
}

/** The signature in the provider's own shape; null when none is given. */
function checkedSignature(provider: Provider, signature: unknown): NonNullable<unknown> | null {
  if (signature === undefined || signature === null) return null
  if (!provider.signatureSchema) {
    throw fieldProblem('signature', `${provider.name} signs nothing: leave it out`)
  }
  const parsed = provider.signatureSchema.safeParse(signature)
  if (parsed.success) return parsed.data as NonNullable<unknown>
  const errors = parsed.error.issues.flatMap((issue) => {
    const at = ['signature', ...issue.path.map(String)]
    if (issue.code !== 'unrecognized_keys') return [{ field: at.join('.'), message: issue.message }]
    return issue.keys.map((key) => ({
      field: [...at, key].join('.'),
      message: 'is not a known field',
    }))
  })
  throw new Problem('validation', { errors })
}

const changeSchema = z
  .strictObject({ name: text(200).optional(), ...providerApiFields })
  .meta({ id: 'ChangeConnection', description: 'Only the given fields change' })

function addChange(app: App, { store, guard, sealing }: ConnectionsDeps): void {
  app.route({
    method: 'PATCH',
    url: '/api/v1/connections/:id',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: "Change a connection's name or the key of its provider's API",
      params: idParams,
      body: changeSchema,
      response: {
        200: connectionSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const who = guard.principalOf(request)
      const { apiKey, ...change } = request.body
      const id = request.params.id
      const where = { workspaceId: who.workspaceId, connectionId: id }
      const changed = await store.transaction(async (tx) => {
        const known = await providerOfConnection(tx, where)
        if (!known) return null
        const { apiBaseUrl = known.apiBaseUrl } = change
        checkProviderApi(known.provider, { apiKey, apiBaseUrl })
        // The key must not be sent to another host by somebody who does not know it.
        if (known.apiConfigured && apiKey === undefined && apiBaseUrl !== known.apiBaseUrl) {
          throw fieldProblem('apiKey', 'takes the key again when apiBaseUrl changes')
        }
        const detail = { fields: Object.keys(request.body) }
        await audit(tx, who, { action: 'connection.update', targetId: id, detail })
        return changeConnection(tx, where, {
          ...(change as ConnectionChange),
          ...(apiKey !== undefined && { sealedApiKey: apiKey ? sealing.seal(apiKey, id) : null }),
        })
      })
      if (!changed) throw new Problem('not-found')
      return changed
    },
  })
}

function addRotate(app: App, deps: ConnectionsDeps): void {
  const { store, guard, publicUrl } = deps
  app.route({
    method: 'POST',
    url: '/api/v1/connections/:id/rotate',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'A new token; the current one keeps working for 24 hours',
      params: idParams,
      response: {
        200: rotatedConnectionSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const who = guard.principalOf(request)
      const { id } = request.params
      const rotated = await store.transaction(async (tx) => {
        const rotation = await rotateConnection(tx, {
          workspaceId: who.workspaceId,
          connectionId: id,
        })
        if (rotation) await audit(tx, who, { action: 'connection.rotate', targetId: id })
        return rotation
      })
      if (!rotated) throw new Problem('not-found')
      deps.forgetConnection(rotated.staleHashes)
      const { token, previousTokenExpiresAt } = rotated
      return {
        id,
        webhookUrl: webhookUrl(publicUrl(), rotated),
        token,
        previousTokenExpiresAt,
      }
    },
  })
}

function addDelete(app: App, deps: ConnectionsDeps): void {
  const { store, guard } = deps
  app.route({
    method: 'DELETE',
    url: '/api/v1/connections/:id',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'Delete a connection: its webhook URL ends, its messages stay',
      params: idParams,
      response: {
        204: z.undefined().describe('Deleted'),
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const { id } = request.params
      const hashes = await store.transaction(async (tx) => {
        const ended = await deleteConnection(tx, {
          workspaceId: who.workspaceId,
          connectionId: id,
        })
        if (ended) await audit(tx, who, { action: 'connection.delete', targetId: id })
        return ended
      })
      if (!hashes) throw new Problem('not-found')
      deps.forgetConnection(hashes)
      return reply.code(204).send()
    },
  })
}
