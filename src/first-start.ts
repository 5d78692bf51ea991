/** The very first start: an admin token, a workspace with a connection per channel, a greeting. */
import { join } from 'node:path'
import type { Config } from './config.ts'
import { keptSecret, randomSecret } from './data-dir.ts'
import type { Store } from './domain/sql.ts'
import { createWorkspace, type MadeWorkspace } from './domain/workspaces.ts'

/** Of several processes that start on an empty database one makes the workspace. */
const FIRST_START_LOCK = 7_229_412

/** Null: there was a workspace already. */
export async function firstStart(store: Store): Promise<MadeWorkspace | null> {
  return store.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [FIRST_START_LOCK])
    const [existing] = await tx.query('select 1 from workspace limit 1')
    return existing ? null : createWorkspace(tx, { name: 'My workspace' })
  })
}

export interface AdminToken {
  value: string
  /** This start generated it. */
  made: boolean
  /** It is ours, in DATA_DIR, and not one that somebody set. */
  kept: boolean
  /** Where it can be looked up, for people. */
  source: string
}

export function adminToken({ adminToken: given, dataDir }: Config): AdminToken {
  if (given) return { value: given, made: false, kept: false, source: 'the ADMIN_TOKEN you set' }
  const secret = keptSecret(dataDir, 'admin-token', () => `lp_${randomSecret()}`)
  return { ...secret, kept: true, source: `the admin token in ${join(dataDir, 'admin-token')}` }
}

export interface Welcome {
  url: string
  admin: AdminToken
  welcome: MadeWorkspace | null
  rulesOnly: boolean
}

/**
 * Tokens are printed by one start: the one that made them, or the first that succeeded when those
 * before it failed half-way (a taken port) and nobody has seen them.
 */
export function printWelcome({ url, admin, welcome, rulesOnly }: Welcome): void {
  const lines = ['', `  Leadpulse is running at ${url}`]
  if (admin.made || (welcome && admin.kept)) {
    lines.push('', '  Dashboard, with your admin token (shown once, kept in DATA_DIR/admin-token):')
    lines.push(`    ${url}/#token=${admin.value}`)
  } else {
    lines.push(`  Sign in with ${admin.source}`)
  }
  if (welcome) {
    lines.push(
      '',
      '  Webhook URLs, ready for our generic JSON (shown once; more: API, connections):',
    )
    for (const { channel, token } of welcome.connections) {
      lines.push(`    ${channel.padEnd(9)} ${url}/webhooks/${channel}/${token}`)
    }
  }
  if (rulesOnly) {
    lines.push(
      '',
      '  Scores come from the built-in rules (rules-v1); set OPENAI_API_KEY for a model.',
    )
  }
  if (admin.made || welcome) lines.push('', '  See it work, in a second terminal: npm run simulate')
  process.stdout.write(`${lines.join('\n')}\n\n`)
}
