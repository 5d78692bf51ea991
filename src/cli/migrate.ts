/** `migrate`: brings the database up to date without starting the service. */
import { Command } from 'commander'
import type { Config } from '../config.ts'
import { openDataDir } from '../data-dir.ts'
import { openLog } from '../log.ts'
import { print } from './service.ts'

interface MigrateOptions {
  check?: true
  json?: true
}

export function migrateCommand(config: Config): Command {
  return new Command('migrate')
    .summary('bring the database up to date')
    .description(
      'Does what every start does first. Several processes may do it at once: one migrates. The ' +
        'embedded database must not be in use.',
    )
    .option('--check', 'only say what is to be done; exit code 1 when something is')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', '\nExamples:\n  leadpulse migrate --check\n  leadpulse migrate\n')
    .action((options: MigrateOptions) => migrate(options, config))
}

async function migrate(options: MigrateOptions, config: Config): Promise<void> {
  openDataDir(config.dataDir)
  // Here, because loading the ORM takes a second, which no other command is to wait for.
  const { lookAt } = await import('../database-look.ts')
  const { pending } = await lookAt(config)
  if (!options.check) await bringUp(config)
  const names = pending.map((name) => `  ${name}`)
  const done = options.check ? 'to do' : 'done'
  print(options, { pending, done: !options.check }, () =>
    [`${pending.length} migrations ${done}`, ...names].join('\n'),
  )
  if (options.check && pending.length > 0) process.exitCode = 1
}

async function bringUp(config: Config): Promise<void> {
  const { openDatabase } = await import('../database.ts')
  const { openJobs } = await import('../jobs.ts')
  const log = openLog({ level: 'warn', pretty: process.stderr.isTTY === true })
  const database = await openDatabase({ ...config, log })
  try {
    const jobs = openJobs(database, log)
    // pg-boss keeps a schema of its own.
    await jobs.start()
    await jobs.stop()
  } finally {
    await database.close()
  }
}
