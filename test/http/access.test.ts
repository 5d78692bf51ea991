/**
 * Who may do what: every route × every credential × two workspaces, asked over real HTTP; and that
 * everything a person changes is written down, once, with their name.
 */
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { allows } from '../../src/domain/access.ts'
import { createApiToken } from '../../src/domain/api-tokens.ts'
import { startBackfill } from '../../src/domain/backfill.ts'
import { createConnection } from '../../src/domain/connections.ts'
import { storeDraft } from '../../src/domain/drafts/drafts.ts'
import type { Role } from '../../src/domain/entities/access.ts'
import { FEED_PROTOCOL } from '../../src/domain/feed-protocol.ts'
import { makeToken } from '../../src/domain/tokens.ts'
import {
  ADMIN_TOKEN,
  CRON_SECRET,
  METRICS_TOKEN,
  type TestApi,
  testApi,
  testWorkspace,
} from '../support/api.ts'
import { insertLead, insertMessage, insertRejected } from '../support/lead-rows.ts'
import { storeMessage } from '../support/post-process.ts'
import { compareRoutes, type RouteRow, routeTable, type Thing } from '../support/route-table.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

// Some thousand requests: seconds on a quiet machine, minutes on one that others use.
const test = suite('access', 300_000)
type Workspace = Awaited<ReturnType<typeof testWorkspace>>
let api: TestApi
let url: string
let workspaces: Workspace[]

test.before(async () => {
  // Strangers are asked about often here; their limit has a test of its own.
  api = await testApi({ limits: { failedAttemptsMax: 1_000_000 } })
  url = await api.app.listen({ port: 0, host: '127.0.0.1' })
  workspaces = [await testWorkspace(api, 'North'), await testWorkspace(api, 'South')]
})
test.after(() => api.close())

/** Null role: no credential of the API. `home`: the workspace that it belongs to, where it has one. */
interface Credential {
  name: string
  token: string | null
  role: Role | 'instance' | null
  home: Workspace | null
}

function credentials(): Credential[] {
  const outside = [
    { name: 'none', token: null, role: null },
    { name: 'unknown token', token: makeToken().token, role: null },
    { name: 'cron secret', token: CRON_SECRET, role: null },
    { name: 'instance admin', token: ADMIN_TOKEN, role: 'instance' as const },
  ].map((each) => ({ ...each, home: null }))
  const inside = workspaces.flatMap((home) =>
    (['viewer', 'member', 'admin'] as const).map((role) => ({
      name: `${role} of ${home.name}`,
      token: home.tokens[role],
      role,
      home,
    })),
  )
  return [...outside, ...inside]
}

/** What the table says of it; 200 stands for every success. */
function expected(row: RouteRow, who: Credential, target: Workspace): number {
  if (row.needs === 'nobody') return 200
  if (row.cron && who.token === CRON_SECRET) return 200
  if (row.needs === 'url' || who.role === null) return 401
  if (who.role === 'instance') return 200
  // Without a thing to ask about, the other workspace is named in the header.
  if (who.home !== target && !row.thing) return 403
  if (row.needs === 'instance' || !allows(who.role, row.needs)) return 403
  return who.home === target ? 200 : 404
}

