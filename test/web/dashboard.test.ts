/** The page as a person uses it: the real service scoring by its rules, real webhooks, a real browser. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { hasChromium } from '../support/chromium.ts'
import { auditedEverywhere, type Dashboard, openDashboard, root } from '../support/dashboard.ts'
import { suite } from '../support/suite.ts'

const SCRIPT_KB_MAX = 60
const page = suite('dashboard in a browser')
let dashboard: Dashboard

/** Without a browser every test is counted as skipped, never as passed. */
const test = hasChromium() ? page : page.skip

page.before(async () => {
  if (test === page.skip) return
  dashboard = await openDashboard()
})
page.after(async () => {
  if (test === page.skip) return
  await dashboard.close()
})

const open: Dashboard['open'] = (...args) => dashboard.open(...args)
const write: Dashboard['write'] = (...args) => dashboard.write(...args)
const rowOf = (opened: Page, text: string) => opened.locator('.leads tbody tr', { hasText: text })
/** By its visible text, as a mouse finds it: the button itself is transparent. */
const choose = (opened: Page, filter: string) =>
  opened
    .locator('.filters label')
    .filter({ hasText: new RegExp(`^${filter.replace('+', '\\+')}$`) })
    .click()
const button = (opened: Page, name: string | RegExp) =>
  opened.getByRole('button', { name, exact: typeof name === 'string' })

test('is small: the script within its limit, gzipped', () => {
  const assets = join(root, 'web/dist/assets')
  const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'))
  const bytes = scripts.map((name) => gzipSync(readFileSync(join(assets, name))).length)
  const kb = bytes.reduce((sum, each) => sum + each, 0) / 1024
  process.stdout.write(`script of the dashboard: ${kb.toFixed(1)} KB gzipped\n`)
  assert.ok(kb > 5 && kb <= SCRIPT_KB_MAX, `${kb} KB`)
})

test('asks for a token, says when it is refused, and forgets it on leaving', async () => {
  const opened = await open('/', { token: 'lp_wrong' })
  await opened.getByText('The token was refused. It may be mistyped or revoked.').waitFor()
  await auditedEverywhere(opened, 'sign-in')
  await opened.getByLabel('API token').fill(dashboard.service().adminToken)
  await opened.keyboard.press('Enter')
  await opened.getByText('No leads yet').waitFor()
  assert.not.match(opened.url(), 'token')
  await button(opened, 'Sign out').click()
  await opened.getByLabel('API token').waitFor()
  await opened.reload()
  await opened.getByLabel('API token').waitFor()
  await opened.context().close()
})

test('explains itself before the first lead', async () => {
  const opened = await open()
  await opened.getByText('No leads yet').waitFor()
  await opened.getByText('The built-in rules (rules-v1): no model, no cost.').waitFor()
  await auditedEverywhere(opened, 'first-visit')
  await button(opened, 'Open settings').click()
  await opened.getByLabel('Ideal customer profile').waitFor()
  await opened.context().close()
})

test('plays a simulation on one click, shows how far it is, and takes it back', async () => {
  const opened = await open()
  // A minute is for people: the same simulation, shorter.
  await opened.route('**/api/v1/simulation', (route) =>
    route.request().method() === 'POST'
      ? route.continue({
          postData: JSON.stringify({ seconds: 2, leads: 8, webhooksPerSecond: 15 }),
          headers: { ...route.request().headers(), 'content-type': 'application/json' },
        })
      : route.continue(),
  )
  await button(opened, 'Run a one-minute simulation').click()
  await opened.getByLabel('Simulation').waitFor()
  await opened.locator('.leads .tag', { hasText: 'demo' }).first().waitFor()
  await opened.getByText(/^(\d+) demo leads?, \1 scored/).waitFor()
  await auditedEverywhere(opened, 'simulation')
  await button(opened, 'Remove demo leads…').click()
  await button(opened, /^Erase \d+ demo leads?$/).click()
  await opened.getByText('No leads yet').waitFor()
  await opened.context().close()
})

