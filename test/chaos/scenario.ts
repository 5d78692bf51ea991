/** What every scenario shares: where it runs, what it hands back, and how it ends and is checked. */
import { createRandom, type Random } from '../../src/simulate/random.ts'
import type { TestServer } from '../support/postgres.ts'
import type { Belongings } from './belongings.ts'
import { check } from './checker.ts'
import { drained, type Post, post } from './fleet.ts'
import { type History, newHistory } from './history.ts'
import { type Load, startLoad } from './load.ts'
import { type Mood, type MoodyModel, moodyModel, usualMood } from './moody-model.ts'
import { type Place, pglitePlace, postgresPlace } from './place.ts'

export interface ScenarioOptions {
  /** How often something is killed, restarted or frozen. */
  kills: number
  /** How long the load runs at least, where kills do not decide it; how long a database is gone. */
  seconds: number
  seed: number
  /** Longest uptime between two kills. */
  uptimeMs: number
  /** Webhooks must be told within this that nothing was stored. */
  answerMs: number
  /** Once the faults are over, jobs must get done within this, one after the other. */
  drainMs: number
  belongings: Belongings
  /** A server that nobody ends before the run does. */
  sharedServer(): Promise<string>
  /** A server for this scenario alone, to be killed at will. */
  privateServer(): Promise<TestServer>
  say(line: string): void
}

export interface Outcome {
  scenario: string
  storage: string
  /** Processes killed with SIGKILL. */
  kills: number
  acked: number
  lost: number
  duplicated: number
  overlapping: number
  stale: number
  unscored: number
  parked: number
  calls: number
  /** Time until a dead process's jobs ran again. */
  recoveryMs: number[]
  /** Figures that are no faults. */
  notes: string[]
  /** Everything that must not be; one line makes the run fail. */
  findings: string[]
}

export type Scenario = (options: ScenarioOptions) => Promise<Outcome>

export interface Stage {
  name: string
  place: Place
  model: MoodyModel
  history: History
  /** Where and when things happen; load and model have streams of their own. */
  random: Random
  post(name: string, env?: NodeJS.ProcessEnv): Post
  load(of: {
    target(): string | null
    webhooks: Record<string, string>
    leads?: number
    perSecond?: number
  }): Load
}

export async function openStage(
  name: string,
  storage: { postgres: string } | 'pglite',
  { seed, belongings }: ScenarioOptions,
  mood: Mood = usualMood,
): Promise<Stage> {
  const place = await (storage === 'pglite'
    ? pglitePlace(belongings)
    : postgresPlace(storage.postgres, belongings))
  const model = await moodyModel(createRandom(seed + 1), mood, belongings)
  const history = newHistory()
  return {
    name,
    place,
    model,
    history,
    random: createRandom(seed),
    post: (postName, env = {}) => post({ name: postName, place, model, belongings, env }),
    load: ({ leads = 16, perSecond = 20, ...rest }) =>
      startLoad({
        random: createRandom(seed + 2),
        history,
        name: `s${seed}`,
        leads,
        perSecond,
        ...rest,
      }),
  }
}

/** Letters that are still without an answer by then will never get one, however slow the machine. */
const SETTLE_MS = 120_000

/** No more faults: everything is answered and scored, the posts end in order, the checker looks. */
export async function finish(of: {
  stage: Stage
  load: Load
  posts: Post[]
  options: ScenarioOptions
  recoveryMs?: number[]
  /** Asked for once everything has settled. */
  notes?(): string[]
  findings?: string[]
  /** Between the last score and the end of the processes. */
  beforeStop?(findings: string[]): Promise<void>
}): Promise<Outcome> {
  const { stage, load, posts, options } = of
  const { model, history, place } = stage
  const findings = [...(of.findings ?? [])]
  const began = performance.now()
  model.calmDown()
  const unanswered = await load.settle(SETTLE_MS)
  if (unanswered.length > 0) {
    findings.push(`${unanswered.length} webhooks were never answered 200: ${unanswered[0]} …`)
  }
  const inTime = await drained(posts[0] as Post, options.drainMs)
  const drainMs = performance.now() - began
  if (!inTime) {
    findings.push(`not everything is scored, and nothing got done for ${options.drainMs / 1000} s`)
  }
  await of.beforeStop?.(findings)
  for (const each of posts) await each.stop()

  const reader = await place.open()
  const verdict = await check(reader, history).finally(() => reader.close())
  await model.close()
  await place.remove().catch(() => undefined)
  findings.push(
    ...verdict.findings,
    ...model.overlaps,
    ...posts.flatMap((each) => each.deaths()),
    ...model.breaches.map((breach) => `the model refused a request: ${breach}`),
  )
  const seconds = (drainMs / 1000).toFixed(1)
  const notes = [
    `${history.letters.size} sent in ${history.answers.length} tries`,
    `${model.faultCount()} model faults`,
    `${verdict.events} scores`,
    `drained in ${seconds} s`,
    ...(verdict.deadLettered > 0 ? [`${verdict.deadLettered} dead-lettered jobs`] : []),
    ...(of.notes?.() ?? []),
  ]
  const { lost, duplicated, stale, unscored, parked } = verdict
  return {
    scenario: stage.name,
    storage: place.storage,
    kills: posts.reduce((sum, each) => sum + each.kills(), 0),
    acked: history.ackedCount(),
    ...{ lost, duplicated, stale, unscored, parked },
    overlapping: model.overlaps.length,
    calls: model.callCount(),
    recoveryMs: of.recoveryMs ?? [],
    notes,
    findings,
  }
}
