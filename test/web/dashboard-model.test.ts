/** The page where a model scores: its cost, drafts to decide, and what to do when it fails. */
import * as assert from 'uvu/assert'
import { hasChromium } from '../support/chromium.ts'
import { auditedEverywhere, type Dashboard, openDashboard } from '../support/dashboard.ts'
import { type FakeOpenAi, fakeOpenAi, fault } from '../support/fake-openai.ts'
import { suite } from '../support/suite.ts'

const page = suite('dashboard with a model')
const test = hasChromium() ? page : page.skip
let fake: FakeOpenAi
let dashboard: Dashboard
let refusing = true

page.before(async () => {
  if (test === page.skip) return
  fake = await fakeOpenAi()
  fake.respondWith((call) => {
    const said = call.transcript.at(-1)?.text ?? ''
    return refusing && said.includes('strange') ? fault.refusal() : undefined
  })
  dashboard = await openDashboard({ OPENAI_API_KEY: fake.apiKey, OPENAI_BASE_URL: fake.url })
  await dashboard
    .service()
    .api('PUT', '/api/v1/settings', { draftsEnabled: true, monthlyAiBudgetUsd: 5 })
})
page.after(async () => {
  if (test === page.skip) return
  await dashboard.close()
  await fake.close()
})

test('the first visit names the model that will score', async () => {
  const opened = await dashboard.open()
  await opened.getByText('The model gpt-5-nano.').waitFor()
  await opened.getByText('gpt-5-nano is asked about each').waitFor()
  await opened.context().close()
})

test('a draft waits on the lead, and is approved or dismissed', async () => {
  for (const name of ['Ann', 'Bob']) {
    await dashboard.write(`${name}@draft.example`, 'What is the price for 40 seats?', name)
  }
  const opened = await dashboard.open()
  for (const [name, verb, status] of [
    ['Ann', 'Approve and copy', 'approved'],
    ['Bob', 'Dismiss', 'dismissed'],
  ] as const) {
    await opened.getByRole('link', { name, exact: true }).click()
    await opened.getByText('Thank you. When would suit you?').waitFor()
    if (name === 'Ann') await auditedEverywhere(opened, 'lead-with-draft')
    await opened.getByRole('button', { name: verb }).click()
    await opened.getByText('Thank you. When would suit you?').waitFor({ state: 'detached' })
    const { items } = await dashboard
      .service()
      .api<{ items: unknown[] }>('GET', `/api/v1/drafts?status=${status}`)
    assert.is(items.length, 1, status)
    await opened.getByRole('button', { name: '← All leads' }).click()
  }
  await opened.context().close()
})

test('a refused lead is shown with its error, grouped, and brought back from there', async () => {
  await dashboard.write('odd@strange.example', 'Something strange', 'Odd')
  const opened = await dashboard.open('/?page=jobs')
  const retry = opened.getByRole('button', { name: /^Retry it: Scoring: / })
  await retry.waitFor()
  await opened.locator('.parked a', { hasText: 'Odd' }).waitFor()
  await auditedEverywhere(opened, 'jobs-failed')
  refusing = false
  await retry.click()
  await opened.getByText('1 job due again.').waitFor()
  await opened.getByText('Every lead is scored or on its way').waitFor()
  await opened.context().close()
})

test('calls, tokens and cost by day, feature and model; the budget; days to the shutdown', async () => {
  const opened = await dashboard.open('/?page=ai')
  for (const feature of ['lead_scoring.score', 'sentiment.classify', 'draft.generate']) {
    await opened.getByRole('rowheader', { name: feature }).waitFor()
  }
  await opened.getByRole('rowheader', { name: 'gpt-5-nano' }).waitFor()
  await opened.getByText(/of \$5\.00/).waitFor()
  await opened
    .getByText(/switched off (in|since) /)
    .first()
    .waitFor()
  await opened.getByRole('img', { name: /^Cost by day/ }).waitFor()
  await auditedEverywhere(opened, 'ai')
  await opened.context().close()
})

test('made no error on the way', () => {
  assert.equal(dashboard.errors, [])
  assert.equal(fake.breaches, [])
})

page.run()
