/** Ten thousand leads in the real page: all are reached by scrolling, and few are drawn. */
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { openDatabase } from '../../src/database.ts'
import { openLog } from '../../src/log.ts'
import { hasChromium } from '../support/chromium.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { suite } from '../support/suite.ts'

const LEADS = 10_000
/** A window of 850 pixels holds some 15; a few more stand ready on both sides. */
const DRAWN_MAX = 120
const page = suite('dashboard with many leads')
const test = hasChromium() ? page : page.skip
let dashboard: Dashboard

page.before(async () => {
  if (test === page.skip) return
  dashboard = await openDashboard()
  await dashboard.restart(fill)
})
page.after(async () => {
  if (test === page.skip) return
  await dashboard.close()
})

/** Named by their number, the newest first. */
async function fill(dataDir: string): Promise<void> {
  const log = openLog({ level: 'silent', pretty: false })
  const database = await openDatabase({ databaseUrl: null, dataDir, log })
  await database.query(
    `insert into lead (id, workspace_id, first_name, last_name, last_channel, channels,
       last_activity_at)
     select gen_random_uuid(), workspace.id, 'Lead', lpad(n::text, 5, '0'), 'email', '{email}',
       now() - n * interval '1 minute'
     from workspace, generate_series(1, $1::int) as n`,
    [LEADS],
  )
  await database.close()
}

/** Goes to the end, waits for what comes there, and so on; answers the most rows that were drawn. */
const scrollToTheEnd = (opened: Page, count: string) =>
  opened.evaluate(async (wanted) => {
    let most = 0
    const shown = () => document.querySelector('.count')?.textContent ?? ''
    while (shown() !== wanted) {
      scrollTo(0, document.documentElement.scrollHeight)
      await new Promise(requestAnimationFrame)
      most = Math.max(most, document.querySelectorAll('.leads tbody tr').length)
    }
    scrollTo(0, document.documentElement.scrollHeight)
    return most
  }, count)

test('every lead is reached by scrolling, and few are drawn at any time', async () => {
  const opened = await dashboard.open()
  await opened.getByText('Lead 00001', { exact: true }).waitFor()
  const most = await scrollToTheEnd(opened, `${LEADS.toLocaleString('en')} leads`)
  assert.ok(most > 5 && most <= DRAWN_MAX, `${most} rows drawn`)
  const last = opened.locator('.leads tbody tr', { hasText: 'Lead 10000' })
  await last.waitFor()
  assert.is(await last.getAttribute('aria-rowindex'), `${LEADS + 1}`)
  assert.is(await opened.locator('.leads').getAttribute('aria-rowcount'), `${LEADS + 1}`)
  await opened.evaluate(() => scrollTo(0, 0))
  await opened.getByText('Lead 00001', { exact: true }).waitFor()
  await opened.context().close()
})

test('who writes comes to the top without a reload, past ten thousand others', async () => {
  const opened = await dashboard.open()
  await opened.getByText('Live', { exact: true }).waitFor()
  await dashboard.write('newest@lead.example', 'What does it cost? I would like to book.', 'Newest')
  const top = opened.locator('.leads tbody tr[aria-rowindex="2"]', { hasText: 'newest@lead' })
  await top.waitFor()
  await opened.context().close()
})

test('made no error on the way', () => {
  assert.equal(dashboard.errors, [])
})

page.run()
