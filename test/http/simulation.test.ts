import * as assert from 'uvu/assert'
import { markDemo, reportSimulation } from '../../src/domain/simulation.ts'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { storage } from '../support/database.ts'
import { insertLead, insertMessage } from '../support/lead-rows.ts'
import { assertLockOrder } from '../support/lock-order.ts'
import { suite } from '../support/suite.ts'

const test = suite('simulation over HTTP')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>
test.before(async () => {
  api = await testApi()
  workspace = await testWorkspace(api, 'Simulation')
})
test.after(() => api.close())

type Role = keyof typeof workspace.tokens
const call = (method: string, body?: unknown, role: Role = 'admin') =>
  api.call(method, '/api/v1/simulation', { token: workspace.tokens[role], body })
const lastRun = () => {
  const run = api.calls.simulated.at(-1)
  assert.ok(run)
  return run
}
const end = (runId: string) =>
  reportSimulation(api.database, { runId, state: 'done', sent: 3, failed: 0, messageIds: [] })

test('there is none at first, which a viewer may see', async () => {
  const { status, body } = await call('GET', undefined, 'viewer')
  assert.is(status, 200)
  assert.is(body.state, 'none')
  assert.is(body.demoLeads, 0)
})

test('only an admin starts or removes one', async () => {
  for (const method of ['POST', 'DELETE']) {
    assert.is((await call(method, undefined, 'member')).status, 403)
  }
  assert.equal(api.calls.simulated, [])
})

test('a minute of it is composed and played, one at a time', async () => {
  const { status, body } = await call('POST')
  assert.is(status, 202)
  assert.is(body.state, 'running')
  assert.is(body.webhooks, 240)
  const { workspaceId, deliveries } = lastRun()
  assert.is(workspaceId, workspace.id)
  assert.is(deliveries.length, 240)
  assert.ok(Math.max(...deliveries.map(({ atMs }) => atMs)) <= 60_000)
  const second = await call('POST')
  assert.is(second.status, 409)
  assert.is(second.body.detail, 'A simulation is under way')
  assert.is((await call('DELETE')).status, 409)
})

test('one that is not heard of any more counts as stopped, and another may start', async () => {
  const { runId } = lastRun()
  await api.database.query(`update simulation set heard_at = now() - interval '1 hour'`)
  assert.is((await call('GET')).body.state, 'stopped')
  assert.is((await call('POST', { seconds: 1, leads: 2, webhooksPerSecond: 3 })).status, 202)
  await end(runId)
  assert.is((await call('GET')).body.state, 'running', 'what the old one says is not heard')
  await end(lastRun().runId)
  const { body } = await call('GET')
  assert.is(body.state, 'done')
  assert.is(body.sent, 3)
  assert.ok(body.endedAt)
})

test('removal erases demo leads and nobody else', async () => {
  const workspaceId = workspace.id
  const real = await insertLead(api.database, { workspaceId, firstName: 'Real' })
  const demo = await insertLead(api.database, { workspaceId, firstName: 'Demo', messageSeq: 1 })
  const sentAt = '2026-11-24T09:00:00Z'
  const message = { workspaceId, leadId: demo, body: 'Hi', sentAt, seq: 1 }
  await markDemo(api.database, [await insertMessage(api.database, message)])
  const token = workspace.tokens.viewer
  const leads = (await api.call('GET', '/api/v1/leads', { token })).body.items
  assert.equal(
    leads.map(({ id, demo }: { id: string; demo: boolean }) => [id, demo]).sort(),
    [
      [real, false],
      [demo, true],
    ].sort(),
  )
  assert.equal((await call('DELETE')).body, { removed: 1 })
  const left = await api.database.query<{ id: string }>('select id from lead')
  assert.equal(left, [{ id: real }])
  assert.equal(
    api.calls.forgottenJobs.map(({ leadId }) => leadId),
    [demo],
  )
})

if (storage === 'postgres') {
  test('marking leads as made up never deadlocks with the ingest that writes them', async () => {
    const workspaceId = workspace.id
    const leads: string[] = []
    const messages: string[] = []
    for (const seq of [1, 2]) {
      const leadId = await insertLead(api.database, { workspaceId, messageSeq: 1 })
      const message = { workspaceId, leadId, body: 'Hi', sentAt: '2026-11-24T09:00:00Z', seq }
      leads.push(leadId)
      messages.push(await insertMessage(api.database, message))
    }
    await assertLockOrder(api.database, leads, () => markDemo(api.database, messages))
  })
}

test('wrong numbers are named, and Clay must not hear of made-up people', async () => {
  const { body } = await call('POST', { seconds: 0, leads: 'many' })
  assert.equal(body.errors, [
    { field: 'leads', message: 'takes a whole number from 1 to 200' },
    { field: 'seconds', message: 'takes a whole number from 1 to 300' },
  ])
  await api.call('PUT', '/api/v1/settings', {
    token: workspace.tokens.admin,
    body: { clayWebhookUrl: 'https://api.clay.com/v3/x' },
  })
  const refused = await call('POST')
  assert.is(refused.status, 409)
  assert.match(refused.body.detail, /^clayWebhookUrl is set/)
})

test.run()
