/**
 * The proof of the feed: clients of every transport and filter in two workspaces, each cut off again
 * and again while writers score and the service is killed; afterwards everything that each of them
 * was told is compared with what the database holds.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../../src/simulate/random.ts'
import type { Belongings } from './belongings.ts'
import { type Crowds, startCrowds } from './feed-crowds.ts'
import { type FeedStage, openFeedStage, truthOf } from './feed-stage.ts'
import type { Tally } from './feed-truth.ts'
import { keepWriting } from './feed-writers.ts'
import type { Place } from './place.ts'

export interface FeedProofOptions {
  place: Place
  clients: number
  /** Of each client. */
  drops: number
  /** Of the service, with SIGKILL. */
  kills: number
  writers: number
  leadsPerWriter: number
  /** Mean time of a client between being live and being cut off. */
  gapMs: number
  /** Mean pause of a writer. */
  pauseMs: number
  /** Processes that the clients are spread over. */
  processes: number
  seed: number
  /** For the drops, and then for everybody to come to the end. */
  limitMs: number
  belongings: Belongings
  say(line: string): void
}

export interface FeedProofOutcome extends Tally {
  clients: number
  drops: number
  kills: number
  events: number
  /** Events that the clients took, all together. */
  applied: number
  /** Of those, how many others a slow client's newest events stood for. */
  merged: number
  seconds: number
  /** Everything that must not be. */
  findings: string[]
}

export async function feedProof(options: FeedProofOptions): Promise<FeedProofOutcome> {
  const { clients, drops, gapMs, processes, seed, limitMs, belongings, say } = options
  const random = createRandom(seed)
  const began = performance.now()
  const stage = await openFeedStage(options, random)
  await stage.scoreEachLeadOnce(limitMs)
  say('every lead has a score; the clients come')
  const writing = keepWriting(stage.writers, options.pauseMs, random)
  const plans = await stage.plans(clients, random)
  const { baseUrl } = stage
  const crowds = startCrowds({ baseUrl, plans, processes, seed, drops, gapMs, belongings })
  const kills = await killAlongTheWay(stage, crowds, options)
  await writing.end()
  const findings: string[] = []
  if (crowds.drops() < clients * drops) {
    findings.push(`only ${crowds.drops()} of ${clients * drops} drops within the time limit`)
  }
  if (!(await stage.drained(limitMs))) findings.push('not everything was scored in time')
  const heads = await stage.heads()
  say(
    `${crowds.drops()} drops, ${kills} kills; to the end of the feed: ${JSON.stringify(Object.values(heads))}`,
  )
  findings.push(...(await crowds.catchUp(heads, limitMs)).map((who) => `behind: ${who}`))
  await stage.stop()
  const truths = await truthOf(options.place, Object.keys(heads))
  const verdict = await crowds.judge(truths)
  findings.push(...stage.findings(), ...verdict.odd)
  return {
    clients: verdict.clients,
    drops: verdict.drops,
    kills,
    events: Object.values(truths).reduce((sum, { events }) => sum + events.length, 0),
    applied: verdict.applied,
    merged: verdict.merged,
    ...verdict.tally,
    seconds: Math.round((performance.now() - began) / 1000),
    findings,
  }
}

/** Kills at equal parts of the drops; returns when all drops are made or the time is over. */
async function killAlongTheWay(
  stage: FeedStage,
  crowds: Crowds,
  { clients, drops, kills, limitMs, say }: FeedProofOptions,
): Promise<number> {
  const deadline = performance.now() + limitMs
  const total = clients * drops
  let killed = 0
  let saidAt = performance.now()
  while (crowds.drops() < total && performance.now() < deadline) {
    if (killed < kills && crowds.drops() >= (total * (killed + 1)) / (kills + 1)) {
      await stage.kill()
      killed += 1
      say(`killed with ${crowds.drops()} drops made, clients: ${crowds.doing()}`)
      await stage.start()
    }
    if (performance.now() - saidAt > 10_000) {
      saidAt = performance.now()
      say(`${crowds.drops()} of ${total} drops, clients: ${crowds.doing()}`)
    }
    await delay(50)
  }
  return killed
}
