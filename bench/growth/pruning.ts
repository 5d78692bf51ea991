/** What a batch of the retention takes, and what it does to webhooks that arrive meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'
import { openDatabase } from '../../src/database.ts'
import { pruner } from '../../src/domain/retention.ts'
import { silentLog } from '../../test/support/database.ts'
import { median } from '../ingest/figures.ts'
import type { LoadProcess } from '../ingest/load-process.ts'
import type { Growing, Storage } from './prepare.ts'

export interface Pruning {
  batches: number
  rows: number
  medianMs: number
  maxMs: number
  /** p99 of webhooks at `RATE` a second without pruning, and with it. */
  quietP99Ms: number
  besideP99Ms: number
}

const RATE = 200
const PAUSE_MS = 250
/** Of what is there a third has grown old. */
const DAYS = {
  ...{ scoreEvents: 20, rejected: 20, payloads: 20, aiCalls: 20 },
  ...{ audit: 365, leads: null },
}

export async function measurePruning(
  storage: Storage,
  service: Growing,
  load: LoadProcess,
  seconds: number,
): Promise<Pruning> {
  const how = { connections: 64, rate: RATE, warmUpMs: 500, measuredMs: seconds * 1000 }
  const quiet = await load.send(service, how)
  const database = await openDatabase({ ...storage, log: silentLog })
  const { prune } = pruner(database, DAYS, async () => {})
  const batches: { ms: number; rows: number }[] = []
  const until = performance.now() + seconds * 1000
  const beside = load.send(service, how)
  while (performance.now() < until) {
    const begun = performance.now()
    const { pruned, more } = await prune(Date.now())
    const rows = Object.values(pruned).reduce((sum, n) => sum + n, 0)
    batches.push({ ms: performance.now() - begun, rows })
    if (!more) break
    await delay(PAUSE_MS)
  }
  const { p99Ms } = await beside
  await database.close()
  return {
    batches: batches.length,
    rows: batches.reduce((sum, { rows }) => sum + rows, 0),
    medianMs: median(batches.map(({ ms }) => ms)),
    maxMs: Math.max(...batches.map(({ ms }) => ms)),
    quietP99Ms: quiet.p99Ms,
    besideP99Ms: p99Ms,
  }
}
