import * as assert from 'uvu/assert'
import { storeDraft } from '../../src/domain/drafts/drafts.ts'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { storeMessage } from '../support/post-process.ts'
import { suite } from '../support/suite.ts'

const test = suite('reply drafts')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>
test.before(async () => {
  api = await testApi()
  workspace = await testWorkspace(api, 'Northpeak')
})
test.after(() => api.close())

const call = (method: string, path: string, role: 'member' | 'viewer' = 'member') =>
  api.call(method, `/api/v1/drafts${path}`, { token: workspace.tokens[role] })
async function made(name: string): Promise<string> {
  const job = await storeMessage(api.database, workspace.id, {
    lead: { email: `${name}@harlow.example`, firstName: name },
  })
  const draft = { body: `Hi ${name}`, model: 'gpt-5-nano', promptVersion: 'draft.generate.v1' }
  await api.database.transaction((tx) => storeDraft(tx, { ...job, channel: 'email' }, draft))
  // A repeated job must not make a second one.
  await api.database.transaction((tx) => storeDraft(tx, { ...job, channel: 'email' }, draft))
  const { body } = await call('GET', '?status=pending&limit=1')
  assert.is(body.items[0].body, `Hi ${name}`)
  return body.items[0].id
}

test('pending drafts are listed newest first and paged', async () => {
  await made('Ann')
  await made('Bob')
  const first = await call('GET', '?status=pending&limit=1', 'viewer')
  assert.is(first.body.items[0].leadName, 'Bob')
  const next = await call('GET', `?status=pending&limit=1&cursor=${first.body.nextCursor}`)
  assert.is(next.body.items[0].leadName, 'Ann')
  assert.is(next.body.nextCursor, null)
})

test('a person decides once, and it is written down who', async () => {
  const id = await made('Cid')
  const approved = await call('POST', `/${id}/approve`)
  assert.is(approved.status, 200, approved.text)
  assert.is(approved.body.status, 'approved')
  assert.match(approved.body.decidedBy, /./)
  assert.is((await call('POST', `/${id}/dismiss`)).status, 409)
  const pending = await call('GET', '?status=pending')
  assert.not.ok(pending.body.items.some((draft: { id: string }) => draft.id === id))
  const [event] = await api.database.query<{ action: string }>(
    'select action from audit_event where target_id = $1',
    [id],
  )
  assert.is(event?.action, 'draft.approve')
  const dismissed = await call('POST', `/${await made('Dee')}/dismiss`)
  assert.is(dismissed.body.status, 'dismissed')
})

test('another workspace and a viewer decide nothing', async () => {
  const id = await made('Eve')
  assert.is((await call('POST', `/${id}/approve`, 'viewer')).status, 403)
  const other = await testWorkspace(api, 'Other')
  const answer = await api.call('POST', `/api/v1/drafts/${id}/approve`, {
    token: other.tokens.admin,
  })
  assert.is(answer.status, 404)
  assert.equal(
    (await api.call('GET', '/api/v1/drafts', { token: other.tokens.viewer })).body.items,
    [],
  )
})

test.run()
