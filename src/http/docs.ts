/** The API described by itself: OpenAPI 3.1 at /openapi.json, browsable at /docs. */
import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'

const description = `
Lead scores, live. Every route under \`/api/v1\` takes \`Authorization: Bearer <token>\`; a token
belongs to one workspace. The admin token of the instance acts in the workspace that \`X-Workspace-Id\`
names, else in the first.

Errors are RFC 9457 problem details with a stable \`type\`. Lists are paged: pass \`nextCursor\` as
\`cursor\` until it is null. Times are ISO 8601 in UTC.
`.trim()

/** Swagger UI styles itself inline; scripts stay our own files. */
const docsCsp = {
  'default-src': `'self'`,
  'script-src': `'self'`,
  'style-src': `'self' 'unsafe-inline'`,
  'img-src': `'self' data:`,
  'object-src': `'none'`,
  'base-uri': `'none'`,
  'frame-ancestors': `'none'`,
}

/** Before the routes: it watches them being added. */
export async function registerDocs(app: FastifyInstance, version: string): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Leadpulse', version, description },
      // Relative: the document is right wherever it is served from.
      servers: [{ url: '/' }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document)),
  })
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: docsCsp,
    theme: { title: 'Leadpulse API' },
    uiConfig: { deepLinking: true, persistAuthorization: false },
    logLevel: 'warn',
  })
  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'GET',
    url: '/openapi.json',
    schema: { hide: true },
    handler: async (_request, reply) => reply.send(app.swagger()),
  })
}

interface Document {
  components?: { schemas?: Record<string, unknown> }
}

/** Sorted. Each named schema is offered as input and as output; the one that no route names only confuses. */
function withoutUnused<D extends object>(document: D): D {
  const { components, ...rest } = document as Document
  const schemas = components?.schemas ?? {}
  const used = new Set<string>()
  const visit = (node: unknown): void => {
    for (const [, name = ''] of JSON.stringify(node).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (used.has(name)) continue
      used.add(name)
      visit(schemas[name] ?? null)
    }
  }
  visit(rest)
  // By name: else their order is that in which the files happened to be imported.
  const kept = Object.entries(schemas)
    .filter(([name]) => used.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return { ...document, components: { ...components, schemas: Object.fromEntries(kept) } }
}
