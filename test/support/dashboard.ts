/**
 * The dashboard in a real Chromium over the real service, as its tests use it. What is tested is what
 * stands in web/src. Screenshots are left in SCREENSHOT_DIR (default test/artifacts) for people.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { launchChromium } from './chromium.ts'
import { type Service, startService } from './service.ts'

/** A busy machine draws a page in seconds; a test that can wait for nothing else waits this long. */
const WAIT_MS = 60_000

export const ADMIN_TOKEN = 'lp_dashboard-test-0123456789abcdef0'
export const root = join(import.meta.dirname, '../..')
export const artifacts = process.env.SCREENSHOT_DIR ?? join(root, 'test/artifacts')
const axeSource = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8')

export interface Dashboard {
  service(): Service
  /** Errors of every page so far. */
  errors: string[]
  /** A page with the token in its fragment, as the first start prints it. */
  open(path?: string, options?: BrowserContextOptions & { token?: string }): Promise<Page>
  /** A reply by e-mail, through the front door. */
  write(email: string, body: string, firstName?: string): Promise<void>
  /** Comes back where the browser looks for it. */
  restart(between?: (dataDir: string) => Promise<void>): Promise<void>
  close(): Promise<void>
}

export function buildDashboard(): void {
  execFileSync(join(root, 'node_modules/.bin/vite'), ['build', 'web', '--logLevel', 'warn'], {
    cwd: root,
  })
}

export async function openDashboard(settings: NodeJS.ProcessEnv = {}): Promise<Dashboard> {
  mkdirSync(artifacts, { recursive: true })
  buildDashboard()
  const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-page-'))
  const quick = { SCORING_QUIET_MS: '100', SCORING_MAX_WAIT_MS: '500' }
  let env: NodeJS.ProcessEnv = { DATA_DIR: dataDir, ADMIN_TOKEN, ...quick, ...settings }
  let service = await startService(env, ADMIN_TOKEN)
  const { webhooks } = service
  env = { ...env, PORT: new URL(service.url).port }
  const browser: Browser = await launchChromium()
  const errors: string[] = []
  let sent = 0
  return {
    service: () => service,
    errors,
    async open(path = '/', { token = ADMIN_TOKEN, ...options } = {}) {
      // Playwright's own script tag would fall to our CSP; the CSP itself is tested elsewhere.
      const context = await browser.newContext({ bypassCSP: true, ...options })
      context.setDefaultTimeout(WAIT_MS)
      const page = await context.newPage()
      page.on('pageerror', (error) => errors.push(String(error)))
      await page.goto(`${service.url}${path}#token=${token}`)
      return page
    },
    async write(email, body, firstName = 'Dana') {
      sent += 1
      const { pathname } = new URL(webhooks.email as string)
      const response = await fetch(`${service.url}${pathname}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ externalId: `page-${sent}`, body, lead: { email, firstName } }),
      })
      assert.is(response.status, 200)
    },
    async restart(between = async (_dataDir: string) => {}) {
      await service.end('SIGTERM')
      await between(dataDir)
      service = await startService(env, ADMIN_TOKEN)
    },
    async close() {
      await browser.close()
      await service.end('SIGTERM')
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Takes a screenshot and fails on what axe finds, in the colours the page is shown in. */
export async function audited(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(artifacts, `${name}.png`), fullPage: true })
  await page.evaluate(axeSource)
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
  })
  assert.equal(violations, [], name)
}
interface Finding {
  id: string
  nodes: { html: string }[]
}

/** The same page in the dark, and on a phone, where nothing may stick out to the side. */
export async function auditedEverywhere(page: Page, name: string): Promise<void> {
  const size = page.viewportSize()
  await audited(page, name)
  await page.emulateMedia({ colorScheme: 'dark' })
  await audited(page, `${name}-dark`)
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 380, height: 800 })
  await audited(page, `${name}-narrow`)
  const overflow = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  )
  assert.is(overflow, 0, `${name}: nothing to scroll sideways`)
  if (size) await page.setViewportSize(size)
}
