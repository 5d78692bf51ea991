/** The database: reachable, new enough, migrated, with the same time, its secrets readable. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { keptSecret } from '../data-dir.ts'
import { type Looked, lookAt } from '../database-look.ts'
import { openSealing } from '../sealing.ts'
import { StartupError } from '../startup-error.ts'
import { type Check, clockCheck } from './check.ts'

/** Signatures of providers are refused when five minutes old; windows and leases are seconds. */
const CLOCK_SECONDS = { warning: 2, broken: 60 }

export async function databaseChecks(config: Config): Promise<Check[]> {
  const name = 'database'
  if (!config.databaseUrl && !existsSync(join(config.dataDir, 'pglite'))) {
    return [{ name, state: 'ok', says: 'embedded; the first start makes it' }]
  }
  let looked: Looked
  try {
    looked = await lookAt(config)
  } catch (error) {
    if (!(error instanceof StartupError)) throw error
    if (!config.databaseUrl && error.message.includes('in use by another')) {
      const says = 'embedded, in use by a running service, which keeps it migrated'
      return [{ name, state: 'ok', says }]
    }
    const fix = config.databaseUrl
      ? 'Check DATABASE_URL, that the server runs and lets this machine in'
      : 'Restore a backup of DATA_DIR (docs/production.md)'
    return [{ name, state: 'broken', says: error.message, fix }]
  }
  return [
    {
      name,
      state: 'ok',
      says: `PostgreSQL ${looked.version}${config.databaseUrl ? '' : ', embedded'}`,
    },
    migrations(looked),
    ...(config.databaseUrl ? [clock(looked)] : []),
    ...sealed(config, looked),
  ]
}

function migrations({ pending, unknown }: Looked): Check {
  const name = 'migrations'
  if (unknown.length > 0) {
    const says = `${unknown.length} are of a newer version, e.g. ${unknown[0]}`
    return { name, state: 'broken', says, fix: 'Update this checkout: the database is ahead of it' }
  }
  if (pending.length === 0) return { name, state: 'ok', says: 'all done' }
  const says = `${pending.length} to do`
  return { name, state: 'warning', says, fix: 'leadpulse migrate, or start the service' }
}

function clock({ clockSeconds }: Looked): Check {
  return clockCheck('clock against the database', clockSeconds, CLOCK_SECONDS)
}

function sealed(config: Config, { sealed: rows }: Looked): Check[] {
  if (rows.length === 0) return []
  const name = 'sealed secrets'
  const kept = existsSync(join(config.dataDir, 'secrets-key'))
  if (!config.secretsKey && !kept) {
    const says = `${rows.length} of connections, and no SECRETS_KEY`
    return [
      { name, state: 'broken', says, fix: 'Set SECRETS_KEY to the key they were sealed with' },
    ]
  }
  const key =
    config.secretsKey ??
    Buffer.from(keptSecret(config.dataDir, 'secrets-key', () => '').value, 'base64url')
  const sealing = openSealing(key, config.secretsKeyPrevious)
  const states = rows.map(({ id, value }) => sealing.reseal(value, id))
  const lost = states.filter((state) => state === 'lost').length
  if (lost > 0) {
    const says = `${lost} of ${rows.length} open under no key that is set`
    const fix =
      'Set SECRETS_KEY (or SECRETS_KEY_PREVIOUS) to the key they were sealed with, or set them again'
    return [{ name, state: 'broken', says, fix }]
  }
  const old = states.filter((state) => state !== 'current').length
  if (old === 0) return [{ name, state: 'ok', says: `all ${rows.length} open under SECRETS_KEY` }]
  const says = `${old} of ${rows.length} are still sealed under SECRETS_KEY_PREVIOUS`
  return [
    {
      name,
      state: 'warning',
      says,
      fix: 'Start the service once with both keys; it seals them again',
    },
  ]
}
