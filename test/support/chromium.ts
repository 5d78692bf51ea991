/**
 * Headless Chromium for tests of the page. It comes from the system (Debian: `chromium`), not from
 * npm; where there is none these tests are left out, loudly, except in CI, where that is an error.
 */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executablePath = process.env.CHROMIUM_PATH ?? places.find((place) => existsSync(place))

export function hasChromium(): boolean {
  if (executablePath) return true
  if (process.env.CI) throw new Error('CI needs Chromium: apt-get install chromium')
  process.stderr.write('no Chromium found: the tests of the page are left out\n')
  return false
}

export function launchChromium(): Promise<Browser> {
  if (!executablePath) throw new Error('no Chromium found; CHROMIUM_PATH names one')
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      // Else it looks for its maker's hosts at every start.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
