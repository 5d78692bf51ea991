/** What `simulate` takes on the command line, and the refusal of everything else by name. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import type { Config } from '../config.ts'

export interface SimulateOptions {
  leads: number
  rate: number
  seconds: number
  seed: number
  url: string
  /** null: taken from the configuration. */
  token: string | null
  replay: boolean
  /** The report as JSON; everything else goes to standard error. */
  json: boolean
}

type Given = Omit<SimulateOptions, 'token' | 'replay' | 'json'> & {
  token?: string
  replay?: true
  json?: true
}

/** More would not fit in memory with a margin: a plan holds every body. */
const WEBHOOKS_MAX = 200_000

export function simulateCommand(
  config: Pick<Config, 'host' | 'port'>,
  run: (options: SimulateOptions) => Promise<void>,
): Command {
  return new Command('simulate')
    .summary('send a realistic stream of webhooks to a running service')
    .description(
      'Plays leads on all five channels to a running service over HTTP, in the formats of all ' +
        'providers, and reports what was answered and how fast scores came. Connections named ' +
        '"simulate <provider>" are made on the first run and used again.',
    )
    .addOption(number('--leads <count>', 'leads that write', 40, 1, 10_000, true))
    .addOption(number('--rate <number>', 'webhooks per second', 10, 0.1, 2000, false))
    .addOption(number('--seconds <count>', 'length of the stream', 20, 1, 3600, true))
    .addOption(
      number('--seed <count>', 'the same seed and options say the same', 1, 0, 4_294_967_295, true),
    )
    .addOption(
      new Option('--url <url>', 'the service').default(serviceUrl(config)).argParser(httpUrl),
    )
    .addOption(
      new Option('--token <token>', 'API token; default: ADMIN_TOKEN, or DATA_DIR/admin-token'),
    )
    .option('--replay', 'fixed ids and times: the second such run is all duplicates')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', help)
    .action(async (given: Given) => {
      const count = given.rate * given.seconds
      if (count > WEBHOOKS_MAX) {
        throw new CommandError(
          `--rate, --seconds: ${count} webhooks in all; takes at most ${WEBHOOKS_MAX}`,
        )
      }
      const { token = null, replay = false, json = false } = given
      await run({ ...given, token, replay, json })
    })
}

const help = `
Ids and addresses are new in every run, so the same seed plays the same conversations with new
leads. With --replay ids and times are fixed: a second --replay is answered with duplicates only
(except GoHighLevel workflow messages, which have no id: the service tells them apart by time).

Exit code 1: an error, or a webhook that failed or was rejected.

Examples:
  npm run simulate
  npm run simulate -- --leads 200 --rate 50 --seconds 60
  npm run simulate -- --json > report.json
  npm run simulate -- --seed 7 --url https://scores.example.com --token "$TOKEN"
`

/** The token given, or that of the service on this machine. */
export function tokenOf(
  { token }: Pick<SimulateOptions, 'token'>,
  config: Pick<Config, 'adminToken' | 'dataDir'>,
): string {
  const given = token ?? config.adminToken
  if (given) return given
  const path = join(config.dataDir, 'admin-token')
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new CommandError(
      `--token: not given, ADMIN_TOKEN is not set and ${path} cannot be read; takes the token the service printed at its first start`,
      { cause: error },
    )
  }
}

/** Where a service with this configuration is to be found from here. */
export function serviceUrl({ host, port }: Pick<Config, 'host' | 'port'>): string {
  const isEverywhere = host === '0.0.0.0' || host === '::'
  const name = isEverywhere ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port || 3000}`
}

function number(
  flags: string,
  description: string,
  fallback: number,
  min: number,
  max: number,
  whole: boolean,
): Option {
  const takes = `takes a ${whole ? 'whole number' : 'number'} from ${min} to ${max}`
  return new Option(flags, description).default(fallback).argParser((raw: string) => {
    const value = Number(raw)
    const isNumber = /^\d+(?:\.\d+)?$/.test(raw) && (!whole || Number.isInteger(value))
    if (!isNumber || value < min || value > max) throw new InvalidArgumentError(takes)
    return value
  })
}

export function httpUrl(raw: string): string {
  const url = URL.canParse(raw) ? new URL(raw) : null
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('takes an http(s) URL such as http://127.0.0.1:3000')
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}
