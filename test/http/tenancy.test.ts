import type { RouteOptions } from 'fastify'
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { type Answer, type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { insertLead, insertMessage, insertRejected, insertScore } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

/** Every route stands in exactly one of these; a new route fails the first test until it does. */
const publicRoutes = ['/', '/openapi.json', '/health/live', '/health/ready', '/docs']
/** Checked where they are tested: webhooks.test.ts and feed.test.ts. */
/** … and drafts.test.ts, which has a draft to be decided. */
const elsewhere = [/^POST \/webhooks\//, / \/api\/v1\/drafts/, /^\w+ \/api\/v1\/feed/]
const instanceRoutes = ['GET /api/v1/workspaces', 'POST /api/v1/workspaces']
/** Lists and singletons: what the other workspace has must not be in the answer. */
const ownRoutes: Record<string, object | undefined> = {
  'GET /api/v1/settings': undefined,
  'PUT /api/v1/settings': { companyName: 'Mine' },
  'GET /api/v1/connections': undefined,
  'POST /api/v1/connections': { channel: 'sms', provider: 'generic', name: 'Mine' },
  'GET /api/v1/leads': undefined,
  'GET /api/v1/tokens': undefined,
  'POST /api/v1/tokens': { name: 'Mine', role: 'viewer' },
  'GET /api/v1/rejected': undefined,
  'GET /api/v1/ai-usage': undefined,
  'POST /api/v1/backfill': { scope: 'all', dryRun: false },
  'GET /api/v1/status': undefined,
  'GET /api/v1/jobs': undefined,
  'GET /api/v1/jobs/stats': undefined,
  'GET /api/v1/jobs/parked': undefined,
  'POST /api/v1/jobs/redrive': undefined,
}
/** Routes about one thing: that of another workspace does not exist. The most harmful come last. */
type Thing = 'lead' | 'connection' | 'token' | 'rejected' | 'job' | 'backfill'
const thingRoutes: Record<string, Thing> = {
  'GET /api/v1/leads/:id': 'lead',
  'GET /api/v1/backfill/:id': 'backfill',
  'GET /api/v1/leads/:id/messages': 'lead',
  'GET /api/v1/leads/:id/scores': 'lead',
  'POST /api/v1/leads/:id/rescore': 'lead',
  'POST /api/v1/leads/:id/disqualify': 'lead',
  'POST /api/v1/leads/:id/requalify': 'lead',
  'POST /api/v1/settings/preview': 'lead',
  'POST /api/v1/rejected/:id/replay': 'rejected',
  'POST /api/v1/jobs/:id/retry': 'job',
  'POST /api/v1/connections/:id/rotate': 'connection',
  'PATCH /api/v1/connections/:id': 'connection',
  'DELETE /api/v1/leads/:id': 'lead',
  'DELETE /api/v1/connections/:id': 'connection',
  'DELETE /api/v1/tokens/:id': 'token',
}

const tenancy = suite('tenancy')
let api: TestApi
let mine: Awaited<ReturnType<typeof testWorkspace>>
let theirs: Awaited<ReturnType<typeof testWorkspace>>
let things: Record<Thing, string>

tenancy.before(async () => {
  api = await testApi()
  mine = await testWorkspace(api, 'Mine')
  theirs = await testWorkspace(api, 'CANARY workspace')
  const workspaceId = theirs.id
  const { database } = api
  const leadId = await insertLead(database, {
    workspaceId,
    firstName: 'CANARY',
    disqualifiedReason: 'CANARY',
    messageSeq: 1,
  })
  await insertMessage(database, {
    workspaceId,
    leadId,
    body: 'CANARY',
    sentAt: '2026-01-06T10:00:00Z',
    seq: 1,
  })
  await insertScore(database, { workspaceId, leadId, seq: 1, messageSeq: 1, overall: 1 })
  const headers = { 'x-workspace-id': workspaceId }
  const settings = { companyName: 'CANARY' }
  await api.call('PUT', '/api/v1/settings', { headers, body: settings })
  const token = { name: 'CANARY', role: 'viewer' }
  const made = await api.call('POST', '/api/v1/tokens', { headers, body: token })
  const connection = { channel: 'sms', provider: 'generic', name: 'CANARY' }
  const connected = await api.call('POST', '/api/v1/connections', { headers, body: connection })
  const backfill = { scope: 'all', dryRun: false }
  const run = await api.call('POST', '/api/v1/backfill', { headers, body: backfill })
  things = {
    lead: leadId,
    token: made.body.id,
    connection: connected.body.id,
    rejected: await insertRejected(database, { workspaceId }),
    job: await deadJob(workspaceId, leadId),
    backfill: run.body.id,
  }
})
tenancy.after(() => api.close())

/** A dead letter and a parked lead. */
async function deadJob(workspaceId: string, leadId: string): Promise<string> {
  const { database, jobs } = api
  const messageId = uuidv7()
  const data = { workspaceId, leadId, messageId }
  await database.transaction((tx) => jobs.insertPostProcess(tx, [{ ...data, channel: 'sms' }]))
  const [job] = await jobs.fetch('SMS_INBOUND_POST_PROCESS', 1)
  assert.ok(job)
  await jobs.fail(job, 'CANARY', { terminal: true })
  await database.query(
    `update lead set parked_at = now(), scoring_error = 'CANARY' where id = $1::uuid`,
    [leadId],
  )
  const [dead] = await database.query<{ id: string }>(
    `select id from pgboss.job where name = 'LEADPULSE_DEAD_LETTER'`,
  )
  return String(dead?.id)
}
const namesOf = ({ method, url }: RouteOptions) => [method].flat().map((name) => `${name} ${url}`)
/** What routes about one thing take. */
const bodies: Record<string, (id: string) => object> = {
  'POST /api/v1/leads/:id/disqualify': () => ({ reason: 'x' }),
  'POST /api/v1/settings/preview': (leadId) => ({ leadId }),
  'PATCH /api/v1/connections/:id': () => ({ name: 'Renamed' }),
}
const call = (route: string, token: string, id = ''): Promise<Answer> => {
  const [method = '', path = ''] = route.split(' ')
  const body = bodies[route]?.(id) ?? ownRoutes[route]
  return api.call(method, path.replace(':id', id), { token, body })
}
/** Everything of the other workspace, to see whether anything moved. */
const snapshot = async () => {
  const tables = ['workspace_settings', 'connection', 'api_token', 'audit_event', 'message']
  const rows = await Promise.all(
    [...tables, 'lead', 'rejected_delivery', 'score_event'].map((table) =>
      api.database.query(`select * from ${table} where workspace_id = $1::uuid order by 1, 2`, [
        theirs.id,
      ]),
    ),
  )
  const jobs = await api.database.query(
    `select name, id, state::text, start_after from pgboss.job
     where data ->> 'workspaceId' = $1 order by name, id`,
    [theirs.id],
  )
  return JSON.stringify([rows, jobs])
}

tenancy('every route is covered by this test or named as covered elsewhere', () => {
  const names = [...new Set(api.routes.flatMap(namesOf))].filter(
    (name) => !name.startsWith('HEAD '),
  )
  const covered = new Set([
    ...instanceRoutes,
    ...Object.keys(ownRoutes),
    ...Object.keys(thingRoutes),
  ])
  const open = names.filter((name) => {
    const [, url = ''] = name.split(' ')
    if (covered.has(name) || elsewhere.some((pattern) => pattern.test(name))) return false
    return !publicRoutes.some(
      (path) => url === path || (path !== '/' && url.startsWith(`${path}/`)),
    )
  })
  assert.equal(open, [], 'routes without a tenancy test')
  const gone = [...covered].filter((name) => !names.includes(name))
  assert.equal(gone, [], 'routes that no longer exist')
})

tenancy('no API route lets a stranger in', async () => {
  for (const route of [...instanceRoutes, ...Object.keys(ownRoutes), ...Object.keys(thingRoutes)]) {
    assert.is((await call(route, '', things.lead)).status, 401, route)
  }
})

tenancy('the admin of one workspace is not the admin of the instance', async () => {
  for (const route of instanceRoutes) {
    assert.is((await call(route, mine.tokens.admin)).status, 403, route)
  }
})

tenancy('lists and settings show nothing of another workspace', async () => {
  const before = await snapshot()
  for (const route of Object.keys(ownRoutes)) {
    const { status, text } = await call(route, mine.tokens.admin)
    assert.ok(status < 300, `${route}: ${status} ${text}`)
    assert.not.match(text, 'CANARY', route)
    for (const id of Object.values(things)) assert.not.match(text, id, route)
  }
  assert.is(await snapshot(), before)
})

tenancy('a thing of another workspace is not found, and nothing happens to it', async () => {
  const before = await snapshot()
  for (const [route, kind] of Object.entries(thingRoutes)) {
    const { status, text } = await call(route, mine.tokens.admin, things[kind])
    assert.is(status, 404, route)
    assert.not.match(text, 'CANARY', route)
  }
  assert.is(await snapshot(), before)
  assert.equal(api.calls.scored, [])
  assert.equal(api.calls.forgottenTokens, [])
  assert.equal(api.calls.forgottenJobs, [])
  assert.equal(api.calls.forgottenConnections, [])
})

tenancy('the answer is the one for a thing that never was', async () => {
  const nothing = '01890a5d-ac96-774b-bcce-b302099a8057'
  for (const [route, kind] of Object.entries(thingRoutes)) {
    const foreign = await call(route, mine.tokens.admin, things[kind])
    const unknown = await call(route, mine.tokens.admin, nothing)
    assert.equal({ ...foreign.body, requestId: '' }, { ...unknown.body, requestId: '' }, route)
  }
})

tenancy('naming the other workspace in the header does not help', async () => {
  const headers = { 'x-workspace-id': theirs.id }
  for (const [route, kind] of Object.entries(thingRoutes)) {
    const [method = '', path = ''] = route.split(' ')
    const answer = await api.call(method, path.replace(':id', things[kind]), {
      token: mine.tokens.admin,
      headers,
      body: bodies[route]?.(things[kind]),
    })
    assert.is(answer.status, 403, route)
  }
})

tenancy('its own people find all of it', async () => {
  for (const [route, kind] of Object.entries(thingRoutes)) {
    const { status, text } = await call(route, theirs.tokens.admin, things[kind])
    assert.ok(status < 300, `${route}: ${status} ${text}`)
    // Erased by its own route: the rest is asked about a fresh one.
    if (route === 'DELETE /api/v1/leads/:id') {
      things.lead = await insertLead(api.database, { workspaceId: theirs.id })
    }
  }
})

tenancy.run()
