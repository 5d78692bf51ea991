/** PostgreSQL dies under load: again and again for a moment, once for long, once without a word. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from './history.ts'
import { finish, type Outcome, openStage, type Scenario, type ScenarioOptions } from './scenario.ts'

/** Immediate stop (what a crash is to its clients) and start, `kills` times. */
export const databaseRestarts: Scenario = async (options) => {
  const server = await options.privateServer()
  const stage = await openStage('databaseRestarts', { postgres: server.url }, options)
  const service = stage.post('service')
  const { webhooks } = await service.start()
  const load = stage.load({ target: service.url, webhooks })
  const backAfterMs: number[] = []
  for (let count = 1; count <= options.kills; count++) {
    await delay(stage.random.between(500, options.uptimeMs))
    await server.halt('SIGQUIT')
    await server.resume()
    const resumedAt = Date.now()
    await delay(stage.random.between(500, 1500))
    const first = stage.history.answers.find(({ status, at }) => status === 200 && at >= resumedAt)
    if (first) backAfterMs.push(first.at + first.tookMs - resumedAt)
  }
  return finish({
    stage,
    load,
    posts: [service],
    options,
    notes: () => [
      `${options.kills} immediate restarts of PostgreSQL`,
      `first 200 at most ${Math.round(Math.max(0, ...backAfterMs))} ms after it answered again`,
    ],
  })
}

/** Connections are refused for `seconds`. */
export const databaseGone: Scenario = async (options) => {
  const server = await options.privateServer()
  return outage('databaseGone', server.url, options, async () => {
    await server.halt('SIGQUIT')
    return server.resume
  })
}

/** Connections stay open for `seconds` and nothing comes back: a machine or a network that hangs. */
export const databaseMute: Scenario = async (options) => {
  const server = await options.privateServer()
  return outage('databaseMute', server.url, options, async () => {
    const { thaw } = await server.freeze()
    // Frozen processes would outlive the harness.
    return options.belongings.add(thaw)
  })
}

async function outage(
  name: string,
  url: string,
  options: ScenarioOptions,
  begin: () => Promise<() => Promise<void>>,
): Promise<Outcome> {
  const stage = await openStage(name, { postgres: url }, options)
  const service = stage.post('service')
  const { webhooks } = await service.start()
  const load = stage.load({ target: service.url, webhooks })
  await delay(2500)
  const end = await begin()
  const goneAt = Date.now()
  await delay(options.seconds * 500)
  const findings = await probe(service.url())
  await delay(options.seconds * 500)
  const backAt = Date.now()
  await end()
  await delay(3000)
  const { answers } = stage.history
  const { answerMs } = options
  const during = answers.filter(
    ({ at, tookMs }) => at >= goneAt && at + tookMs <= backAt + answerMs && at < backAt,
  )
  const overdue = answers.filter(({ at }) => at >= goneAt && at < backAt - answerMs)
  findings.push(...lies(during, backAt), ...slow(overdue, answerMs))
  const back = answers.find(({ status, at, tookMs }) => status === 200 && at + tookMs >= backAt)
  if (!back) findings.push('no webhook was accepted within 3 s of the return of the database')
  const refused = during.filter(({ status }) => status === 503 || status === 429)
  const slowest = Math.round(Math.max(0, ...refused.map(({ tookMs }) => tookMs)))
  return finish({
    stage,
    load,
    posts: [service],
    options,
    findings,
    notes: () => [
      `gone for ${options.seconds} s: ${refused.length} × 503, the slowest after ${slowest} ms`,
      ...(back ? [`first 200 after ${Math.round(back.at + back.tookMs - backAt)} ms`] : []),
    ],
  })
}

/** Alive, and honest about not being ready. */
async function probe(url: string | null): Promise<string[]> {
  const statusOf = async (path: string) => {
    try {
      return (await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5000) })).status
    } catch {
      return null
    }
  }
  const [live, ready] = await Promise.all([statusOf('/health/live'), statusOf('/health/ready')])
  return [
    ...(live === 200 ? [] : [`/health/live answered ${live} without a database`]),
    ...(ready === 503 ? [] : [`/health/ready answered ${ready} without a database`]),
  ]
}

/** A 200 while no commit is possible, or an answer that is neither 503 nor 429. */
function lies(during: Answer[], backAt: number): string[] {
  return during
    .filter(({ at, tookMs }) => at + tookMs < backAt)
    .filter(({ status }) => status !== null && status !== 503 && status !== 429)
    .map(({ externalId, status }) => `${externalId} was answered ${status} without a database`)
    .slice(0, 5)
}

/** Requests that the senders cut themselves after some milliseconds say nothing. */
function slow(tries: Answer[], answerMs: number): string[] {
  const late = tries.filter(({ tookMs }) => tookMs > answerMs)
  if (late.length === 0) return []
  const worst = Math.round(Math.max(...late.map(({ tookMs }) => tookMs)))
  const unanswered = late.filter(({ status }) => status === null).length
  return [
    `${late.length} of ${tries.length} webhooks waited more than ${answerMs} ms without a database` +
      ` (worst ${worst} ms, ${unanswered} never answered)`,
  ]
}
