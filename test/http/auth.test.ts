import * as assert from 'uvu/assert'
import type { Sql } from '../../src/domain/sql.ts'
import { hashToken, makeToken } from '../../src/domain/tokens.ts'
import { authenticator } from '../../src/http/auth.ts'
import { ADMIN_TOKEN, CRON_SECRET, type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { suite } from '../support/suite.ts'

const auth = suite('authentication')
let api: TestApi
let first: Awaited<ReturnType<typeof testWorkspace>>
let second: Awaited<ReturnType<typeof testWorkspace>>

auth.before(async () => {
  api = await testApi()
  first = await testWorkspace(api, 'First')
  second = await testWorkspace(api, 'Second')
})
auth.after(() => api.close())

const status = async (headers: Record<string, string>) => {
  const answer = await api.call('GET', '/api/v1/status', { token: null, headers })
  return answer
}

auth('a request without a token is told to bring one', async () => {
  const answer = await status({})
  assert.is(answer.status, 401)
  assert.is(answer.headers['www-authenticate'], 'Bearer')
  assert.is(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
  assert.is(answer.body.type, 'urn:leadpulse:problem:unauthorized')
})

auth('wrong tokens of every shape are refused', async () => {
  const { token } = makeToken()
  for (const authorization of [
    `Bearer ${token}`,
    `Bearer ${ADMIN_TOKEN}x`,
    `Bearer ${ADMIN_TOKEN.slice(0, -1)}`,
    `Basic ${ADMIN_TOKEN}`,
    ADMIN_TOKEN,
    'Bearer',
    'Bearer  ',
    `Bearer ${'x'.repeat(600)}`,
    `Bearer ${hashToken(first.tokens.admin)}`,
    `Bearer ${CRON_SECRET}`,
  ]) {
    const answer = await status({ authorization })
    assert.is(answer.status, 401, authorization)
    assert.is(answer.headers['www-authenticate'], 'Bearer error="invalid_token"')
  }
})

auth('a stranger is refused before the body is looked at', async () => {
  const headers = { 'content-type': 'application/json' }
  const answer = await api.call('POST', '/api/v1/tokens', { token: null, headers, body: '{' })
  assert.is(answer.status, 401)
})

auth('the admin token acts in the first workspace unless another is named', async () => {
  const nameOf = async (headers: Record<string, string>) => {
    const { body } = await api.call('GET', '/api/v1/tokens', { headers })
    return body.items.map(({ id }: { id: string }) => id).sort()
  }
  const named = (id: string) => nameOf({ 'x-workspace-id': id })
  assert.equal(await nameOf({}), await named(first.id))
  assert.not.equal(await nameOf({}), await named(second.id))
  assert.equal(await named(first.id), await named(first.id.toUpperCase()))
})

auth('a workspace that does not exist is not found, and what is no id is named', async () => {
  const unknown = await status({
    authorization: `Bearer ${ADMIN_TOKEN}`,
    'x-workspace-id': '01890a5d-ac96-774b-bcce-b302099a8057',
  })
  assert.is(unknown.status, 404)
  const wrong = await status({
    authorization: `Bearer ${ADMIN_TOKEN}`,
    'x-workspace-id': `' or true --`,
  })
  assert.is(wrong.status, 400)
  assert.is(wrong.body.errors[0].field, 'X-Workspace-Id')
})

auth('a workspace token may name its own workspace and no other', async () => {
  const authorization = `Bearer ${second.tokens.viewer}`
  assert.is((await status({ authorization, 'x-workspace-id': second.id })).status, 200)
  assert.is((await status({ authorization, 'x-workspace-id': first.id })).status, 403)
  const nowhere = '01890a5d-ac96-774b-bcce-b302099a8057'
  assert.is((await status({ authorization, 'x-workspace-id': nowhere })).status, 403)
})

auth('a role may do what it includes and nothing above', async () => {
  const { viewer, member, admin } = first.tokens
  const statusOf = async (method: string, url: string, token: string, body?: object) =>
    (await api.call(method, url, { token, body })).status
  assert.is(await statusOf('GET', '/api/v1/settings', viewer), 200)
  assert.is(await statusOf('PUT', '/api/v1/settings', viewer, {}), 403)
  assert.is(await statusOf('PUT', '/api/v1/settings', member, {}), 200)
  assert.is(await statusOf('GET', '/api/v1/tokens', member), 403)
  assert.is(await statusOf('GET', '/api/v1/tokens', admin), 200)
  assert.is(await statusOf('GET', '/api/v1/workspaces', admin), 403)
  assert.is(await statusOf('POST', '/api/v1/workspaces', admin, { name: 'x' }), 403)
})

auth('answers are not to be cached', async () => {
  const answer = await status({ authorization: `Bearer ${ADMIN_TOKEN}` })
  assert.is(answer.headers['cache-control'], 'no-store')
})

auth('the cron secret opens nothing but itself', () => {
  const store: Sql = { query: async () => [] }
  const withCron = authenticator({
    store,
    adminTokenHash: hashToken(ADMIN_TOKEN),
    cronSecretHash: hashToken(CRON_SECRET),
  })
  assert.is(withCron.isCron(`Bearer ${CRON_SECRET}`), true)
  assert.is(withCron.isCron(`Bearer ${ADMIN_TOKEN}`), false)
  assert.is(withCron.isCron(undefined), false)
  const withoutCron = authenticator({ store, adminTokenHash: hashToken(ADMIN_TOKEN) })
  assert.is(withoutCron.isCron(`Bearer ${CRON_SECRET}`), false)
})

auth('a token is looked up once in four seconds, and again after', async () => {
  let now = 1000
  let lookUps = 0
  const row = { id: 't-1', workspaceId: 'w-1', role: 'viewer' }
  const store = { query: async () => [row].slice(0, ++lookUps) } as unknown as Sql
  const cached = authenticator({ store, adminTokenHash: hashToken(ADMIN_TOKEN), now: () => now })
  await cached.authenticate('Bearer some-token', undefined)
  now += 3999
  await cached.authenticate('Bearer some-token', undefined)
  assert.is(lookUps, 1)
  now += 2
  await cached.authenticate('Bearer some-token', undefined)
  assert.is(lookUps, 2)
})

auth('a revocation overtaken by a look-up still holds', async () => {
  const row = { id: 't-1', workspaceId: 'w-1', role: 'viewer' }
  let answer: (rows: object[]) => void = () => {}
  const query = () =>
    new Promise<object[]>((resolve) => {
      answer = resolve
    })
  const store = { query } as unknown as Sql
  const cached = authenticator({ store, adminTokenHash: hashToken(ADMIN_TOKEN) })
  const early = cached.authenticate('Bearer some-token', undefined)
  cached.invalidate(hashToken('some-token'))
  answer([row])
  assert.ok(await early)
  const late = cached.authenticate('Bearer some-token', undefined)
  answer([])
  assert.is(await late, null)
})

auth.run()
