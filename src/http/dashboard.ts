/** The dashboard at /: the files that the build left in web/dist, or a word on how to build them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'

export interface DashboardDeps {
  /** Directory of the built dashboard; may be missing. */
  webDist: string
}

/** Names of these files carry a hash of their content. */
const HASHED = /[\\/]assets[\\/]/
const NOT_BUILT = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Leadpulse</title></head>
<body>
<h1>Leadpulse is running</h1>
<p>The dashboard is not built yet. Build it with <code>npm run build</code> and reload this page.</p>
<p>The API is described at <a href="/docs">/docs</a>.</p>
</body>
</html>
`

export const dashboardRoutes: FastifyPluginAsync<{ deps: DashboardDeps }> = async (
  app,
  { deps },
) => {
  if (!existsSync(join(deps.webDist, 'index.html'))) {
    app.get('/', { schema: { hide: true }, logLevel: 'warn' }, async (_request, reply) =>
      reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(NOT_BUILT),
    )
    return
  }
  await app.register(fastifyStatic, {
    root: deps.webDist,
    // A route per file: what is not there stays a plain 404 of the API.
    wildcard: false,
    decorateReply: false,
    schemaHide: true,
    logLevel: 'warn',
    cacheControl: false,
    setHeaders: (reply, path) => {
      const forEver = 'public, max-age=31536000, immutable'
      reply.header('cache-control', HASHED.test(path) ? forEver : 'no-cache')
    },
  })
}
