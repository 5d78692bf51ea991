/**
 * Adds to package-lock.json the optional platform packages that npm left out because the registry it
 * asked does not hold them. Without their entries `npm ci` refuses the whole lock file; with them it
 * skips those of other platforms and fetches the right one where it exists. Run it after
 * `npm install`: `node test/support/complete-lock.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface LockEntry {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const path = new URL('../../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockEntry> }
const added: string[] = []
for (const { optionalDependencies = {}, dev } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const platform = /-(android|darwin|linux|win32|freebsd)-(arm64|x64)(-musl)?$/.exec(name)
    const place = `node_modules/${name}`
    if (!platform || lock.packages[place] || !/^\d/.test(version)) continue
    const [, os = '', cpu = '', musl] = platform
    lock.packages[place] = {
      version,
      cpu: [cpu],
      ...(dev && { dev }),
      ...(musl && { libc: ['musl'] }),
      optional: true,
      os: [os],
    }
    added.push(name)
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))
const complete = { ...lock, packages: Object.fromEntries(sorted) }
writeFileSync(path, `${JSON.stringify(complete, null, 2)}\n`)
process.stdout.write(`added ${added.length}: ${added.join(', ')}\n`)
