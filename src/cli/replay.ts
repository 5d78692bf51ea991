/** `replay`: deliveries that were authentic but not understood, parsed again with today's code. */
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { CommandError } from '../command-error.ts'
import type { Config } from '../config.ts'
import { createProgress } from '../progress.ts'
import { apiOf, minuteOf, print, type ServiceOptions, serviceCommand, table } from './service.ts'

interface ReplayOptions extends ServiceOptions {
  all?: true
  state: string
}

const rejectedSchema = z.object({
  id: z.string(),
  channel: z.string(),
  provider: z.string(),
  reason: z.string(),
  receivedAt: z.string(),
  replayResult: z.string().nullable(),
})
const resultSchema = z.object({ status: z.string(), reason: z.string().optional() })
type Result = z.infer<typeof resultSchema> & { id: string }

export function replayCommand(config: Config): Command {
  return serviceCommand('replay', config)
    .summary('list rejected deliveries and send them through again')
    .description(
      'Without an id it lists rejected deliveries. With ids, or --all, each is parsed and stored ' +
        'again, e.g. after an update. Exit code 1 when one was rejected again.',
    )
    .argument('[ids...]', 'deliveries to send through again')
    .option('--all', 'every open one')
    .addOption(
      new Option('--state <state>', 'to list').choices(['open', 'replayed', 'all']).default('open'),
    )
    .addHelpText(
      'after',
      `
Examples:
  leadpulse replay
  leadpulse replay 019b0000-0000-7000-8000-000000000001
  leadpulse replay --all --json
`,
    )
    .action((ids: string[], options: ReplayOptions) => replay(ids, options, config))
}

async function replay(ids: string[], options: ReplayOptions, config: Config): Promise<void> {
  if (options.all && ids.length > 0) throw new CommandError('--all: takes no ids beside it')
  const api = apiOf(options, config)
  const state = options.all ? 'open' : options.state
  const listed =
    ids.length > 0 ? [] : await api.list(`/api/v1/rejected?state=${state}`, rejectedSchema)
  if (ids.length === 0 && !options.all) {
    print(options, listed, () => {
      const rows = listed.map((each) => [
        each.id,
        minuteOf(each.receivedAt),
        each.channel,
        each.reason,
        each.replayResult,
      ])
      return table(['id', 'received (UTC)', 'channel', 'reason', 'last replay'], rows)
    })
    return
  }
  const results: Result[] = []
  const wanted = options.all ? listed.map(({ id }) => id) : ids
  const progress = createProgress(process.stderr)
  progress.start('replayed', wanted.length)
  try {
    for (const id of wanted) {
      const path = `/api/v1/rejected/${encodeURIComponent(id)}/replay`
      results.push({ id, ...(await api.post(path, {}, resultSchema)) })
      progress.update(results.length)
    }
  } finally {
    progress.stop()
  }
  print(options, results, () => {
    const rows = results.map(({ id, status, reason }) => [id, status, reason ?? null])
    return table(['id', 'result', 'reason'], rows)
  })
  if (results.some(({ status }) => status === 'rejected')) process.exitCode = 1
}
