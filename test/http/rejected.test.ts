import * as assert from 'uvu/assert'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { insertRejected } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const rejected = suite('rejected deliveries')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>
let id = ''

rejected.before(async () => {
  api = await testApi()
  workspace = await testWorkspace(api, 'First')
})
rejected.before.each(async () => {
  await api.database.query('delete from rejected_delivery')
  const connectionId = workspace.connections[0]?.id as string
  id = await insertRejected(api.database, { workspaceId: workspace.id, connectionId })
})
rejected.after(() => api.close())

const list = (query = '') =>
  api.call('GET', `/api/v1/rejected${query}`, { token: workspace.tokens.viewer })
const replay = (token = workspace.tokens.member) =>
  api.call('POST', `/api/v1/rejected/${id}/replay`, { token })

rejected('the list says what was not understood, without the body', async () => {
  const { status, body } = await list()
  assert.is(status, 200)
  const { receivedAt, ...row } = body.items[0]
  assert.match(receivedAt, /Z$/)
  assert.equal(row, {
    id,
    connectionId: workspace.connections[0]?.id,
    channel: 'email',
    provider: 'emailbison',
    reason: 'emailbison: event: unknown',
    field: 'event',
    contentType: 'application/json',
    bodyBytes: 2,
    deliveries: 1,
    replayedAt: null,
    replayResult: null,
  })
})

rejected('it is paged, newest first', async () => {
  const older = await insertRejected(api.database, {
    workspaceId: workspace.id,
    receivedAt: '2026-01-01T00:00:00Z',
  })
  const first = await list('?limit=1')
  assert.is(first.body.items[0].id, id)
  const second = await list(`?limit=1&cursor=${first.body.nextCursor}`)
  assert.is(second.body.items[0].id, older)
  assert.is(second.body.nextCursor, null)
})

rejected('a replay that is understood now closes the delivery', async () => {
  api.answers.replay = { status: 'accepted', messageId: 'm-1' }
  const { status, body } = await replay()
  assert.is(status, 200)
  assert.equal(body, { status: 'accepted', messageId: 'm-1' })
  const [row] = (await list('?state=replayed')).body.items
  assert.is(row.replayResult, 'accepted')
  assert.match(row.replayedAt, /Z$/)
  assert.equal((await list('?state=open')).body.items, [])
})

rejected('a replay that is rejected again leaves it open, with the reason', async () => {
  api.answers.replay = { status: 'rejected', reason: 'emailbison: no lead', field: 'lead' }
  const { status, body } = await replay()
  assert.is(status, 200)
  assert.equal(body, { status: 'rejected', reason: 'emailbison: no lead', field: 'lead' })
  const [row] = (await list('?state=open')).body.items
  assert.is(row.replayResult, 'rejected: emailbison: no lead')
  assert.equal((await list('?state=replayed')).body.items, [])
})

rejected('a replay that could not be stored is to be tried again and noted nowhere', async () => {
  api.answers.replay = { status: 'unavailable' }
  const answer = await replay()
  assert.is(answer.status, 503)
  assert.ok(answer.headers['retry-after'])
  assert.is((await list()).body.items[0].replayedAt, null)
})

rejected('an unknown delivery is not found', async () => {
  id = '01890a5d-ac96-774b-bcce-b302099a8057'
  assert.is((await replay()).status, 404)
  id = 'x'
  assert.is((await replay()).status, 400)
})

rejected('a viewer replays nothing, and an unknown state is refused', async () => {
  assert.is((await replay(workspace.tokens.viewer)).status, 403)
  const answer = await list('?state=closed')
  assert.is(answer.status, 400)
  assert.is(answer.body.errors[0].field, 'state')
})

rejected.run()
