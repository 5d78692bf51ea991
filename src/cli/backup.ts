/**
 * `backup` and `restore` of the embedded database, and what follows every restore: a new epoch of the
 * feed. PostgreSQL has pg_dump and pg_restore (docs/production.md).
 */
import { existsSync, openAsBlob, renameSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { CommandError } from '../command-error.ts'
import type { Config } from '../config.ts'
import { lockDataDir, openDataDir } from '../data-dir.ts'
import { newFeedEpochs } from '../domain/feed-log.ts'
import { openLog } from '../log.ts'
import { print } from './service.ts'

export function backupCommand(config: Config): Command {
  return new Command('backup')
    .summary('write the embedded database into a file')
    .description(
      'Writes the embedded database into one file (a compressed tar). The service must not run. ' +
        'Keep DATA_DIR/secrets-key, or SECRETS_KEY, beside it: sealed secrets open with nothing else.',
    )
    .argument('<file>', 'to write; one that exists is replaced when the new one is whole')
    .addHelpText('after', '\nExamples:\n  leadpulse backup leadpulse-2026-11-27.tar.gz\n')
    .action(async (file: string) => {
      if (config.databaseUrl) throw new CommandError('DATABASE_URL is set: use pg_dump')
      const bytes = await backUp(config.dataDir, resolve(file))
      process.stdout.write(`${file}: ${bytes.toLocaleString('en-US')} bytes\n`)
    })
}

export function restoreCommand(config: Config): Command {
  return new Command('restore')
    .summary('bring the embedded database back, and give the feed a new epoch')
    .description(
      'With the embedded database: loads a file that `backup` wrote; what was there is kept beside ' +
        'it. With DATABASE_URL: after pg_restore, without a file. Either way the feed gets a new ' +
        'epoch, so that every client starts over, and migrations that are missing are done. The ' +
        'service must not run.',
    )
    .argument('[file]', 'written by `backup`')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  leadpulse restore leadpulse-2026-11-27.tar.gz\n  DATABASE_URL=postgres://… leadpulse restore\n',
    )
    .action(async (file: string | undefined, options: { json?: true }) => {
      if (config.databaseUrl && file) {
        throw new CommandError(
          'DATABASE_URL is set: load the file with pg_restore, then run this without it',
        )
      }
      if (!config.databaseUrl && !file) throw new CommandError('takes the file that backup wrote')
      const kept = file ? await load(config.dataDir, resolve(file)) : null
      const workspaces = await giveEpochs(config)
      print(options, { workspaces, kept }, () =>
        [
          `The feeds of ${workspaces} workspaces have a new epoch; clients start over.`,
          ...(kept ? [`What was there before: ${kept}`] : []),
        ].join('\n'),
      )
    })
}

async function backUp(dataDir: string, file: string): Promise<number> {
  const place = join(dataDir, 'pglite')
  if (!existsSync(place)) throw new CommandError(`DATA_DIR: no database in ${dataDir}`)
  const lock = await lockDataDir(dataDir)
  try {
    const { PGlite } = await import('@electric-sql/pglite')
    const pglite = await PGlite.create(place)
    const dump = await pglite.dumpDataDir('gzip')
    await pglite.close()
    const draft = `${file}.part`
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(Buffer.from(await dump.arrayBuffer()))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    return dump.size
  } finally {
    await lock.release()
  }
}

/** Loaded beside what is there, which is moved away only when the new one is whole. */
async function load(dataDir: string, file: string): Promise<string | null> {
  if (!existsSync(file)) throw new CommandError(`${file}: there is no such file`)
  openDataDir(dataDir)
  const lock = await lockDataDir(dataDir)
  const place = join(dataDir, 'pglite')
  const draft = join(dataDir, 'pglite.restoring')
  try {
    await rm(draft, { recursive: true, force: true })
    await loadInto(draft, file)
    const kept = existsSync(place) ? `${place}.before-${Date.now()}` : null
    if (kept) renameSync(place, kept)
    renameSync(draft, place)
    return kept
  } finally {
    await rm(draft, { recursive: true, force: true })
    await lock.release()
  }
}

async function loadInto(draft: string, file: string): Promise<void> {
  try {
    const { PGlite } = await import('@electric-sql/pglite')
    const pglite = await PGlite.create(draft, { loadDataDir: await openAsBlob(file) })
    await pglite.query('select 1 from workspace limit 1')
    await pglite.close()
  } catch (error) {
    throw new CommandError(`${file}: not a backup of Leadpulse (${(error as Error).message})`)
  }
}

async function giveEpochs(config: Config): Promise<number> {
  const log = openLog({ level: 'warn', pretty: process.stderr.isTTY === true })
  const { openDatabase } = await import('../database.ts')
  const database = await openDatabase({ ...config, log })
  try {
    return await newFeedEpochs(database)
  } finally {
    await database.close()
  }
}
