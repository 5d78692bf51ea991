/**
 * `npm run bench:ingest`: how fast webhooks are stored, against peers and limits in the same run.
 * Prints a JSON line per figure, a table, and last of all one JSON line of ratios.
 *
 *   npm run bench:ingest               five rounds of each, about ten minutes
 *   npm run bench:ingest -- --quick    at most two minutes
 */
import { Command } from 'commander'
import { type Contender, leadpulse, leadpulseOnPglite, peer } from './contenders.ts'
import { type Figure, type Match, median, play, type RoundPlan } from './figures.ts'
import { type LoadProcess, startLoad } from './load-process.ts'
import { openPgbench } from './pgbench.ts'
import { type BenchDatabase, openPlace } from './place.ts'
import { OPEN_LOOP_RATE, ratiosOf, tableOf } from './report.ts'

const LEADS = 20_000
/** More than any contender takes in one round. */
const REQUESTS = 120_000
const OPEN_LOOP_CONNECTIONS = 256

const { quick } = new Command()
  .option('--quick', 'at most two minutes')
  .parse()
  .opts<{ quick?: true }>()
const plan: RoundPlan = quick
  ? { rounds: 5, warmUpMs: 300, measuredMs: 1000 }
  : { rounds: 5, warmUpMs: 1000, measuredMs: 5000 }

const place = await openPlace()
const load = await startLoad({ requests: REQUESTS, leads: LEADS })
const contenders: Contender[] = []
const add = async <T extends Contender>(contender: Promise<T>): Promise<T> => {
  contenders.push(await contender)
  return contender
}
try {
  const ours = await add(leadpulse(place))
  const pgboss = await add(peer(place, 'pgboss'))
  const graphile = await add(peer(place, 'graphile'))
  const http = await add(peer(place, 'http'))
  const pglite = await add(leadpulseOnPglite())
  const all = [ours, pgboss, graphile]
  await warm(load, [...all, http, pglite])
  const figures = [
    ...(await play(
      load,
      [
        ...all.map((contender) => closed(contender, 64)),
        ...[...all, http, pglite].map((contender) => closed(contender, 256)),
      ],
      plan,
    )),
    ...(await pgbenchFigures(ours.database, () => ours.empty?.(), load.sample)),
    ...(await play(load, openLoop(quick ? [ours] : all), { ...plan, rounds: quick ? 3 : 5 })),
  ]
  for (const figure of figures) process.stdout.write(`${JSON.stringify(figure)}\n`)
  process.stdout.write(
    `${tableOf(figures)}\nPostgreSQL ${place.version}, fsync on; bodies of ${load.meanBytes} bytes\n`,
  )
  process.stdout.write(`${JSON.stringify(ratiosOf(figures))}\n`)
} finally {
  for (const contender of contenders) await contender.stop()
  load.stop()
  await place.stop()
}
process.exit(0)

function closed(contender: Contender, connections: number): Match {
  return { contender, connections, rate: null }
}

/** At equal load; a peer that cannot keep up shows the queue that builds up. */
function openLoop(some: Contender[]): Match[] {
  return some.map((contender) => ({
    contender,
    connections: OPEN_LOOP_CONNECTIONS,
    rate: OPEN_LOOP_RATE,
  }))
}

/** Code that has not run yet is slow in Node; nobody is measured cold. */
async function warm(sender: LoadProcess, some: Contender[]): Promise<void> {
  const seconds = quick ? 2 : 5
  for (const contender of some) {
    await sender.send(contender, {
      connections: 128,
      rate: null,
      warmUpMs: 0,
      measuredMs: seconds * 1000,
    })
    await contender.empty?.()
  }
}

async function pgbenchFigures(
  database: BenchDatabase,
  empty: () => Promise<void> | undefined,
  payload: string,
): Promise<Figure[]> {
  const pgbench = await openPgbench(database, { leads: LEADS, payload: JSON.parse(payload) })
  if (!pgbench) {
    process.stdout.write('pgbench is not on this machine: no figure of it\n')
    return []
  }
  const seconds = plan.measuredMs / 1000
  const figures: Figure[] = []
  for (const clients of quick ? [16, 32] : [8, 16, 32, 64]) {
    const rates: number[] = []
    for (let round = 0; round < (quick ? 3 : plan.rounds); round++) {
      rates.push(await pgbench.tps(clients, Math.ceil(seconds)))
      await empty()
    }
    const rps = Math.round(median(rates))
    const what = { contender: 'pgbench', connections: clients, rate: null, rps }
    figures.push({ ...what, p50Ms: 0, p99Ms: 0, refused: 0, rounds: rates.length })
  }
  pgbench.close()
  return figures.toSorted((a, b) => b.rps - a.rps).slice(0, 1)
}
