/** DATA_DIR: whether it can be written, who can read its secrets, and how much room is left. */
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from '../config.ts'
import type { Check } from './check.ts'

const MIB = 1024 * 1024
/** Less holds up a vacuum or a burst of mail; much less stops the database. */
const FREE_MIB = { warning: 1024, broken: 200 }
const secretFiles = ['admin-token', 'secrets-key']

export function dataDirChecks(config: Pick<Config, 'dataDir'>): Check[] {
  const { dataDir } = config
  const place = nearestExisting(dataDir)
  return [writable(dataDir, place), ...secretsOf(dataDir), room(place)]
}

function writable(dataDir: string, place: string): Check {
  const name = 'data directory'
  try {
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    const fix = `Let this user write to ${place}, or set DATA_DIR to a directory of its own`
    return { name, state: 'broken', says: `cannot write to ${place}`, fix }
  }
  if (place !== dataDir) return { name, state: 'ok', says: `${dataDir} will be made` }
  if (!statSync(dataDir).isDirectory()) {
    const says = `${dataDir} is no directory`
    return { name, state: 'broken', says, fix: 'Set DATA_DIR to a directory' }
  }
  return { name, state: 'ok', says: dataDir }
}

function secretsOf(dataDir: string): Check[] {
  const open = secretFiles
    .map((file) => join(dataDir, file))
    .filter((path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0)
  if (open.length === 0) return []
  const says = `others may read ${open.join(' and ')}`
  return [{ name: 'secrets', state: 'warning', says, fix: `chmod 600 ${open.join(' ')}` }]
}

function room(place: string): Check {
  const { bavail, bsize } = statfsSync(place)
  const mib = Math.floor((bavail * bsize) / MIB)
  const state = mib < FREE_MIB.broken ? 'broken' : mib < FREE_MIB.warning ? 'warning' : 'ok'
  const check: Check = { name: 'disk', state, says: `${mib.toLocaleString('en-US')} MiB free` }
  return state === 'ok' ? check : { ...check, fix: `Free space on the disk of ${place}` }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}