test('shows a lead and each new score without a reload', async () => {
  const opened = await open()
  await write('dana@harlow.example', 'Who is this?')
  const row = rowOf(opened, 'dana@harlow.example')
  await row.getByText('Cool').waitFor()
  await write('dana@harlow.example', 'We struggle with our provider. Call me tomorrow.')
  await row.getByText('Hot').waitFor()
  await row.getByText('from 2').waitFor()
  await opened.locator('tr.flash-a, tr.flash-b').waitFor()
  await opened.context().close()
})

test('keeps still while it is paused, and goes on from there', async () => {
  const opened = await open()
  const row = rowOf(opened, 'pat@pause.example')
  // Live, it loads once more; a page that is still on its way when it is paused would have Pat on it.
  await opened.getByText('Live', { exact: true }).waitFor()
  await opened.locator('.leads[aria-busy=false]').waitFor()
  await button(opened, 'Pause').click()
  await opened.getByRole('status').getByText('Paused').waitFor()
  await write('pat@pause.example', 'Who is this?', 'Pat')
  const resume = button(opened, /^Resume \(1 changed\)$/)
  await resume.waitFor()
  assert.is(await row.count(), 0)
  await resume.click()
  await row.getByText('Cool').waitFor()
  await opened.context().close()
})

test('keeps filter, order, channel and search in the address', async () => {
  await write('ned@nope.example', 'Not interested, thanks', 'Ned')
  const opened = await open('/?score=4&sort=-score&channel=email')
  await rowOf(opened, 'dana@harlow.example').waitFor()
  assert.is(await rowOf(opened, 'ned@nope.example').count(), 0)
  await choose(opened, 'All')
  await rowOf(opened, 'ned@nope.example').waitFor()
  await opened.getByRole('searchbox').fill('ned@')
  await rowOf(opened, 'dana@harlow.example').waitFor({ state: 'detached' })
  await opened.waitForURL(/q=ned/)
  assert.match(opened.url(), 'sort=-score')
  await opened.reload()
  await rowOf(opened, 'ned@nope.example').waitFor()
  assert.is(await opened.getByRole('searchbox').inputValue(), 'ned@')
  await opened.context().close()
})

test('every score filter shows whom it names, and no one else', async () => {
  const wanted: Record<string, string[]> = {
    '4': ['Dana'],
    '3+': ['Dana'],
    '2+': ['Dana', 'Pat'],
    '1+': ['Dana', 'Ned', 'Pat'],
    Unscored: [],
    Disqualified: [],
    All: ['Dana', 'Ned', 'Pat'],
  }
  const opened = await open()
  for (const [filter, names] of Object.entries(wanted)) {
    await choose(opened, filter)
    await opened.getByRole('radio', { name: filter, exact: true, checked: true }).waitFor()
    if (names.length === 0) await opened.getByText('No lead matches').waitFor()
    else await opened.getByText(`${names.length} lead`, { exact: false }).first().waitFor()
    await opened.waitForFunction(
      (count) => document.querySelectorAll('.leads tbody tr[data-key]').length === count,
      names.length,
    )
    const shown = await opened.locator('.leads tbody .name').allTextContents()
    assert.equal(shown.sort(), names, filter)
  }
  await opened.context().close()
})

test('opens a lead: conversation, scores with their cause, and what a person may do', async () => {
  const opened = await open()
  await rowOf(opened, 'dana@harlow.example').getByRole('link').click()
  await opened.getByRole('heading', { name: 'Dana' }).waitFor()
  await opened.locator('.history a', { hasText: 'Call me tomorrow' }).first().waitFor()
  await opened.locator('.transcript').getByRole('button', { name: 'Timeline' }).first().click()
  await opened.locator('.timeline .reached', { hasText: 'Scored' }).waitFor()
  await auditedEverywhere(opened, 'lead')
  await button(opened, 'Disqualify…').click()
  await opened.getByLabel('Reason').fill('A test')
  await button(opened, 'Disqualify').click()
  await opened.getByText('Disqualified: A test', { exact: true }).first().waitFor()
  await opened.locator('.lead-head .score.overall', { hasText: 'Cold' }).waitFor()
  await button(opened, 'Requalify').click()
  await opened.locator('.lead-head .score.overall', { hasText: 'Hot' }).waitFor()
  await opened.goBack()
  await rowOf(opened, 'dana@harlow.example').waitFor()
  await opened.context().close()
})