const makers: Record<Thing, (workspaceId: string) => Promise<string>> = {
  async lead(workspaceId) {
    const leadId = await insertLead(api.database, { workspaceId, messageSeq: 1 })
    const message = { body: 'Hi', sentAt: '2026-01-06T10:00:00Z', seq: 1 }
    await insertMessage(api.database, { workspaceId, leadId, ...message })
    return leadId
  },
  async message(workspaceId) {
    const leadId = await insertLead(api.database, { workspaceId, messageSeq: 1 })
    const message = { body: 'Hi', sentAt: '2026-01-06T10:00:00Z', seq: 1 }
    return insertMessage(api.database, { workspaceId, leadId, ...message })
  },
  disqualified: (workspaceId) =>
    insertLead(api.database, { workspaceId, messageSeq: 1, disqualifiedReason: 'x' }),
  rejected: (workspaceId) => insertRejected(api.database, { workspaceId }),
  async token(workspaceId) {
    const token = { workspaceId, name: 'x', role: 'viewer', createdBy: 'test' } as const
    return (await createApiToken(api.database, token)).id
  },
  async connection(workspaceId) {
    const id = uuidv7()
    const kind = { channel: 'sms', provider: 'generic', name: 'x', sealedSignature: null } as const
    await createConnection(api.database, { id, workspaceId, ...kind })
    return id
  },
  async job(workspaceId) {
    const data = { workspaceId, leadId: uuidv7(), messageId: uuidv7(), channel: 'sms' } as const
    await api.database.transaction((tx) => api.jobs.insertPostProcess(tx, [data]))
    return newest('pgboss.job', `data ->> 'leadId' = $1`, data.leadId)
  },
  async backfill(workspaceId) {
    await endBackfills()
    const what = { workspaceId, scope: 'all', ratePerSecond: null, createdBy: 'test' } as const
    const run = await api.database.transaction((tx) => startBackfill(tx, what))
    return String(run?.id)
  },
  async draft(workspaceId) {
    const lead = { email: `${uuidv7()}@harlow.example` }
    const job = await storeMessage(api.database, workspaceId, { lead })
    const draft = { body: 'Hi', model: 'gpt-5-nano', promptVersion: 'draft.generate.v1' }
    await api.database.transaction((tx) => storeDraft(tx, { ...job, channel: 'email' }, draft))
    return newest('ai_draft', 'lead_id = $1::uuid', job.leadId)
  },
}

async function newest(table: string, where: string, value: string): Promise<string> {
  const sql = `select id from ${table} where ${where} order by id desc limit 1`
  const [row] = await api.database.query<{ id: string }>(sql, [value])
  return String(row?.id)
}

const endSimulations = () => api.database.query(`update simulation set state = 'done'`)
const endBackfills = () => api.database.query(`update backfill set state = 'done'`)

/** Things that no call has changed yet, by kind and workspace. */
const fresh = new Map<string, string>()
async function thingOf(kind: Thing, { id }: Workspace): Promise<string> {
  const key = `${kind} ${id}`
  const known = fresh.get(key) ?? (await makers[kind](id))
  fresh.set(key, known)
  return known
}

interface Asked {
  status: number
  audited: { action: string; actor: string; workspaceId: string }[]
}

let auditedUpTo = ''
async function newAudits(): Promise<Asked['audited']> {
  const rows = await api.database.query<Asked['audited'][number] & { id: string }>(
    `select id::text as id, action, actor, workspace_id as "workspaceId" from audit_event
     where id::text > $1 order by id`,
    [auditedUpTo],
  )
  auditedUpTo = rows.at(-1)?.id ?? auditedUpTo
  return rows.map(({ id: _, ...row }) => row)
}

async function ask(route: string, who: Credential, target: Workspace): Promise<Asked> {
  const row = routeTable[route] as RouteRow
  const [method = '', path = ''] = route.split(' ')
  if (row.audit === 'backfill.start') await endBackfills()
  if (row.audit?.startsWith('simulation.')) await endSimulations()
  const id = row.thing ? await thingOf(row.thing, target) : ''
  const filled = path
    .replace(':id', id)
    .replace(':channel', 'sms')
    .replace(':token', makeToken().token)
  const named = who.role === 'instance' || !row.thing
  const headers = {
    ...(who.token && { authorization: `Bearer ${who.token}` }),
    ...(named && { 'x-workspace-id': target.id }),
    ...(row.body && { 'content-type': 'application/json' }),
  }
  const body = row.body && JSON.stringify(row.body(id))
  const request = { method, headers, ...(body && { body }) }
  const status = await (row.stream === 'ws'
    ? upgradeStatus(filled, headers)
    : requestStatus(filled, request))
  // What reading wrote in spite of it would show in the next count.
  const audited = method === 'GET' && !row.audit ? [] : await newAudits()
  if (row.thing && method !== 'GET' && status < 300) fresh.delete(`${row.thing} ${target.id}`)
  return { status, audited }
}

