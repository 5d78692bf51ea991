/**
 * How the dashboard bears a flood: `npm run bench:page` (`-- --quick` for 5 s instead of 20). The real
 * page in a real Chromium holds 10,000 leads while 1,000 score events a second arrive, first at rest,
 * then while it is scrolled. Long tasks are what PerformanceObserver reports (above 50 ms). Prints a
 * table and one JSON line; goal: no task above 200 ms.
 */
import { join } from 'node:path'
import Table from 'cli-table3'
import type { Page } from 'playwright-core'
import { launchChromium } from '../test/support/chromium.ts'
import { buildDashboard, root } from '../test/support/dashboard.ts'
import { type FloodServer, floodServer } from './page/flood-server.ts'

const LEADS = 10_000
const EVENTS_PER_SECOND = 1000
const SECONDS = process.argv.includes('--quick') ? 5 : 20
const SCROLL_STEP_PX = 900

interface Figures {
  what: string
  longTasks: number
  longestMs: number
  /** Frames drawn per second, and the longest time without one. */
  framesPerSecond: number
  longestFrameMs: number
}

async function main(): Promise<void> {
  buildDashboard()
  const server = await floodServer(join(root, 'web/dist'), LEADS)
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ viewport: { width: 1360, height: 850 } })
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(`${server.url}/#token=flood`)
    await loadAll(page)
    const rows = [
      await measure(page, server, `${LEADS} leads, at rest`, 0),
      await measure(page, server, `${EVENTS_PER_SECOND} events/s`, EVENTS_PER_SECOND),
      await measure(page, server, 'the same, scrolling', EVENTS_PER_SECOND, scroll),
    ]
    const proof = await page.locator('footer').textContent()
    if (errors.length > 0) throw new Error(errors.join('\n'))
    if (!proof?.includes('0 gaps, 0 repeats')) throw new Error(`the feed broke: ${proof}`)
    report(rows)
  } finally {
    await browser.close()
    await server.close()
  }
}

/** Pages come as the end of the table comes near. */
async function loadAll(page: Page): Promise<void> {
  await page.locator('.leads tbody tr').first().waitFor()
  await page.evaluate(
    async (wanted) => {
      const shown = () => document.querySelector('.count')?.textContent ?? ''
      while (shown() !== wanted) {
        scrollTo(0, document.documentElement.scrollHeight)
        await new Promise(requestAnimationFrame)
      }
      scrollTo(0, 0)
    },
    `${LEADS.toLocaleString('en')} leads`,
  )
}

async function measure(
  page: Page,
  server: FloodServer,
  what: string,
  perSecond: number,
  meanwhile?: (page: Page) => Promise<unknown>,
): Promise<Figures> {
  server.flood(perSecond)
  await page.waitForTimeout(1000)
  const watched = page.evaluate(async (ms) => {
    const tasks: number[] = []
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(duration)
    })
    observer.observe({ type: 'longtask' })
    const end = performance.now() + ms
    let [frames, longestFrameMs, last] = [0, 0, performance.now()]
    while (performance.now() < end) {
      await new Promise(requestAnimationFrame)
      const now = performance.now()
      frames += 1
      longestFrameMs = Math.max(longestFrameMs, now - last)
      last = now
    }
    for (const { duration } of observer.takeRecords()) tasks.push(duration)
    observer.disconnect()
    const longestMs = Math.max(0, ...tasks)
    return {
      longTasks: tasks.length,
      longestMs,
      framesPerSecond: frames / (ms / 1000),
      longestFrameMs,
    }
  }, SECONDS * 1000)
  const [figures] = await Promise.all([watched, meanwhile?.(page)])
  server.flood(0)
  return { what, ...figures }
}

const scroll = (page: Page) =>
  page.evaluate(
    async ({ ms, step }) => {
      const end = performance.now() + ms
      let down = true
      while (performance.now() < end) {
        scrollBy(0, down ? step : -step)
        await new Promise(requestAnimationFrame)
        const { scrollHeight, clientHeight } = document.documentElement
        if (scrollY <= 0) down = true
        if (scrollY >= scrollHeight - clientHeight - 1) down = false
      }
    },
    { ms: SECONDS * 1000 - 200, step: SCROLL_STEP_PX },
  )

function report(rows: Figures[]): void {
  const table = new Table({
    style: { head: [], border: [] },
    head: ['', 'long tasks', 'longest', 'frames/s', 'longest frame'],
  })
  for (const { what, longTasks, longestMs, framesPerSecond, longestFrameMs } of rows) {
    const frames = [Math.round(framesPerSecond), `${Math.round(longestFrameMs)} ms`]
    table.push([what, longTasks, `${Math.round(longestMs)} ms`, ...frames])
  }
  const [, flooded, scrolled] = rows as [Figures, Figures, Figures]
  const longest = Math.round(Math.max(flooded.longestMs, scrolled.longestMs))
  const figures = {
    leads: LEADS,
    eventsPerSecond: EVENTS_PER_SECOND,
    longTasks: flooded.longTasks + scrolled.longTasks,
    longestTaskMs: longest,
    longestTaskWithoutScrollingMs: Math.round(flooded.longestMs),
    framesPerSecond: Math.round(flooded.framesPerSecond),
  }
  process.stdout.write(`${table.toString()}\n${JSON.stringify(figures)}\n`)
}

await main()
