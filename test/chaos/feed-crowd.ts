/**
 * A crowd of feed clients in a process of its own, driven by messages of `feed-crowds.ts`. Each
 * client is cut off at random moments as often as it is told to, then brought to the end of the feed,
 * then judged by what the database held.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom, type Random } from '../../src/simulate/random.ts'
import { faults, judge, noFaults, type Tally, type WorkspaceTruth } from './feed-truth.ts'
import { type Watcher, type WatcherPlan, watcher } from './feed-watcher.ts'

export type CrowdCommand =
  | {
      type: 'start'
      baseUrl: string
      plans: WatcherPlan[]
      seed: number
      drops: number
      /** Mean time between being live and being cut off. */
      gapMs: number
    }
  /** Numbers of the last events by workspace. */
  | { type: 'catch up'; heads: Record<string, number>; limitMs: number }
  | { type: 'judge'; truths: Record<string, WorkspaceTruth> }

export type CrowdAnswer =
  /** `doing`: how many do what. */
  | { type: 'progress'; drops: number; doing: Record<string, number> }
  | { type: 'caught up'; behind: string[] }
  | { type: 'verdict'; verdict: CrowdVerdict }

export interface CrowdVerdict {
  tally: Tally
  clients: number
  drops: number
  applied: number
  merged: number
  /** By client, what no client of a sound feed sees. */
  odd: string[]
}

interface Client {
  name: string
  watcher: Watcher
  drops: number
}

const PROGRESS_MS = 200
/** A poll is over in a few milliseconds: a cut that is to hit one must be quick. */
const RETRY_CUT_MS = 8
const POLLS_PER_GAP = 8
const POLL_MS_MIN = 200

const clients: Client[] = []
const answer = (message: CrowdAnswer) => void process.send?.(message)

process.on('message', (command: CrowdCommand) => {
  if (command.type === 'start') void start(command)
  else if (command.type === 'catch up') void catchUp(command)
  else answer({ type: 'verdict', verdict: verdictOf(command.truths) })
})
process.once('disconnect', () => process.exit(0))

async function start(of: CrowdCommand & { type: 'start' }): Promise<void> {
  setInterval(() => {
    const drops = clients.reduce((sum, client) => sum + client.drops, 0)
    const doing: Record<string, number> = {}
    for (const { watcher: each } of clients) doing[each.doing()] = (doing[each.doing()] ?? 0) + 1
    answer({ type: 'progress', drops, doing })
  }, PROGRESS_MS).unref()
  for (const [index, plan] of of.plans.entries()) {
    const name = `client ${index} (${plan.transport}, ${JSON.stringify(plan.filter)})`
    clients.push(unruly(name, plan, of, createRandom(of.seed * 1000 + index)))
    // Not all at once: whoever comes late finds a feed under way.
    await delay(of.gapMs / of.plans.length)
  }
}

/** Cut off some time after each time it became live, until it had its drops. */
function unruly(
  name: string,
  plan: WatcherPlan,
  { baseUrl, drops, gapMs }: CrowdCommand & { type: 'start' },
  random: Random,
): Client {
  let waiting = false
  /** The moment came while nothing was open: cut as soon as something is. */
  let overdue = false
  const pollMs = Math.max(POLL_MS_MIN, gapMs / POLLS_PER_GAP)
  const client: Client = { name, drops: 0, watcher: watcher(plan, { baseUrl, pollMs, onLive }) }
  function onLive(): void {
    if (overdue) setTimeout(cut, random.between(0, RETRY_CUT_MS))
    if (waiting || overdue || (client?.drops ?? 0) >= drops) return
    waiting = true
    // Some within the catch-up, most in the live stream.
    setTimeout(cut, random.chance(0.2) ? random.between(0, 20) : random.between(0, 2 * gapMs))
  }
  function cut(): void {
    waiting = false
    if (client.drops >= drops) return
    overdue = !client.watcher.drop()
    if (!overdue) client.drops += 1
  }
  return client
}

async function catchUp({ heads, limitMs }: CrowdCommand & { type: 'catch up' }): Promise<void> {
  const deadline = performance.now() + limitMs
  const isBehind = ({ watcher: { plan, seq } }: Client) => seq() < (heads[plan.workspaceId] ?? 0)
  // Whose events are all filtered out hears of the end by the next heartbeat, or when it resumes.
  for (const client of clients.filter(isBehind)) client.watcher.drop()
  while (clients.some(isBehind) && performance.now() < deadline) await delay(50)
  const behind = clients
    .filter(isBehind)
    .map(
      ({ name, watcher: { plan, seq } }) => `${name} at ${seq()}, not ${heads[plan.workspaceId]}`,
    )
  for (const client of clients) client.watcher.stop()
  answer({ type: 'caught up', behind })
}

function verdictOf(truths: Record<string, WorkspaceTruth>): CrowdVerdict {
  const verdict: CrowdVerdict = {
    tally: noFaults(),
    clients: clients.length,
    drops: 0,
    applied: 0,
    merged: 0,
    odd: [],
  }
  for (const { name, watcher: client, drops } of clients) {
    const seen = client.seen()
    const tally = judge(seen, truths[client.plan.workspaceId] as WorkspaceTruth)
    for (const fault of faults) verdict.tally[fault] += tally[fault]
    verdict.drops += drops
    verdict.applied += seen.applied.length
    verdict.merged += seen.merges.reduce((sum, { merged }) => sum + merged, 0)
    const found = faults.filter((fault) => tally[fault] > 0)
    verdict.odd.push(
      ...client.odd().map((odd) => `${name}: ${odd}`),
      ...found.map((fault) => `${name}: ${fault} ${tally[fault]}`),
      ...(seen.startedAt < 0 ? [`${name}: never began`] : []),
    )
  }
  return verdict
}
