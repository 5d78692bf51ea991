#!/usr/bin/env node
/**
 * The command line: names the subcommands, runs one, and ends every expected error in one line.
 * Started by `bin/leadpulse.js`, under whatever Node that finds. Exit codes: docs/cli.md.
 */
import { Command } from 'commander'
import { backfillCommand } from './backfill/command.ts'
import { backfill } from './backfill/run.ts'
import { backupCommand, restoreCommand } from './cli/backup.ts'
import { doctorCommand } from './cli/doctor.ts'
import { drainCommand } from './cli/drain.ts'
import { eraseCommand } from './cli/erase.ts'
import { jobsCommand } from './cli/jobs.ts'
import { migrateCommand } from './cli/migrate.ts'
import { replayCommand } from './cli/replay.ts'
import { print } from './cli/service.ts'
import { tokensCommand } from './cli/tokens.ts'
import { CommandError } from './command-error.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { evalCommand } from './eval/command.ts'
import { packageVersion } from './package-version.ts'
import { simulateCommand, tokenOf } from './simulate/options.ts'
import { simulate } from './simulate/run.ts'
import { StartupError } from './startup-error.ts'

const examples = `
Commands that ask a running service take --url, --token, --workspace and --json. Settings come from the
environment, as for the service.

Examples:
  leadpulse start
  leadpulse simulate --rate 50 --seconds 60
  leadpulse doctor
  leadpulse jobs stats
  leadpulse drain --budget 5000
  leadpulse erase dana@harlow.example
`

function program(config: Config): Command {
  return new Command('leadpulse')
    .description('Leadpulse scores sales leads live.')
    .version(packageVersion())
    .showHelpAfterError(false)
    .addHelpText('after', examples)
    .addCommand(startCommand())
    .addCommand(
      simulateCommand(config, async (options) => {
        const token = tokenOf(options, config)
        const isGood = await simulate(options, { token, ...streams(options) })
        if (!isGood) process.exitCode = 1
      }),
    )
    .addCommand(
      backfillCommand(config, (options) =>
        backfill(options, { token: tokenOf(options, config), ...streams(options) }),
      ),
    )
    .addCommand(
      evalCommand(async (options) => {
        const { stdout: output, stderr: progress } = process
        // Here, because it loads what calls a model, which no other command is to wait for.
        const { evaluate } = await import('./eval/run.ts')
        process.exitCode = await evaluate(options, { openai: config.openai, output, progress })
      }),
    )
    .addCommand(drainCommand(config))
    .addCommand(jobsCommand(config))
    .addCommand(replayCommand(config))
    .addCommand(tokensCommand(config))
    .addCommand(eraseCommand(config))
    .addCommand(migrateCommand(config))
    .addCommand(doctorCommand())
    .addCommand(backupCommand(config))
    .addCommand(restoreCommand(config))
}

/** With JSON asked for, nothing else is on standard output. */
function streams({ json }: { json: boolean }) {
  return {
    output: json ? process.stderr : process.stdout,
    print: (value: unknown) => print({ json: true }, value, () => ''),
  }
}

function startCommand(): Command {
  return new Command('start')
    .summary('run the service, as npm start does')
    .description('Runs the service until it is told to stop. Settings: the environment (README).')
    .addHelpText('after', '\nExamples:\n  leadpulse start\n  PORT=3001 leadpulse start\n')
    .action(async () => {
      await import('./main.ts')
    })
}

try {
  // The doctor says itself what is wrong with the settings.
  const config = process.argv[2] === 'doctor' ? readConfig({}) : readConfig()
  await program(config).parseAsync()
} catch (error) {
  const lines = error instanceof ConfigError ? error.lines : [(error as Error).message]
  const isExpected = [CommandError, ConfigError, StartupError].some((kind) => error instanceof kind)
  if (!isExpected) throw error
  process.stderr.write(`${lines.map((line) => `error: ${line}`).join('\n')}\n`)
  process.exitCode = 1
}
