/**
 * The page as a person uses it: the real service, real webhooks, a real browser. Screenshots of each
 * view are left in `test/artifacts` for people to look at.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { hasChromium, launchChromium } from '../support/chromium.ts'
import { type Service, startService } from '../support/service.ts'
import { suite } from '../support/suite.ts'

const ADMIN_TOKEN = 'lp_dashboard-test-0123456789abcdef0'
const root = join(import.meta.dirname, '../..')
const artifacts = join(root, 'test/artifacts')
const axeSource = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8')
const page = suite('dashboard in a browser')
let service: Service
let browser: Browser | undefined
let dataDir: string
let env: NodeJS.ProcessEnv
let webhooks: Record<string, string>

/** Without a browser every test is counted as skipped, never as passed. */
const test = hasChromium() ? page : page.skip

page.before(async () => {
  if (test === page.skip) return
  mkdirSync(artifacts, { recursive: true })
  // What is tested is what stands in web/src, not what somebody built last week.
  execFileSync(join(root, 'node_modules/.bin/vite'), ['build', 'web', '--logLevel', 'warn'], {
    cwd: root,
  })
  dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-page-'))
  env = { DATA_DIR: dataDir, ADMIN_TOKEN, SCORING_QUIET_MS: '100', SCORING_MAX_WAIT_MS: '500' }
  service = await startService(env, ADMIN_TOKEN)
  webhooks = service.webhooks
  // A restart must come back where the browser looks for it.
  env = { ...env, PORT: new URL(service.url).port }
  browser = await launchChromium()
})
page.after(async () => {
  if (!browser) return
  await browser.close()
  await service.end('SIGTERM')
  rmSync(dataDir, { recursive: true, force: true })
})

let sent = 0
async function write(email: string, body: string, firstName = 'Dana'): Promise<void> {
  sent += 1
  const { pathname } = new URL(webhooks.email as string)
  const response = await fetch(`${service.url}${pathname}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ externalId: `page-${sent}`, body, lead: { email, firstName } }),
  })
  assert.is(response.status, 200)
}

/** A page with the token in its fragment, as the first start prints it. Fails on page errors. */
async function open(path = '/', options: BrowserContextOptions = {}): Promise<Page> {
  // Playwright's own script tag would fall to our CSP; the CSP itself is tested elsewhere.
  const context = await (browser as Browser).newContext({ bypassCSP: true, ...options })
  const opened = await context.newPage()
  opened.on('pageerror', (error) => errors.push(String(error)))
  await opened.goto(`${service.url}${path}#token=${ADMIN_TOKEN}`)
  return opened
}
const errors: string[] = []

async function audited(opened: Page, name: string): Promise<void> {
  await opened.screenshot({ path: join(artifacts, `${name}.png`), fullPage: true })
  await opened.evaluate(axeSource)
  const violations = await opened.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
  })
  assert.equal(violations, [], name)
}
interface Finding {
  id: string
  nodes: { html: string }[]
}

const rowOf = (opened: Page, text: string) => opened.locator('.leads tbody tr', { hasText: text })

test('explains itself before the first lead', async () => {
  const opened = await open()
  await opened.getByText('No leads yet').waitFor()
  await audited(opened, 'first-visit')
  await opened.getByText('rules-v1').first().waitFor()
  await opened.getByRole('button', { name: 'Open settings' }).click()
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
  await opened.getByRole('button', { name: 'Run a one-minute simulation' }).click()
  await opened.getByLabel('Simulation').waitFor()
  await opened.locator('.leads .tag', { hasText: 'demo' }).first().waitFor()
  await opened.getByText(/There are demo leads: (\d+) of \1 demo leads? scored/).waitFor()
  await audited(opened, 'simulation')
  await opened.getByRole('button', { name: 'Remove demo leads…' }).click()
  await opened.getByRole('button', { name: /^Erase \d+ demo leads?$/ }).click()
  await opened.getByText('No leads yet').waitFor()
  await opened.context().close()
})

test('shows a lead and each new score without a reload', async () => {
  const opened = await open()
  await write('dana@harlow.example', 'Who is this?')
  await rowOf(opened, 'dana@harlow.example').getByText('Cool').waitFor()
  await write('dana@harlow.example', 'We struggle with our provider. Call me tomorrow.')
  await rowOf(opened, 'dana@harlow.example').getByText('Hot').waitFor()
  await rowOf(opened, 'dana@harlow.example').getByText('from 2').waitFor()
  await opened.context().close()
})

test('keeps filter, order, channel and search in the address', async () => {
  await write('ned@nope.example', 'Not interested, thanks', 'Ned')
  const opened = await open('/?score=4&sort=-score&channel=email')
  await rowOf(opened, 'dana@harlow.example').waitFor()
  assert.is(await rowOf(opened, 'ned@nope.example').count(), 0)
  await opened.getByRole('radio', { name: 'All' }).check({ force: true })
  await rowOf(opened, 'ned@nope.example').waitFor()
  await opened.getByRole('searchbox').fill('ned@')
  await rowOf(opened, 'dana@harlow.example').waitFor({ state: 'detached' })
  await opened.waitForURL(/q=ned/)
  assert.match(opened.url(), 'sort=-score')
  await opened.context().close()
})

