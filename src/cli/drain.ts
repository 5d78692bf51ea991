/** `drain`: due jobs within a time budget, once or until none is left. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { apiOf, print, type ServiceOptions, serviceCommand, table } from './service.ts'

interface DrainCommandOptions extends ServiceOptions {
  budget: number
  all?: true
}

const BUDGET_MS = { min: 1000, max: 240_000 }
/** On top of the budget, for the way there and back. */
const ANSWER_MS = 15_000

const drainedSchema = z.object({ processed: z.int(), failed: z.int(), remaining: z.int() })

export function drainCommand(config: Config): Command {
  return serviceCommand('drain', config)
    .summary('work through due jobs for a limited time')
    .description(
      'Asks a running service to work through due jobs of all workspaces, also one that otherwise ' +
        'runs no jobs (ROLE=web). Takes the admin token of the instance, or CRON_SECRET.',
    )
    .addOption(
      new Option('--budget <ms>', 'milliseconds until the answer')
        .default(60_000)
        .argParser(budget),
    )
    .option('--all', 'again and again until nothing is due or nothing more gets done')
    .addHelpText(
      'after',
      `
Examples:
  leadpulse drain --budget 5000
  leadpulse drain --budget 55000 --all --json
  leadpulse drain --token "$CRON_SECRET"
`,
    )
    .action((options: DrainCommandOptions) => drain(options, config))
}

async function drain(options: DrainCommandOptions, config: Config): Promise<void> {
  const { budget: budgetMs } = options
  const token = options.token ?? config.cronSecret ?? undefined
  const api = apiOf({ ...options, ...(token && { token }) }, config)
  const path = `/api/v1/jobs/drain?budgetMs=${budgetMs}`
  const calls: (z.infer<typeof drainedSchema> & { tookMs: number })[] = []
  for (;;) {
    const began = performance.now()
    const answer = await api.post(path, {}, drainedSchema, budgetMs + ANSWER_MS)
    calls.push({ ...answer, tookMs: Math.round(performance.now() - began) })
    if (!options.all || answer.remaining === 0 || answer.processed === 0) break
  }
  const rows = calls.map(({ processed, failed, remaining, tookMs }, n) => {
    return [n + 1, processed, failed, remaining, `${tookMs} ms`]
  })
  print(options, { budgetMs, calls }, () =>
    table(['call', 'processed', 'failed', 'remaining', `took of ${budgetMs} ms`], rows),
  )
}

function budget(raw: string): number {
  const { min, max } = BUDGET_MS
  const value = Number(raw)
  if (!/^\d+$/.test(raw) || value < min || value > max) {
    throw new InvalidArgumentError(`takes a whole number from ${min} to ${max}`)
  }
  return value
}