async function requestStatus(path: string, request: RequestInit): Promise<number> {
  const answer = await fetch(`${url}${path}`, request)
  await answer.body?.cancel()
  return answer.status
}

function upgradeStatus(path: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, FEED_PROTOCOL, { headers })
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(200))
    socket.once('unexpected-response', (request, answer) => {
      request.destroy()
      resolve(answer.statusCode ?? 0)
    })
    socket.once('error', reject)
  }).finally(() => socket.terminate()) as Promise<number>
}

test('every route has a row in the table', () => {
  const { missing, gone } = compareRoutes(api.routes)
  assert.equal(missing, [], 'routes without a row in test/support/route-table.ts')
  assert.equal(gone, [], 'routes that no longer exist')
})

test('every route that changes something says what is written down of it', () => {
  const silent = Object.entries(routeTable).filter(
    ([name, { needs, audit }]) =>
      !name.startsWith('GET ') && needs !== 'url' && audit === undefined,
  )
  assert.equal(silent, [])
})

test('every route × every credential × two workspaces: let in or refused as the table says', async () => {
  await newAudits()
  const all = credentials()
  const wrong: string[] = []
  let cells = 0
  for (const [route, row] of Object.entries(routeTable)) {
    for (const who of all) {
      for (const target of workspaces) {
        const { status, audited } = await ask(route, who, target)
        const should = expected(row, who, target)
        const cell = `${route} by ${who.name} in ${target.name}`
        if ((status < 300 ? 200 : status) !== should)
          wrong.push(`${cell}: ${status}, not ${should}`)
        const actions = audited.map(({ action }) => action)
        const due = should === 200 && row.audit && who.role ? [row.audit] : []
        if (String(actions) !== String(due)) wrong.push(`${cell}: wrote ${actions}, not ${due}`)
        const right = audited.every(
          ({ actor, action, workspaceId }) =>
            (action === 'workspace.create' || workspaceId === target.id) &&
            (who.role === 'instance' ? actor === 'instance-admin' : actor.startsWith('token:')),
        )
        if (!right) wrong.push(`${cell}: wrote ${JSON.stringify(audited)}`)
        cells += 1
      }
    }
  }
  assert.equal(wrong, [])
  assert.equal(await newAudits(), [], 'reading writes nothing down')
  const routes = Object.keys(routeTable).length
  assert.is(cells, routes * all.length * 2)
  console.log(
    `access: ${routes} routes × ${all.length} credentials × 2 workspaces: ${cells} as they should be`,
  )
})

test('metrics are for the bearer of METRICS_TOKEN, who may do nothing else', async () => {
  const as = (path: string) => api.call('GET', path, { token: METRICS_TOKEN })
  assert.is((await as('/metrics')).status, 200)
  assert.is((await as('/api/v1/status')).status, 401)
  assert.is((await as('/api/v1/workspaces')).status, 401)
})

test('HEAD is guarded like GET', async () => {
  for (const [name, { needs, stream }] of Object.entries(routeTable)) {
    const [method, path = ''] = name.split(' ')
    if (method !== 'GET' || needs === 'nobody' || stream === 'ws') continue
    const answer = await fetch(`${url}${path.replace(':id', uuidv7())}`, { method: 'HEAD' })
    assert.is(answer.status, 401, name)
  }
})

test('a token that another process revoked is refused, also while in constant use', async () => {
  const other = await testApi({}, api)
  const [{ id: workspaceId }] = workspaces as [Workspace]
  const who = { workspaceId, role: 'viewer', name: 'x', createdBy: 'test' } as const
  const { id, token } = await createApiToken(api.database, who)
  const use = () => other.call('GET', '/api/v1/status', { token }).then(({ status }) => status)
  assert.is(await use(), 200)
  const headers = { 'x-workspace-id': workspaceId }
  const revoked = await api.call('DELETE', `/api/v1/tokens/${id}`, { headers })
  assert.is(revoked.status, 204)
  assert.is((await api.call('GET', '/api/v1/status', { token })).status, 401, 'here at once')
  // Within 4 s by the clock of auth.test.ts; here a slow machine counts.
  await until(use, (status) => status === 401)
  await other.close()
})

test.run()
