/**
 * Every route with who may use it, what it is about and what it writes into the audit trail. Fastify's
 * own list is held against it: a new route fails `tenancy.test.ts` and `access.test.ts` without a row.
 */
import type { RouteOptions } from 'fastify'
import type { Role } from '../../src/domain/entities/access.ts'

/** Things of a workspace that a route is about: that of another workspace does not exist. */
export type Thing =
  | 'lead'
  | 'message'
  | 'disqualified'
  | 'connection'
  | 'token'
  | 'rejected'
  | 'job'
  | 'backfill'
  | 'draft'

export interface RouteRow {
  /** `nobody`: open to everybody; `instance`: the instance admin; `url`: whoever knows the URL. */
  needs: 'nobody' | 'url' | 'instance' | Role
  /** The bearer of CRON_SECRET, too; he is nobody whose name is written down. */
  cron?: true
  thing?: Thing
  /** Given the id of the thing. */
  body?: (id: string) => object
  /** What is written down of it; null: it changes nothing that belongs to the workspace. */
  audit?: string | null
  /** Answers with a connection that stays. */
  stream?: 'ws' | 'sse'
}

const viewer = (thing?: Thing): RouteRow => ({ needs: 'viewer', ...(thing && { thing }) })
const writes = (audit: string | null, row: Partial<RouteRow> = {}): RouteRow => ({
  needs: 'member',
  audit,
  ...row,
})
const open: RouteRow = { needs: 'nobody' }

/** Those about one thing stand in an order in which the most harmful come last. */
export const routeTable: Record<string, RouteRow> = {
  'GET /': open,
  'GET /openapi.json': open,
  'GET /health/live': open,
  'GET /health/ready': open,
  // … and for METRICS_TOKEN, or this machine where there is none: metrics.test.ts.
  'GET /metrics': { needs: 'instance' },
  'POST /webhooks/:channel/:token': { needs: 'url', body: () => ({}) },
  'POST /webhooks/clay/:token': { needs: 'url', body: () => ({}) },
  'GET /api/v1/workspaces': { needs: 'instance' },
  'POST /api/v1/workspaces': {
    needs: 'instance',
    audit: 'workspace.create',
    body: () => ({ name: 'Mine' }),
  },
  'GET /api/v1/status': viewer(),
  'GET /api/v1/settings': viewer(),
  'PUT /api/v1/settings': writes('settings.update', { body: () => ({ companyName: 'Mine' }) }),
  'GET /api/v1/connections': viewer(),
  'POST /api/v1/connections': writes('connection.create', {
    body: () => ({ channel: 'sms', provider: 'generic', name: 'Mine' }),
  }),
  'GET /api/v1/leads': viewer(),
  'GET /api/v1/rejected': viewer(),
  'GET /api/v1/drafts': viewer(),
  'GET /api/v1/ai-usage': viewer(),
  'GET /api/v1/jobs': viewer(),
  'GET /api/v1/jobs/stats': viewer(),
  'GET /api/v1/jobs/parked': viewer(),
  'POST /api/v1/jobs/redrive': writes('job.redrive'),
  'POST /api/v1/jobs/drain': { needs: 'instance', cron: true, audit: 'job.drain' },
  'POST /api/v1/backfill': writes('backfill.start', {
    body: () => ({ scope: 'all', dryRun: false }),
  }),
  'GET /api/v1/simulation': viewer(),
  'DELETE /api/v1/simulation': { needs: 'admin', audit: 'simulation.remove' },
  'POST /api/v1/simulation': {
    needs: 'admin',
    audit: 'simulation.start',
    body: () => ({ seconds: 1 }),
  },
  'GET /api/v1/feed': viewer(),
  'GET /api/v1/feed/ws': { needs: 'viewer', stream: 'ws' },
  'GET /api/v1/feed/sse': { needs: 'viewer', stream: 'sse' },
  // A ticket is worth what the token was that it was made with, for 30 seconds.
  'POST /api/v1/feed/tickets': { needs: 'viewer', audit: null },
  'GET /api/v1/tokens': { needs: 'admin' },
  'POST /api/v1/tokens': {
    needs: 'admin',
    audit: 'token.create',
    body: () => ({ name: 'Mine', role: 'viewer' }),
  },
  'GET /api/v1/leads/:id': viewer('lead'),
  'GET /api/v1/leads/:id/messages': viewer('lead'),
  'GET /api/v1/leads/:id/scores': viewer('lead'),
  // Reading, but all of a person at once: who took it is written down.
  'GET /api/v1/leads/:id/export': writes('lead.export', { thing: 'lead' }),
  'GET /api/v1/messages/:id/timeline': viewer('message'),
  'GET /api/v1/backfill/:id': viewer('backfill'),
  'POST /api/v1/leads/:id/rescore': writes('lead.rescore', { thing: 'lead' }),
  'POST /api/v1/leads/:id/disqualify': writes('lead.disqualify', {
    thing: 'lead',
    body: () => ({ reason: 'x' }),
  }),
  'POST /api/v1/leads/:id/requalify': writes('lead.requalify', { thing: 'disqualified' }),
  // Nothing is kept of it but what the model's call cost.
  'POST /api/v1/settings/preview': writes(null, { thing: 'lead', body: (leadId) => ({ leadId }) }),
  'POST /api/v1/rejected/:id/replay': writes('rejected.replay', { thing: 'rejected' }),
  'POST /api/v1/drafts/:id/approve': writes('draft.approve', { thing: 'draft' }),
  'POST /api/v1/drafts/:id/dismiss': writes('draft.dismiss', { thing: 'draft' }),
  'POST /api/v1/jobs/:id/retry': writes('job.retry', { thing: 'job' }),
  'POST /api/v1/connections/:id/rotate': writes('connection.rotate', { thing: 'connection' }),
  'POST /api/v1/connections/:id/test': writes('connection.test', { thing: 'connection' }),
  'PATCH /api/v1/connections/:id': writes('connection.update', {
    thing: 'connection',
    body: () => ({ name: 'Renamed' }),
  }),
  'DELETE /api/v1/leads/:id': writes('lead.erase', { thing: 'lead' }),
  'DELETE /api/v1/connections/:id': writes('connection.delete', { thing: 'connection' }),
  'DELETE /api/v1/tokens/:id': { needs: 'admin', audit: 'token.revoke', thing: 'token' },
}

/** Files of the API's documentation, open to everybody like `GET /openapi.json`. */
const DOCUMENTATION = /^GET \/docs(\/|$)/

/** Routes that the server has and the table has not, and the other way round. */
export function compareRoutes(routes: RouteOptions[]): { missing: string[]; gone: string[] } {
  const names = new Set(
    routes.flatMap(({ method, url }) => [method].flat().map((name) => `${name} ${url}`)),
  )
  const missing = [...names].filter(
    (name) => !(name in routeTable) && !name.startsWith('HEAD ') && !DOCUMENTATION.test(name),
  )
  return { missing, gone: Object.keys(routeTable).filter((name) => !names.has(name)) }
}

/** Rows that fit, in the order of the table. */
export function rowsWhere(fits: (row: RouteRow) => boolean): [string, RouteRow][] {
  return Object.entries(routeTable).filter(([, row]) => fits(row))
}
