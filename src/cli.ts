#!/usr/bin/env node
/** The command line: names the subcommands, runs one, and ends every expected error in one line. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { backfillCommand } from './backfill/command.ts'
import { backfill } from './backfill/run.ts'
import { CommandError } from './command-error.ts'
import { ConfigError, readConfig } from './config.ts'
import { evalCommand } from './eval/command.ts'
import { evaluate } from './eval/run.ts'
import { simulateCommand, tokenOf } from './simulate/options.ts'
import { simulate } from './simulate/run.ts'

async function main(): Promise<void> {
  const config = readConfig()
  const program = new Command('leadpulse')
    .description('Leadpulse scores sales leads live. `npm start` runs the service.')
    .version(version())
    .showHelpAfterError(false)
    .addHelpText(
      'after',
      '\nExamples:\n  leadpulse simulate\n  leadpulse simulate --rate 50 --seconds 60\n  leadpulse simulate --help',
    )
  program.addCommand(
    simulateCommand(config, async (options) => {
      const token = tokenOf(options, config)
      const isGood = await simulate(options, { token, output: process.stdout })
      if (!isGood) process.exitCode = 1
    }),
  )
  program.addCommand(
    backfillCommand(config, (options) =>
      backfill(options, { token: tokenOf(options, config), output: process.stdout }),
    ),
  )
  program.addCommand(
    evalCommand(async (options) => {
      const { stdout: output, stderr: progress } = process
      process.exitCode = await evaluate(options, { openai: config.openai, output, progress })
    }),
  )
  await program.parseAsync()
}

function version(): string {
  const path = join(import.meta.dirname, '../package.json')
  const { version: found } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
  return found
}

try {
  await main()
} catch (error) {
  if (!(error instanceof CommandError || error instanceof ConfigError)) throw error
  process.stderr.write(`error: ${error.message}\n`)
  process.exitCode = 1
}
