import * as assert from 'uvu/assert'
import { hashToken } from '../../src/domain/tokens.ts'
import { PUBLIC_URL, type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { suite } from '../support/suite.ts'

const tenants = suite('workspaces and tokens')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>

tenants.before(async () => {
  api = await testApi()
  workspace = await testWorkspace(api, 'First')
})
tenants.after(() => api.close())

const asAdmin = (method: string, url: string, body?: unknown) =>
  api.call(method, `/api/v1${url}`, { token: workspace.tokens.admin, body })

tenants('a new workspace can receive at once on every channel', async () => {
  const { status, body } = await api.call('POST', '/api/v1/workspaces', { body: { name: 'New' } })
  assert.is(status, 201)
  assert.is(body.name, 'New')
  assert.equal(
    body.connections.map(({ channel, provider }: Record<string, string>) => [channel, provider]),
    ['email', 'sms', 'linkedin', 'smartlead', 'instantly'].map((channel) => [channel, 'generic']),
  )
  for (const { channel, token, webhookUrl } of body.connections) {
    assert.is(webhookUrl, `${PUBLIC_URL}/webhooks/${channel}/${token}`)
    const known = await api.database.query(
      'select 1 from connection where token_hash = $1 and workspace_id = $2::uuid',
      [hashToken(token), body.id],
    )
    assert.is(known.length, 1)
  }
  const headers = { 'x-workspace-id': body.id }
  assert.is((await api.call('GET', '/api/v1/settings', { headers })).status, 200)
})

tenants('a workspace without a usable name is refused', async () => {
  for (const body of [{}, { name: '' }, { name: ' \u0000 ' }, { name: 'x'.repeat(201) }]) {
    const answer = await api.call('POST', '/api/v1/workspaces', { body })
    assert.is(answer.status, 400)
    assert.is(answer.body.errors[0].field, 'name')
  }
})

tenants('workspaces are listed in pages, oldest first', async () => {
  for (const name of ['B', 'C']) {
    await api.call('POST', '/api/v1/workspaces', { body: { name } })
  }
  const names: string[] = []
  let cursor = ''
  do {
    const { body } = await api.call('GET', `/api/v1/workspaces?limit=1${cursor}`)
    assert.is(body.items.length, 1)
    names.push(body.items[0].name)
    cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
  } while (cursor)
  assert.equal(names, ['First', 'New', 'B', 'C'])
})

tenants('a token is shown once and then works', async () => {
  const made = await asAdmin('POST', '/tokens', { name: 'Robot', role: 'viewer' })
  assert.is(made.status, 201)
  const { token, ...rest } = made.body
  assert.match(token, /^lp_[\w-]{43}$/)
  const answer = await api.call('GET', '/api/v1/leads', { token })
  assert.is(answer.status, 200)
  const list = await asAdmin('GET', '/tokens')
  assert.equal(
    list.body.items.find(({ id }: { id: string }) => id === rest.id),
    rest,
  )
  assert.not.match(list.text, /lp_|hash/)
})

tenants('a token with an unknown role or no name is refused', async () => {
  const { status, body } = await asAdmin('POST', '/tokens', { name: '', role: 'owner' })
  assert.is(status, 400)
  assert.equal(
    body.errors.map(({ field }: { field: string }) => field),
    ['name', 'role'],
  )
  assert.match(body.errors[1].message, /admin, member, viewer/)
})

tenants('a revoked token is refused at once, with its sockets and tickets', async () => {
  const { body: made } = await asAdmin('POST', '/tokens', { name: 'Leaver', role: 'member' })
  const { token } = made
  assert.is((await api.call('GET', '/api/v1/leads', { token })).status, 200)
  await api.database.query(
    `insert into feed_ticket (ticket_hash, workspace_id, role, principal, expires_at)
     values ('h', $1::uuid, 'member', $2, now() + interval '30 seconds')`,
    [workspace.id, `token:${made.id}`],
  )
  const revoked = await asAdmin('DELETE', `/tokens/${made.id.toUpperCase()}`)
  assert.is(revoked.status, 204)
  assert.is((await api.call('GET', '/api/v1/leads', { token })).status, 401)
  assert.equal(api.calls.forgottenTokens, [`token:${made.id}`])
  assert.equal(await api.database.query('select 1 from feed_ticket'), [])
  assert.is((await asAdmin('DELETE', `/tokens/${made.id}`)).status, 404)
})

tenants('who made and revoked tokens is kept', async () => {
  const { body: made } = await asAdmin('POST', '/tokens', { name: 'x', role: 'viewer' })
  await asAdmin('DELETE', `/tokens/${made.id}`)
  const events = await api.database.query(
    'select action, detail from audit_event where target_id = $1 order by at, id',
    [made.id],
  )
  assert.equal(events, [
    { action: 'token.create', detail: { role: 'viewer' } },
    { action: 'token.revoke', detail: null },
  ])
})

tenants.run()
