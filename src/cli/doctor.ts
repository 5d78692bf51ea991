/** `doctor`: looks at everything a start depends on and says what to mend; needs no running service. */
import { Command } from 'commander'
import { CommandError } from '../command-error.ts'
import { type Config, ConfigError, readConfig } from '../config.ts'
import type { Check } from '../doctor/check.ts'
import { dataDirChecks } from '../doctor/data-dir.ts'
import { print, table } from './service.ts'

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('check configuration, data directory, database, model, clock')
    .description(
      'Checks what a start depends on and says what to mend. Works with the service running or not. ' +
        'Exit code 1 when something is broken; a warning alone is 0.',
    )
    .option('--json', 'print the checks as JSON')
    .addHelpText('after', '\nExamples:\n  leadpulse doctor\n  leadpulse doctor --json\n')
    .action(async (options: { json?: true }) => {
      const checks = await examine()
      const healthy = checks.every(({ state }) => state !== 'broken')
      print(options, { healthy, checks }, () => reportOf(checks, healthy))
      if (!healthy) process.exitCode = 1
    })
}

async function examine(): Promise<Check[]> {
  const configured = configuration()
  if (!('config' in configured)) return configured.checks
  const { config } = configured
  // Here, because they load the ORM, which no other command is to wait for.
  const { databaseChecks } = await import('../doctor/database.ts')
  const { providerChecks } = await import('../doctor/provider.ts')
  return [
    { name: 'configuration', state: 'ok', says: summary(config) },
    ...dataDirChecks(config),
    ...(await databaseChecks(config)),
    ...(await providerChecks(config.openai)),
  ]
}

function configuration(): { config: Config } | { checks: Check[] } {
  try {
    return { config: readConfig() }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw new CommandError(String(error))
    return {
      checks: error.lines.map((line) => ({
        name: 'configuration',
        state: 'broken',
        says: line,
        fix: 'Set the variable to what it takes, or leave it out for its default',
      })),
    }
  }
}

const summary = ({ role, databaseUrl, openai }: Config) =>
  `role ${role}, ${databaseUrl ? 'PostgreSQL' : 'embedded database'}, ${openai ? openai.model : 'rules-v1'}`

const marks = { ok: '✓ ok', warning: '! warning', broken: '✗ broken' }

function reportOf(checks: Check[], healthy: boolean): string {
  const rows = checks.map(({ name, state, says }) => [name, marks[state], says])
  const fixes = checks.flatMap(({ name, fix }) => (fix ? [`${name}: ${fix}`] : []))
  const todo = fixes.length > 0 ? `\nWhat to do:\n${fixes.map((fix) => `  ${fix}`).join('\n')}` : ''
  return `${table(['check', 'state', 'what was found'], rows)}${todo}\n${healthy ? 'Healthy.' : 'Broken.'}`
}
