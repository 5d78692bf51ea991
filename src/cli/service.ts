/** What every command takes that asks a running service, and how its answers are printed. */
import Table from 'cli-table3'
import { Command, Option } from 'commander'
import type { Config } from '../config.ts'
import { httpUrl, serviceUrl, tokenOf } from '../simulate/options.ts'
import { type Api, createApi } from './api.ts'

export interface ServiceOptions {
  url: string
  token?: string
  workspace?: string
  json?: true
}

export function serviceCommand(name: string, config: Config): Command {
  return new Command(name)
    .addOption(
      new Option('--url <url>', 'the service').default(serviceUrl(config)).argParser(httpUrl),
    )
    .option('--token <token>', 'API token; default: ADMIN_TOKEN, or DATA_DIR/admin-token')
    .option('--workspace <id>', 'for the instance admin; default: the first workspace')
    .option('--json', 'print the answer as JSON')
}

export function apiOf(options: ServiceOptions, config: Config): Api {
  const { url, workspace = null } = options
  return createApi({ url, token: tokenOf({ token: options.token ?? null }, config), workspace })
}

/** One value as JSON, or what people read. */
export function print({ json }: { json?: true }, value: unknown, forPeople: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(value, null, 2) : forPeople()}\n`)
}

export function table(head: string[], rows: (string | number | null)[][]): string {
  const lines = new Table({ head, style: { head: [], border: [] } })
  for (const row of rows) lines.push(row.map((cell) => cell ?? '–'))
  return lines.toString()
}

/** To the minute, as in logs. */
export const minuteOf = (iso: string | null): string | null =>
  iso?.slice(0, 16).replace('T', ' ') ?? null
