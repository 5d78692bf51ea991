/** `jobs`: what waits and what failed, and bringing it back. */
import { Command, Option } from 'commander'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { jobStates } from '../job-board.ts'
import { queueNames } from '../job-queues.ts'
import { apiOf, minuteOf, print, type ServiceOptions, serviceCommand, table } from './service.ts'

const jobSchema = z.object({
  id: z.string(),
  type: z.string(),
  state: z.string(),
  leadId: z.string(),
  attempts: z.int(),
  error: z.string().nullable(),
  createdAt: z.string(),
  dueAt: z.string(),
})
const pageSchema = z.object({ items: z.array(jobSchema), nextCursor: z.string().nullish() })
const statsSchema = z.object({
  counts: z.array(
    z.object({ type: z.string(), state: z.string(), count: z.int(), oldestAgeMs: z.int() }),
  ),
  failures: z.array(z.object({ type: z.string(), error: z.string(), count: z.int() })),
})
const redrivenSchema = z.object({ jobs: z.int(), leads: z.int() })
const ROWS_MAX = 200

interface ListOptions extends ServiceOptions {
  type?: string
  state?: string
  lead?: string
  error?: string
  limit: string
}

export function jobsCommand(config: Config): Command {
  const typeOption = () => new Option('--type <type>', 'of this kind only').choices(queueNames)
  return new Command('jobs')
    .summary('jobs of a workspace: list, figures, bring back')
    .description('Jobs of a workspace, from a running service.')
    .addCommand(
      serviceCommand('list', config)
        .description('jobs, newest first')
        .addOption(typeOption())
        .addOption(new Option('--state <state>', 'in this state only').choices(jobStates))
        .option('--lead <id>', 'of this lead only')
        .option('--error <text>', 'whose error contains this')
        .addOption(new Option('--limit <count>', `rows, 1 to ${ROWS_MAX}`).default('50'))
        .action((options: ListOptions) => list(options, config)),
    )
    .addCommand(
      serviceCommand('stats', config)
        .description('how many in which state, and what failures say')
        .action((options: ServiceOptions) => stats(options, config)),
    )
    .addCommand(
      serviceCommand('retry', config)
        .description('make one job due now')
        .argument('<id>', 'of the job')
        .action(async (id: string, options: ServiceOptions) => {
          const path = `/api/v1/jobs/${encodeURIComponent(id)}/retry`
          const done = await apiOf(options, config).post(path, {}, z.object({ status: z.string() }))
          print(options, done, () => `${id}: ${done.status}`)
        }),
    )
    .addCommand(
      serviceCommand('redrive', config)
        .description('bring failed jobs and parked leads back, up to 1000 of each')
        .addOption(typeOption())
        .action(async ({ type, ...options }: ServiceOptions & { type?: string }) => {
          const body = type ? { type } : {}
          const done = await apiOf(options, config).post(
            '/api/v1/jobs/redrive',
            body,
            redrivenSchema,
          )
          print(options, done, () => `${done.jobs} jobs and ${done.leads} leads are due again`)
        }),
    )
    .addHelpText(
      'after',
      `
Examples:
  leadpulse jobs stats
  leadpulse jobs list --state failed --limit 20
  leadpulse jobs retry 019b0000-0000-7000-8000-000000000001
  leadpulse jobs redrive --type LEAD_SCORING_POST_PROCESS
`,
    )
}

async function list(options: ListOptions, config: Config): Promise<void> {
  const { type, state, lead, error, limit } = options
  const query = new URLSearchParams({
    limit,
    ...(type && { type }),
    ...(state && { state }),
    ...(lead && { leadId: lead }),
    ...(error && { error }),
  })
  const page = await apiOf(options, config).get(`/api/v1/jobs?${query}`, pageSchema)
  print(options, page.items, () => {
    const rows = page.items.map((job) => [
      job.id,
      job.type,
      job.state,
      job.attempts,
      minuteOf(job.createdAt),
      job.error,
    ])
    const more = page.nextCursor ? '\nThere are more: --limit, or a narrower filter' : ''
    return `${table(['id', 'type', 'state', 'attempts', 'created (UTC)', 'error'], rows)}${more}`
  })
}

async function stats(options: ServiceOptions, config: Config): Promise<void> {
  const found = await apiOf(options, config).get('/api/v1/jobs/stats', statsSchema)
  print(options, found, () => {
    const counts = found.counts.map(({ type, state, count, oldestAgeMs }) => {
      return [type, state, count, `${Math.round(oldestAgeMs / 1000)} s`]
    })
    const failures = found.failures.map(({ type, error, count }) => [type, count, error])
    const failed = failures.length > 0 ? `\n${table(['type', 'failed', 'error'], failures)}` : ''
    return `${table(['type', 'state', 'jobs', 'oldest'], counts)}${failed}`
  })
}
