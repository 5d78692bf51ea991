import * as assert from 'uvu/assert'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { suite } from '../support/suite.ts'

const settings = suite('settings')
let api: TestApi
let tokens: Awaited<ReturnType<typeof testWorkspace>>['tokens']

settings.before(async () => {
  api = await testApi()
  tokens = (await testWorkspace(api, 'First')).tokens
})
settings.after(() => api.close())

const read = async () => (await api.call('GET', '/api/v1/settings', { token: tokens.viewer })).body
const put = (body: unknown) => api.call('PUT', '/api/v1/settings', { token: tokens.member, body })
const putAsAdmin = (body: unknown) =>
  api.call('PUT', '/api/v1/settings', { token: tokens.admin, body })
const errorsOf = async (body: unknown) => {
  const answer = await put(body)
  assert.is(answer.status, 400, answer.text)
  assert.is(answer.body.type, 'urn:leadpulse:problem:validation')
  return answer.body.errors as { field: string; message: string }[]
}
const fieldsOf = async (body: unknown) => (await errorsOf(body)).map(({ field }) => field)

settings('a new workspace has no profile and the windows of the instance', async () => {
  const { updatedAt, ...rest } = await read()
  assert.match(updatedAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.equal(rest, {
    companyName: null,
    serviceDescription: null,
    idealCustomerProfile: null,
    qualificationQuestions: [],
    quietMs: null,
    maxWaitMs: null,
    draftsEnabled: false,
    monthlyAiBudgetUsd: null,
    clayWebhookUrl: null,
    effective: { quietMs: 3000, maxWaitMs: 15_000 },
  })
})

settings('a change leaves what it does not name', async () => {
  const questions = ['Budget?', 'Team "size", {really}?']
  await put({ companyName: ' Acme ', qualificationQuestions: questions, monthlyAiBudgetUsd: 12.5 })
  const answer = await put({ idealCustomerProfile: 'Logistics, 50+ people', draftsEnabled: true })
  assert.is(answer.status, 200)
  assert.is(answer.body.companyName, 'Acme')
  assert.equal(answer.body.qualificationQuestions, questions)
  assert.is(answer.body.monthlyAiBudgetUsd, 12.5)
  assert.is(answer.body.draftsEnabled, true)
  assert.equal(await read(), answer.body)
})

settings('null and empty text take a value back', async () => {
  await putAsAdmin({ companyName: 'Acme', clayWebhookUrl: 'https://api.clay.com/v3/x', quietMs: 0 })
  const { body } = await putAsAdmin({ companyName: '  ', clayWebhookUrl: null, quietMs: null })
  assert.is(body.companyName, null)
  assert.is(body.clayWebhookUrl, null)
  assert.is(body.effective.quietMs, 3000)
})

settings('only an admin chooses where the data of leads is sent', async () => {
  const clayWebhookUrl = 'https://api.clay.com/v3/y'
  const refused = await put({ clayWebhookUrl })
  assert.is(refused.status, 403)
  await putAsAdmin({ clayWebhookUrl })
  // A form of a member sends back what it was shown.
  const same = await put({ companyName: 'Acme', clayWebhookUrl })
  assert.is(same.status, 200)
  for (const inner of ['https://127.0.0.1/', 'https://metadata.google.internal/', 'https://x/']) {
    const answer = await putAsAdmin({ clayWebhookUrl: inner })
    assert.is(answer.status, 400, inner)
  }
})

settings('NUL bytes and broken characters do not reach the database', async () => {
  const { status, body } = await put({ companyName: 'Ac\u0000me \ud83d' })
  assert.is(status, 200)
  assert.is(body.companyName, 'Acme \ufffd')
})

settings('every field out of its bounds is named', async () => {
  assert.equal(await fieldsOf({ quietMs: 600_001, maxWaitMs: -1 }), ['quietMs', 'maxWaitMs'])
  assert.equal(await fieldsOf({ quietMs: 1.5 }), ['quietMs'])
  assert.equal(await fieldsOf({ quietMs: '3000' }), ['quietMs'])
  assert.equal(await fieldsOf({ monthlyAiBudgetUsd: -0.01 }), ['monthlyAiBudgetUsd'])
  assert.equal(await fieldsOf({ draftsEnabled: 'yes' }), ['draftsEnabled'])
  assert.equal(await fieldsOf({ companyName: 7 }), ['companyName'])
  assert.equal(await fieldsOf({ idealCustomerProfile: 'x'.repeat(20_001) }), [
    'idealCustomerProfile',
  ])
  for (const clayWebhookUrl of ['http://api.clay.com', 'javascript:alert(1)', 'clay', '']) {
    assert.equal(await fieldsOf({ clayWebhookUrl }), ['clayWebhookUrl'], clayWebhookUrl)
  }
})

settings('of a list the wrong entry is named', async () => {
  assert.equal(await fieldsOf({ qualificationQuestions: ['ok', 'x'.repeat(501), ' '] }), [
    'qualificationQuestions.1',
    'qualificationQuestions.2',
  ])
  assert.equal(await fieldsOf({ qualificationQuestions: new Array(51).fill('?') }), [
    'qualificationQuestions',
  ])
  assert.equal(await fieldsOf({ qualificationQuestions: null }), ['qualificationQuestions'])
})

settings('an unknown field is named and nothing is changed', async () => {
  await put({ companyName: 'Before' })
  assert.equal(await errorsOf({ companyName: 'After', idealCustomer: 'x' }), [
    { field: 'idealCustomer', message: 'is not a known field' },
  ])
  assert.is((await read()).companyName, 'Before')
})

settings('a longest wait below the quiet window is refused, whichever is sent', async () => {
  assert.equal(await errorsOf({ maxWaitMs: 2999 }), [
    { field: 'maxWaitMs', message: 'takes at least quietMs, which is 3000' },
  ])
  assert.equal(await errorsOf({ quietMs: 15_001 }), [
    { field: 'quietMs', message: 'takes at most maxWaitMs, which is 15000' },
  ])
  assert.equal(await fieldsOf({ quietMs: 2000, maxWaitMs: 1000 }), ['maxWaitMs'])
  assert.is((await read()).quietMs, null)
  const { body } = await put({ quietMs: 20_000, maxWaitMs: 20_000 })
  assert.equal(body.effective, { quietMs: 20_000, maxWaitMs: 20_000 })
  await put({ quietMs: null, maxWaitMs: null })
})

settings('a body that is no object is refused', async () => {
  for (const body of [[], '"text"', 'null']) {
    const headers = { 'content-type': 'application/json' }
    const answer = await api.call('PUT', '/api/v1/settings', { body, headers })
    assert.is(answer.status, 400, JSON.stringify(body))
    assert.is(answer.body.errors[0].field, 'body')
  }
})

settings('who changed which fields is kept, without their contents', async () => {
  await put({ serviceDescription: 'A canary in the audit' })
  const [event] = await api.database.query<{ actor: string; detail: unknown }>(
    `select actor, detail from audit_event where action = 'settings.update'
     order by at desc, id desc limit 1`,
  )
  assert.match(event?.actor ?? '', /^token:[\da-f-]{36}$/)
  assert.equal(event?.detail, { fields: ['serviceDescription'] })
})

settings.run()
