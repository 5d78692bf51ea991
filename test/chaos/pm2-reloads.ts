/**
 * `pm2 reload` over and over under load, with a feed client that never answers the close of its
 * socket. Nothing may fail, pm2 may kill nobody, and every message must be scored.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { FEED_PROTOCOL } from '../../src/domain/feed-protocol.ts'
import { createRandom } from '../../src/simulate/random.ts'
import { freePort } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import type { Belongings } from './belongings.ts'
import { check } from './checker.ts'
import { ADMIN_TOKEN } from './fleet.ts'
import { newHistory } from './history.ts'
import { moodyModel } from './moody-model.ts'
import { postgresPlace } from './place.ts'
import { type Pm2, pm2With } from './pm2-daemon.ts'
import { steadyLoad } from './steady-load.ts'

export interface ReloadsOptions {
  reloads: number
  perSecond: number
  /** PostgreSQL server that may take a database more. */
  serverUrl: string
  belongings: Belongings
  say(line: string): void
}

export interface ReloadsOutcome {
  reloads: number
  requests: number
  failed: number
  sigkills: number
  messages: number
  unscored: number
  longestGapMs: number
  /** Shortest, middle and longest reload. */
  reloadMs: number[]
  memoryMb: number
  /** Everything that must not be. */
  findings: string[]
}

const LEADS = 60
/** Between two reloads: long enough for the pool of kept connections to fill again. */
const PAUSE_MS = 500
/** A busy machine has a backlog by then; a lost message never gets its score. */
const SCORED_WITHIN_MS = 150_000
/** Of the service's own warnings, the last ones are shown beside what went wrong. */
const WARNINGS_MAX = 10
const unfinishedSql = `
  select format('%s %s: %s jobs, attempts up to %s, %s not due yet', name, state, count(*),
    max(retry_count), count(*) filter (where start_after > now())) as line
  from pgboss.job where state in ('created', 'retry', 'active') group by name, state
`
/** The slowest calls outlast the time senders are given to leave, so stops meet calls in flight. */
const model = { faults: 0, latencyMs: [200, 3000] as [number, number], timeoutMs: 20_000 }

export async function pm2Reloads(options: ReloadsOptions): Promise<ReloadsOutcome> {
  const { belongings, say } = options
  const place = await postgresPlace(options.serverUrl, belongings)
  const fake = await moodyModel(createRandom(1), model, belongings)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    PORT: String(port),
    DATA_DIR: place.dataDir(),
    ADMIN_TOKEN,
    SCORING_QUIET_MS: '300',
    SCORING_MAX_WAIT_MS: '1500',
    // Every message is read by the model, too: at 100 a second and 1.6 s a call, 160 are open.
    LLM_CONCURRENCY: '400',
    LOG_LEVEL: 'info',
    ...place.env,
    ...fake.env('pm2'),
  }
  const pm2 = pm2With(env, belongings)
  await pm2.start()
  await until(
    () => isReady(url),
    (ready) => ready,
    30_000,
  )
  const webhooks = await until(
    async () => webhooksIn(pm2.output()),
    (found) => Object.keys(found).length === 5,
  )
  const history = newHistory()
  const load = steadyLoad({ url, webhooks, history, perSecond: options.perSecond, leads: LEADS })
  const findings: string[] = []
  const reloadMs: number[] = []
  let memoryMb = 0
  for (let reload = 1; reload <= options.reloads; reload++) {
    const mute = await muteClient(url)
    await delay(PAUSE_MS)
    const began = performance.now()
    await pm2.reload()
    reloadMs.push(performance.now() - began)
    mute.terminate()
    memoryMb = Math.max(memoryMb, await checkProcesses(pm2, reload, findings))
    say(`reload ${reload}: ${Math.round(reloadMs.at(-1) ?? 0)} ms, ${load.failures.length} failed`)
  }
  await load.end()
  findings.push(...failuresByKind(load.failures))
  await until(
    () => nothingOwed(url),
    (scored) => scored,
    SCORED_WITHIN_MS,
  ).catch((error) => findings.push(`not everything was scored: ${(error as Error).message}`))
  const warnings = [...new Set(pm2.output().match(/^\{"level":(40|50|60),.*$/gm) ?? [])]
  const sigkills = pm2.logged(/sending SIGKILL/)
  const ends = pm2.logged(/App \[leadpulse:\S+\] exited with code/)
  const badEnds = ends.filter((line) => !/code \[0\]/.test(line))
  if (ends.length !== options.reloads) {
    findings.push(`${ends.length} processes ended in ${options.reloads} reloads`)
  }
  await pm2.stop()

  const reader = await place.open()
  const verdict = await check(reader, history)
  const [stored] = await reader.query<{ count: number }>(
    'select count(*)::int as count from message',
  )
  const unfinished = await reader.query<{ line: string }>(unfinishedSql)
  await reader.close()
  await place.remove()
  if (findings.length > 0) {
    findings.push(...unfinished.map(({ line }) => line), ...warnings.slice(-WARNINGS_MAX))
  }
  findings.push(...sigkills, ...badEnds, ...verdict.findings, ...fake.overlaps)
  return {
    reloads: options.reloads,
    requests: load.sent(),
    failed: load.failures.length,
    sigkills: sigkills.length,
    messages: stored?.count ?? 0,
    unscored: verdict.unscored,
    longestGapMs: load.longestGapMs(),
    reloadMs: reloadMs.sort((a, b) => a - b),
    memoryMb,
    findings,
  }
}

/** One line per way to fail, with the first request that did. */
function failuresByKind(failures: string[]): string[] {
  const kinds = Map.groupBy(failures, (line) => line.replace(/^\S+ /, '').replace(/\d+ ms$/, ''))
  return [...kinds.values()].map((same) => `${same.length} requests failed: ${same[0]}`)
}

/** Answers the megabytes of the process that is left. */
async function checkProcesses(pm2: Pm2, reloads: number, findings: string[]): Promise<number> {
  const processes = await pm2.processes()
  const [only] = processes
  const seen = processes.map(({ status, mode }) => `${mode} ${status}`).join(', ')
  if (processes.length !== 1 || seen !== 'cluster_mode online') findings.push(`pm2 runs: ${seen}`)
  if (only?.restarts !== reloads) {
    findings.push(`pm2 counts ${only?.restarts} restarts after ${reloads} reloads`)
  }
  return only?.memoryMb ?? 0
}

/** Subscribes, then reads nothing more: it will never answer the close frame. */
async function muteClient(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/feed/ws`, FEED_PROTOCOL, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  socket.on('error', () => undefined)
  await new Promise((resolve, reject) => {
    socket.once('message', resolve)
    socket.once('close', () => reject(new Error('the feed closed the mute client early')))
  })
  socket.send(JSON.stringify({ type: 'subscribe' }))
  socket.pause()
  return socket
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`)).ok
  } catch {
    return false
  }
}

async function nothingOwed(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health/ready`)
  const { checks } = (await response.json()) as {
    checks: Record<string, { details?: Record<string, unknown> }>
  }
  return checks.scoring?.details?.oldestUnscoredSeconds === null
}

function webhooksIn(output: string): Record<string, string> {
  const webhooks: Record<string, string> = {}
  for (const [, channel, path] of output.matchAll(/ (\w+) +\S+(\/webhooks\/\S+)$/gm)) {
    if (channel && path) webhooks[channel] = path
  }
  return webhooks
}
