/** The posts of a scenario: each is held by one process at a time, and filled again when it dies. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Belongings } from './belongings.ts'
import { type Greeting, type Incarnation, incarnate } from './incarnation.ts'
import type { MoodyModel } from './moody-model.ts'
import type { Place } from './place.ts'

export const ADMIN_TOKEN = 'lp_chaos_0123456789abcdef'

export interface Post {
  name: string
  /** Of the process that holds it; null while none is ready. */
  url(): string | null
  /** Starts a process and waits until it is ready. */
  start(): Promise<Greeting>
  /** Starts one and does not wait. */
  launch(): Incarnation
  current(): Incarnation
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Ordered stop; a process that does not manage it is a finding. */
  stop(): Promise<void>
  kills(): number
  /** Lives that ended although nobody killed them, with their last words. */
  deaths(): string[]
  /** Everything that any process of this post has logged so far and that matches. */
  logged(pattern: RegExp): number
}

export function post(of: {
  name: string
  place: Place
  model: MoodyModel
  belongings: Belongings
  env?: NodeJS.ProcessEnv
}): Post {
  const { name, place, model } = of
  const lives: Incarnation[] = []
  /** Ended on purpose, by a kill or in order. */
  const ended = new Set<Incarnation>()
  let kills = 0
  let pastLog = ''
  let stopFinding: string | null = null
  const env = {
    DATA_DIR: place.dataDir(),
    ADMIN_TOKEN,
    SCORING_QUIET_MS: '300',
    SCORING_MAX_WAIT_MS: '1500',
    LLM_CONCURRENCY: '8',
    ...place.env,
    ...model.env(name),
    ...of.env,
  }
  of.belongings.add(async () => {
    for (const life of lives) {
      ended.add(life)
      await life.kill()
    }
  })
  const current = () => lives.at(-1) as Incarnation

  function launch(): Incarnation {
    const before = lives.pop()
    // Only what is searched for later is kept: a long run has hundreds of lives.
    if (before) {
      pastLog += grave(before.output())
      if (!ended.has(before)) deaths.push(lastWords(before))
    }
    const life = incarnate(env)
    lives.push(life)
    return life
  }
  const deaths: string[] = []
  const lastWords = (life: Incarnation) =>
    `${name} ended by itself (${life.end()}): ${life.output().slice(-600)}`

  return {
    name,
    launch,
    start: () => launch().ready,
    current,
    url: () => lives.at(-1)?.url() ?? null,
    async kill() {
      const life = current()
      if (life.hasEnded()) return
      ended.add(life)
      kills += 1
      await life.kill()
    },
    async stop() {
      const life = current()
      if (life.hasEnded()) return
      const inTime = await life.stop()
      ended.add(life)
      if (!inTime || life.end() !== '0') {
        stopFinding = `${name}: SIGTERM ended it with ${life.end()}: ${endOfLog(life.output())}`
      }
    },
    kills: () => kills,
    deaths: () => {
      const life = lives.at(-1)
      const now = life?.hasEnded() && !ended.has(life) ? [lastWords(life)] : []
      return [...deaths, ...now, ...(stopFinding ? [stopFinding] : [])]
    },
    logged: (pattern) => {
      const text = pastLog + (lives.at(-1)?.output() ?? '')
      return text.match(new RegExp(pattern, 'g'))?.length ?? 0
    },
  }
}

/** The last lines that it logged, and of a report that it gave thereafter, where it stood. */
function endOfLog(output: string): string {
  const log = output.split('\n').filter((line) => line.startsWith('{"level":'))
  const [stack = ''] = /"javascriptStack": \{[^}]*\}/.exec(output) ?? []
  return [...log.slice(-20), stack].join('\n')
}

/** Lines at level warn or above, as pino writes them. */
const grave = (output: string) =>
  output
    .split('\n')
    .filter((line) => /^\{"level":("?)(40|50|60|warn|error|fatal)\1/.test(line))
    .join('\n')

/**
 * Resolves with true when every lead is scored or parked and no job is left, with false when nothing
 * got done for as long as the limit: a slow machine has a long backlog, a lost job never gets done.
 */
export async function drained(at: Pick<Post, 'url'>, limitMs: number): Promise<boolean> {
  let deadline = Date.now() + limitMs
  let fewest = Number.POSITIVE_INFINITY
  let settledLooks = 0
  while (Date.now() < deadline) {
    const left = await jobsLeft(at)
    // A message may be scored before its own post-processing has come back.
    settledLooks = left === 0 && (await nothingUnscored(at)) ? settledLooks + 1 : 0
    if (settledLooks >= 2) return true
    if (left < fewest) {
      fewest = left
      deadline = Date.now() + limitMs
    }
    await delay(250)
  }
  return false
}

/** Unfinished jobs, dead letters aside; infinitely many while nobody answers. */
async function jobsLeft(at: Pick<Post, 'url'>): Promise<number> {
  try {
    const response = await fetch(`${at.url()}/metrics`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      signal: AbortSignal.timeout(5000),
    })
    const series = (await response.text()).matchAll(/^leadpulse_jobs\{(.*)\} (\d+)$/gm)
    return [...series]
      .filter(
        ([, labels = '']) =>
          /state="(created|retry|active)"/.test(labels) && /_POST_PROCESS"/.test(labels),
      )
      .reduce((sum, [, , count]) => sum + Number(count), 0)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

async function nothingUnscored(at: Pick<Post, 'url'>): Promise<boolean> {
  try {
    const response = await fetch(`${at.url()}/health/ready`, { signal: AbortSignal.timeout(5000) })
    const { checks } = (await response.json()) as {
      checks: Record<string, { ok: boolean; details?: Record<string, unknown> }>
    }
    const { details } = checks.scoring ?? {}
    return checks.database?.ok === true && details?.oldestUnscoredSeconds === null
  } catch {
    return false
  }
}
