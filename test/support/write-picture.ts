/**
 * Makes docs/pictures/dashboard.png: the real page after a simulation, as the README shows it. Run it
 * when the table looks different: `npm run docs:picture`.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openDashboard, root } from './dashboard.ts'
import { until } from './until.ts'

const BYTES_MAX = 150 * 1024
/** Seconds on a quiet machine. */
const WAIT_MS = 240_000
const WIDTH = 1280
const HEIGHT = 620

interface Simulation {
  state: string
  demoLeads: number
  demoLeadsScored: number
}

const path = join(root, 'docs/pictures/dashboard.png')
const dashboard = await openDashboard()
try {
  const { api } = dashboard.service()
  await api('PUT', '/api/v1/settings', {
    companyName: 'Northpeak',
    serviceDescription: 'Onboarding software for logistics companies',
    idealCustomerProfile: 'Logistics companies with 50 to 500 employees in the US',
  })
  await api('POST', '/api/v1/simulation', { leads: 24, seconds: 6, webhooksPerSecond: 20 })
  await until(
    () => api<Simulation & Record<string, unknown>>('GET', '/api/v1/simulation'),
    ({ state, demoLeads, demoLeadsScored }) => state === 'done' && demoLeads === demoLeadsScored,
    WAIT_MS,
  )
  const page = await dashboard.open('/?sort=-score', { viewport: { width: WIDTH, height: HEIGHT } })
  await page.locator('.leads tbody tr').nth(8).waitFor()
  mkdirSync(join(root, 'docs/pictures'), { recursive: true })
  await page.screenshot({ path })
  const { size } = statSync(path)
  if (size > BYTES_MAX) throw new Error(`${path} has ${size} bytes, at most ${BYTES_MAX}`)
  process.stdout.write(`${path}: ${Math.round(size / 1024)} KB\n`)
} finally {
  await dashboard.close()
}