test('is used without a mouse: filter, open a lead, its reason, back', async () => {
  const opened = await open()
  await rowOf(opened, 'dana@harlow.example').waitFor()
  const tabTo = async (wanted: string) => {
    for (let presses = 0; presses < 60; presses++) {
      await opened.keyboard.press('Tab')
      const at = await opened.evaluate(() => {
        const { activeElement } = document
        return activeElement?.getAttribute('aria-label') ?? activeElement?.textContent ?? ''
      })
      if (at.includes(wanted)) return
    }
    assert.unreachable(`no way to ${wanted} by Tab`)
  }
  await tabTo('Settings')
  await opened.keyboard.press('Enter')
  await opened.getByLabel('Company').waitFor()
  await opened.goBack()
  await rowOf(opened, 'dana@harlow.example').waitFor()
  await opened.getByRole('radio', { name: 'All' }).focus()
  await opened.keyboard.press('ArrowRight')
  await opened.waitForURL(/score=4/)
  await rowOf(opened, 'ned@nope.example').waitFor({ state: 'detached' })
  await tabTo('Dana')
  await opened.keyboard.press('Enter')
  await opened.getByRole('heading', { name: 'Dana' }).waitFor()
  await opened.context().close()
})

test('changes settings, says a wrong one at its field, and tests a new connection', async () => {
  const opened = await open('/?page=settings')
  await opened.getByLabel('Company').fill('Harlow')
  await opened.getByLabel('Quiet window (ms)').fill('soon')
  await button(opened, 'Save').click()
  await opened.locator('#h-quietMs.failed').waitFor()
  await opened.getByLabel('Quiet window (ms)').fill('')
  await button(opened, 'Save').click()
  await opened.getByText('Saved.').waitFor()
  await opened.getByLabel('Provider of the new connection').selectOption('generic')
  await opened.getByLabel('Name of the new connection').fill('By hand')
  await button(opened, 'Connect').click()
  await opened.getByText('Paste this URL at generic').waitFor()
  const made = await opened.locator('#connections ~ .notice code').textContent()
  await button(opened, 'New URL for By hand').click()
  await opened.getByText('old URL works until').waitFor()
  assert.is.not(await opened.locator('#connections ~ .notice code').textContent(), made)
  await button(opened, 'Send test webhook to By hand').click()
  await opened.getByText('Test webhook to By hand: accepted').waitFor()
  await auditedEverywhere(opened, 'settings')
  await opened.getByRole('link', { name: 'See its lead' }).click()
  await opened.getByRole('heading', { name: 'Test Lead' }).waitFor()
  await opened.context().close()
})

test('keeps a delivery that is not understood, says why, and replays it', async () => {
  const { api } = dashboard.service()
  const { webhookUrl } = await api<{ webhookUrl: string }>('POST', '/api/v1/connections', {
    channel: 'smartlead',
    provider: 'smartlead',
    name: 'Campaigns',
  })
  const answer = await fetch(webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event_type: 'EMAIL_REPLY', reply_message: { text: 'Yes please' } }),
  })
  const { status, reason } = (await answer.json()) as { status: string; reason: string }
  assert.is(status, 'rejected')
  const opened = await open('/?page=settings')
  const row = opened
    .locator('tr', { hasText: 'smartlead on SmartLead' })
    .filter({ hasText: reason })
  await row.waitFor()
  await row.getByRole('button', { name: 'Replay' }).click()
  // What it misses it misses still: it is said, and the delivery is kept.
  await opened.getByText(`Replayed: rejected (${reason})`).waitFor()
  await row.waitFor()
  await auditedEverywhere(opened, 'rejected')
  await opened.context().close()
})

