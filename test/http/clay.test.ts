import * as assert from 'uvu/assert'
import { contactsOf } from '../../src/domain/contacts.ts'
import { callbackTokens as makeTokens } from '../../src/domain/enrichment/callback-token.ts'
import { callbackTokens, type TestApi, testApi } from '../support/api.ts'
import { makeWorkspace } from '../support/events.ts'
import { leadSeen, storeMessage } from '../support/post-process.ts'
import { suite } from '../support/suite.ts'

const test = suite('answers of an enrichment')
let api: TestApi
let workspace: string
test.before(async () => {
  api = await testApi()
  workspace = (await makeWorkspace(api.database)).id
})
test.before.each(() => {
  api.calls.scored.length = 0
})
test.after(() => api.close())

const lead = async (name: string, workspaceId = workspace) => {
  const job = await storeMessage(api.database, workspaceId, {
    lead: { email: `${name}@harlow.example`, company: 'Harlow' },
  })
  return { workspaceId, leadId: job.leadId }
}
const post = (token: string, body: unknown) =>
  api.call('POST', `/webhooks/clay/${token}`, { token: null, body })
const profile = async (leadId: string) => {
  const [row] = await api.database.query(
    'select company, title, industry, headcount from lead where id = $1::uuid',
    [leadId],
  )
  return row
}

test('blanks are filled, nothing known is overwritten, and a score follows', async () => {
  const dana = await lead('dana')
  const token = callbackTokens.make(dana)
  const answer = {
    company: 'Somebody Else Inc',
    title: ' COO ',
    industry: 'Freight\u0000',
    headcount: 180,
    phone: '(212) 555-0187',
    linkedinUrl: 'https://linkedin.com/company/harlow',
    email: 'not an address',
    'Clay run id': { nested: true },
  }
  const first = await post(token, answer)
  assert.is(first.status, 200, first.text)
  assert.equal(first.body, { status: 'accepted' })
  assert.equal(await profile(dana.leadId), {
    company: 'Harlow',
    title: 'COO',
    industry: 'Freight',
    headcount: '180',
  })
  assert.equal(await contactsOf(api.database, dana.leadId), [
    { kind: 'phone', value: '+12125550187', foundIn: 'enrichment' },
  ])
  assert.is((await leadSeen(api.database, dana.leadId)).messageSeq, 2)
  assert.equal(api.calls.scored, [dana])

  const again = await post(token, answer)
  assert.equal(again.body, { status: 'ignored', reason: 'nothing new' })
  assert.is((await leadSeen(api.database, dana.leadId)).messageSeq, 2)
  assert.is(api.calls.scored.length, 1)
})

test('a token opens one lead of one workspace, for a month', async () => {
  const other = (await makeWorkspace(api.database, 'Other')).id
  const mine = await lead('mine')
  // Signed by us for a lead that the named workspace does not have.
  const crossed = callbackTokens.make({ workspaceId: other, leadId: mine.leadId })
  assert.equal((await post(crossed, { title: 'CEO' })).body, {
    status: 'ignored',
    reason: 'the lead is gone',
  })
  const tokens = (options: { key?: number; now?: string }) =>
    makeTokens({
      secretsKey: Buffer.alloc(32, options.key ?? 7),
      now: () => new Date(options.now ?? Date.now()),
    })
  const bytes = Buffer.from(callbackTokens.make(mine), 'base64url')
  const refused = [
    tokens({ key: 8 }).make(mine),
    tokens({ now: '2020-01-01' }).make(mine),
    'nonsense',
    '',
    bytes.subarray(1).toString('base64url'),
    ...[0, 10, 30, 60].map((at) => {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      return changed.toString('base64url')
    }),
  ]
  for (const token of refused) {
    const { status } = await post(token, { title: 'CEO' })
    assert.ok(status === 401 || (token === '' && status === 404), `${token}: ${status}`)
  }
  assert.equal((await profile(mine.leadId)) as object, {
    company: 'Harlow',
    title: null,
    industry: null,
    headcount: null,
  })
  assert.equal(api.calls.scored, [])
})

test('a body that is no answer is refused by its field', async () => {
  const token = callbackTokens.make(await lead('wrong'))
  const wrong = await post(token, { title: ['COO'] })
  assert.is(wrong.status, 400)
  assert.is(wrong.body.errors[0].field, 'title')
  assert.is((await post(token, [1])).status, 400)
})

test.run()