test('opens a lead: conversation, scores with their cause, and what a person may do', async () => {
  const opened = await open()
  await rowOf(opened, 'dana@harlow.example').getByRole('link').click()
  await opened.getByRole('heading', { name: 'Dana' }).waitFor()
  await opened.locator('.history a', { hasText: 'Call me tomorrow' }).first().waitFor()
  await audited(opened, 'lead')
  await opened.getByRole('button', { name: 'Disqualify…' }).click()
  await opened.getByLabel('Reason').fill('A test')
  await opened.getByRole('button', { name: 'Disqualify', exact: true }).click()
  await opened.getByText('Disqualified: A test', { exact: true }).first().waitFor()
  await opened.locator('.lead-head .score.overall', { hasText: 'Cold' }).waitFor()
  await opened.getByRole('button', { name: 'Requalify' }).click()
  await opened.locator('.lead-head .score.overall', { hasText: 'Hot' }).waitFor()
  await opened.goBack()
  await rowOf(opened, 'dana@harlow.example').waitFor()
  await opened.context().close()
})

test('changes settings, says a wrong one at its field, and tests a new connection', async () => {
  const opened = await open('/?page=settings')
  await opened.getByLabel('Company').fill('Harlow')
  await opened.getByLabel('Quiet window (ms)').fill('soon')
  await opened.getByRole('button', { name: 'Save' }).click()
  await opened.locator('#h-quietMs.failed').waitFor()
  await opened.getByLabel('Quiet window (ms)').fill('')
  await opened.getByRole('button', { name: 'Save' }).click()
  await opened.getByText('Saved.').waitFor()
  await opened.getByLabel('Provider of the new connection').selectOption('generic')
  await opened.getByLabel('Name of the new connection').fill('By hand')
  await opened.getByRole('button', { name: 'Connect', exact: true }).click()
  await opened.getByText('Paste this URL at generic').waitFor()
  await opened.getByRole('button', { name: 'Send test webhook to By hand' }).click()
  await opened.getByText('Test webhook to By hand: accepted').waitFor()
  await audited(opened, 'settings')
  await opened.getByRole('link', { name: 'See its lead' }).click()
  await opened.getByRole('heading', { name: 'Test Lead' }).waitFor()
  await opened.context().close()
})

test('tries unsaved settings on a lead and changes nothing', async () => {
  const opened = await open('/?page=settings')
  await opened.getByLabel('Ideal customer profile').fill('Dentists with 10 to 50 employees')
  await opened.getByLabel('Find a lead to try on').fill('dana@')
  await opened.getByLabel('Lead to try on').locator('option', { hasText: 'Dana' }).waitFor({
    state: 'attached',
  })
  await opened.getByRole('button', { name: 'Score this lead with these settings' }).click()
  await opened.getByRole('rowheader', { name: 'With these settings' }).waitFor()
  await opened.locator('#try ~ [role=status] .score.overall').nth(1).waitFor()
  await audited(opened, 'settings-preview')
  const saved = await service.api<{ idealCustomerProfile: string | null }>(
    'GET',
    '/api/v1/settings',
  )
  assert.is(saved.idealCustomerProfile, null)
  await opened.context().close()
})

test('shows what the model calls cost, with none configured, too', async () => {
  const opened = await open('/?page=ai')
  await opened.getByText('No model is configured').waitFor()
  await opened.getByText('No model was called this month').first().waitFor()
  await audited(opened, 'ai')
  await opened.context().close()
})

test('shows what the queues did', async () => {
  const opened = await open('/?page=jobs')
  await opened.getByRole('rowheader', { name: 'Scoring' }).waitFor()
  await opened.getByText('Every lead is scored or on its way').waitFor()
  await audited(opened, 'jobs')
  await opened.context().close()
})

test('goes on by itself where it was when the service is restarted', async () => {
  const opened = await open()
  await opened.getByText('Live', { exact: true }).waitFor()
  await service.end('SIGTERM')
  await opened.getByText('Reconnecting, nothing will be missed').waitFor()
  service = await startService(env, ADMIN_TOKEN)
  await write('late@comer.example', 'What does it cost?', 'Late')
  await rowOf(opened, 'late@comer.example').getByText('Warm').waitFor()
  await opened.getByText('0 gaps, 0 repeats').waitFor()
  await opened.context().close()
})

test('has no accessibility violation in the dark and on a phone', async () => {
  const dark = await open('/', { colorScheme: 'dark' })
  await rowOf(dark, 'dana@harlow.example').waitFor()
  await audited(dark, 'leads-dark')
  await dark.context().close()
  const narrow = await open('/', { viewport: { width: 380, height: 800 } })
  await rowOf(narrow, 'dana@harlow.example').waitFor()
  await audited(narrow, 'leads-narrow')
  const overflow = await narrow.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  )
  assert.is(overflow, 0, 'nothing to scroll sideways')
  await narrow.context().close()
})

test('made no error on the way', () => {
  assert.equal(errors, [])
})

page.run()
