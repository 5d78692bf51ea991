import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { storeDraft } from '../../src/domain/drafts/drafts.ts'
import { type Answer, type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { insertLead, insertMessage, insertRejected, insertScore } from '../support/lead-rows.ts'
import { storeMessage } from '../support/post-process.ts'
import {
  compareRoutes,
  type RouteRow,
  routeTable,
  rowsWhere,
  type Thing,
} from '../support/route-table.ts'
import { suite } from '../support/suite.ts'

const hasRole = ({ needs }: RouteRow) => needs !== 'nobody' && needs !== 'url'
/** Lists and singletons: what the other workspace has must not be in the answer. */
const ownRoutes = rowsWhere((row) => hasRole(row) && row.needs !== 'instance' && !row.thing)
  // Those two answer with a connection that stays: feed.test.ts and access.test.ts.
  .filter(([, { stream }]) => !stream)
const thingRoutes = rowsWhere((row) => row.thing !== undefined) as [
  string,
  RouteRow & { thing: Thing },
][]
const instanceRoutes = rowsWhere(({ needs }) => needs === 'instance')

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
  const message = await insertMessage(database, {
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
    message,
    disqualified: leadId,
    draft: await pendingDraft(workspaceId),
    token: made.body.id,
    connection: connected.body.id,
    rejected: await insertRejected(database, { workspaceId }),
    job: await deadJob(workspaceId, leadId),
    backfill: run.body.id,
  }
})
tenancy.after(() => api.close())

async function pendingDraft(workspaceId: string): Promise<string> {
  const { database } = api
  const lead = { email: 'canary@harlow.example', firstName: 'CANARY' }
  const job = await storeMessage(database, workspaceId, { lead })
  const draft = { body: 'CANARY', model: 'gpt-5-nano', promptVersion: 'draft.generate.v1' }
  await database.transaction((tx) => storeDraft(tx, { ...job, channel: 'email' }, draft))
  const [made] = await database.query<{ id: string }>(
    'select id from ai_draft where workspace_id = $1::uuid',
    [workspaceId],
  )
  return String(made?.id)
}

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
const call = (route: string, token: string, id = ''): Promise<Answer> => {
  const [method = '', path = ''] = route.split(' ')
  const body = routeTable[route]?.body?.(id)
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

tenancy('every route has a row in the table', () => {
  const { missing, gone } = compareRoutes(api.routes)
  assert.equal(missing, [], 'routes without a row in test/support/route-table.ts')
  assert.equal(gone, [], 'routes that no longer exist')
})

tenancy('no API route lets a stranger in', async () => {
  for (const [route] of rowsWhere(hasRole)) {
    if (routeTable[route]?.stream === 'ws') continue
    assert.is((await call(route, '', things.lead)).status, 401, route)
  }
})

tenancy('the admin of one workspace is not the admin of the instance', async () => {
  for (const [route] of instanceRoutes) {
    assert.is((await call(route, mine.tokens.admin)).status, 403, route)
  }
})

tenancy('lists and settings show nothing of another workspace', async () => {
  const before = await snapshot()
  for (const [route] of ownRoutes) {
    const { status, text } = await call(route, mine.tokens.admin)
    assert.ok(status < 300, `${route}: ${status} ${text}`)
    assert.not.match(text, 'CANARY', route)
    for (const id of Object.values(things)) assert.not.match(text, id, route)
  }
  assert.is(await snapshot(), before)
})

tenancy('a thing of another workspace is not found, and nothing happens to it', async () => {
  const before = await snapshot()
  for (const [route, { thing: kind }] of thingRoutes) {
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
  for (const [route, { thing: kind }] of thingRoutes) {
    const foreign = await call(route, mine.tokens.admin, things[kind])
    const unknown = await call(route, mine.tokens.admin, nothing)
    assert.equal({ ...foreign.body, requestId: '' }, { ...unknown.body, requestId: '' }, route)
  }
})

tenancy('naming the other workspace in the header does not help', async () => {
  const headers = { 'x-workspace-id': theirs.id }
  for (const [route, { thing: kind }] of thingRoutes) {
    const [method = '', path = ''] = route.split(' ')
    const answer = await api.call(method, path.replace(':id', things[kind]), {
      token: mine.tokens.admin,
      headers,
      body: routeTable[route]?.body?.(things[kind]),
    })
    assert.is(answer.status, 403, route)
  }
})

tenancy('its own people find all of it', async () => {
  for (const [route, { thing: kind }] of thingRoutes) {
    const { status, text } = await call(route, theirs.tokens.admin, things[kind])
    assert.ok(status < 300, `${route}: ${status} ${text}`)
    if (kind === 'draft') {
      await api.database.query(`update ai_draft set status = 'pending'`)
    }
    // Erased by its own route: the rest is asked about a fresh one.
    if (route === 'DELETE /api/v1/leads/:id') {
      things.lead = await insertLead(api.database, { workspaceId: theirs.id })
    }
  }
})

tenancy.run()
