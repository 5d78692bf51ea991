/** `backfill` on the command line: says what a run would do, or starts one and shows how far it is. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Config } from '../config.ts'
import { type BackfillScope, backfillScopes } from '../domain/backfill.ts'
import { httpUrl, serviceUrl } from '../simulate/options.ts'

export interface BackfillCommandOptions {
  scope: BackfillScope
  /** False: a dry run. */
  run: boolean
  /** Scoring jobs per second; null: as fast as the database takes them. */
  rate: number | null
  url: string
  token: string | null
  /** For the instance admin; null: the first workspace, or that of the token. */
  workspace: string | null
  /** The answer as JSON; everything else goes to standard error. */
  json: boolean
}

const RATE_MAX = 1000

export function backfillCommand(
  config: Pick<Config, 'host' | 'port'>,
  run: (options: BackfillCommandOptions) => Promise<void>,
): Command {
  return new Command('backfill')
    .summary('score leads that have no score, or all of them again')
    .description(
      'Asks a running service to send scoring jobs for leads with at least one inbound message, ' +
        'behind live messages. Without --run it only says how many leads that would be.',
    )
    .addOption(
      new Option('--scope <scope>', 'which leads').choices(backfillScopes).default('unscored'),
    )
    .option('--run', 'do it; without this it is a dry run')
    .addOption(
      new Option('--rate <count>', `leads per second; takes 1 to ${RATE_MAX}`).argParser(rate),
    )
    .addOption(
      new Option('--url <url>', 'the service').default(serviceUrl(config)).argParser(httpUrl),
    )
    .option('--token <token>', 'API token; default: ADMIN_TOKEN, or DATA_DIR/admin-token')
    .option('--workspace <id>', 'for the instance admin; default: the first workspace')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', help)
    .action(
      async (given: Partial<BackfillCommandOptions> & { scope: BackfillScope; url: string }) => {
        const { scope, url, rate, token, workspace } = given
        const options = { scope, url, run: given.run ?? false, json: given.json ?? false }
        await run({
          ...options,
          rate: rate ?? null,
          token: token ?? null,
          workspace: workspace ?? null,
        })
      },
    )
}

const help = `
A run belongs to the service: stop this command or kill the service, and the run goes on with the
next start; the same command then shows it again. The bar counts scoring jobs that were sent; scores
follow as fast as the model allows.

Examples:
  npm run backfill
  npm run backfill -- --run
  npm run backfill -- --run --scope all --rate 20
`

function rate(raw: string): number {
  const value = Number(raw)
  if (!/^\d+$/.test(raw) || value < 1 || value > RATE_MAX) {
    throw new InvalidArgumentError(`takes a whole number from 1 to ${RATE_MAX}`)
  }
  return value
}