test('tries unsaved settings on a lead and changes nothing', async () => {
  const opened = await open('/?page=settings')
  await opened.getByLabel('Ideal customer profile').fill('Dentists with 10 to 50 employees')
  await opened.getByLabel('Find a lead to try on').fill('dana@')
  await opened
    .getByLabel('Lead to try on')
    .locator('option', { hasText: 'Dana' })
    .waitFor({ state: 'attached' })
  await button(opened, 'Score this lead with these settings').click()
  await opened.getByRole('rowheader', { name: 'With these settings' }).waitFor()
  await opened.locator('#try ~ [role=status] .score.overall').nth(1).waitFor()
  await auditedEverywhere(opened, 'settings-preview')
  const saved = await dashboard
    .service()
    .api<{ idealCustomerProfile: string | null }>('GET', '/api/v1/settings')
  assert.is(saved.idealCustomerProfile, null)
  await opened.context().close()
})

test('makes a token for a viewer, who may look but not touch, and revokes it', async () => {
  const opened = await open('/?page=settings')
  await opened.getByLabel('Name of the new token').fill('Sales floor')
  await button(opened, 'Make token').click()
  const token = String(await opened.locator('#tokens ~ .notice code').textContent())
  const viewer = await open('/?page=settings', { token })
  await viewer.getByLabel('Company').fill('Mine')
  await button(viewer, 'Save').click()
  await viewer.getByText('The token of this tab may not do this.').first().waitFor()
  opened.on('dialog', (dialog) => void dialog.accept())
  await button(opened, 'Revoke Sales floor').click()
  await viewer.getByText('The token was refused.').waitFor()
  await viewer.context().close()
  await opened.context().close()
})

test('shows what the model calls cost, with none configured, too', async () => {
  const opened = await open('/?page=ai')
  await opened.getByText('No model is configured').waitFor()
  await opened.getByText('No model was called this month').first().waitFor()
  await auditedEverywhere(opened, 'ai-without-model')
  await opened.context().close()
})

test('shows what the queues did, and the way of each message', async () => {
  const opened = await open('/?page=jobs')
  await opened.getByRole('rowheader', { name: 'Scoring' }).first().waitFor()
  await opened.getByText('Every lead is scored or on its way').waitFor()
  await button(opened, 'Timeline').first().click()
  await opened.locator('.timeline .reached', { hasText: 'Post-processed' }).waitFor()
  await auditedEverywhere(opened, 'jobs')
  await opened.context().close()
})

test('goes on by itself where it was when the service is restarted', async () => {
  const opened = await open()
  await opened.getByText('Live', { exact: true }).waitFor()
  await dashboard.restart(async () => {
    await opened.getByText('Reconnecting, nothing will be missed').waitFor()
    await auditedEverywhere(opened, 'reconnecting')
  })
  await write('late@comer.example', 'What does it cost?', 'Late')
  await rowOf(opened, 'late@comer.example').getByText('Warm').waitFor()
  await opened.getByText('0 gaps, 0 repeats').waitFor()
  await opened.context().close()
})

test('says that it is offline, and comes back by itself', async () => {
  const opened = await open()
  await opened.getByText('Live', { exact: true }).waitFor()
  await opened.context().setOffline(true)
  await opened.getByText('Offline: waiting for the network').waitFor()
  await opened.context().setOffline(false)
  await opened.getByText('Live', { exact: true }).waitFor()
  await opened.context().close()
})

test('has no accessibility violation as a full table, in the dark and on a phone', async () => {
  const opened = await open()
  await rowOf(opened, 'dana@harlow.example').waitFor()
  await auditedEverywhere(opened, 'leads')
  await opened.context().close()
})

test('made no error on the way', () => {
  assert.equal(dashboard.errors, [])
})

page.run()
