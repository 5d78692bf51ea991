/** Several processes on one PostgreSQL: a frozen one comes back, and a mixed fleet loses members. */
import { setTimeout as delay } from 'node:timers/promises'
import { leadReference } from '../../src/domain/scoring/prompt.ts'
import { type FeedFollower, followFeed } from './feed-follower.ts'
import type { Post } from './fleet.ts'
import type { MoodyModel } from './moody-model.ts'
import { watchJobs } from './orphans.ts'
import type { Reader } from './place.ts'
import { finish, openStage, type Scenario } from './scenario.ts'

/** The lease of a job whose holder froze and the quiet window, with room for a loaded machine. */
const TAKEOVER_LIMIT_MS = 60_000
/** Until a worker has its first calls; nothing is measured here. */
const BUSY_LIMIT_MS = 60_000

/**
 * A process is stopped in mid-call and past its heartbeat; another one takes over; then it goes on
 * and tries to write what it knew. The model answers slowly and well, so that every call that is
 * open at the freeze has its answer waiting when the process wakes.
 */
export const frozen: Scenario = async (options) => {
  const stage = await openStage('frozen', { postgres: await options.sharedServer() }, options, {
    faults: 0,
    latencyMs: [1000, 1800],
    messageLatencyMs: [10, 50],
    timeoutMs: 8000,
  })
  const { model } = stage
  const { reader, orphans, done } = await watchJobs(stage.place, options.belongings)
  // Workers find their jobs by polling only, so that each has a share of the calls.
  const door = stage.post('door', { ROLE: 'web' })
  const { webhooks } = await door.start()
  const sleeper = stage.post('sleeper', { ROLE: 'worker' })
  const other = stage.post('other', { ROLE: 'worker' })
  await Promise.all([sleeper.start(), other.start()])
  const load = stage.load({ target: door.url, webhooks, perSecond: 20, leads: 32 })
  const findings: string[] = []
  let rescued = 0
  for (let round = 1; round <= options.kills; round++) {
    const busy = () => model.inFlight('sleeper').length >= 2
    const isBusy = await within(BUSY_LIMIT_MS, busy)
    if (!isBusy) findings.push('the sleeper never had two calls in flight')
    const leads = await leadsOf(reader, model.inFlight('sleeper'))
    sleeper.current().signal('SIGSTOP')
    rescued += await orphans.holderDied(leads)
    await within(TAKEOVER_LIMIT_MS, () => orphans.left().length === 0)
    // The rescuer's own calls end and are written before the sleeper speaks.
    await delay(3000)
    sleeper.current().signal('SIGCONT')
    await delay(4000)
  }
  return finish({
    stage,
    load,
    posts: [door, other, sleeper],
    options,
    findings,
    recoveryMs: orphans.samples,
    async beforeStop(found) {
      for (const left of orphans.left()) found.push(`orphan: ${left}`)
      found.push(...unspoken(sleeper, rescued))
      await done()
    },
    notes: () => [
      `${options.kills} × frozen with ${rescued} jobs in flight, taken over`,
      `claims found lost on waking: ${sleeper.logged(/claims: \d+ lost/)} times`,
      `stale commits refused: ${sleeper.logged(/StaleClaimError/)}`,
    ],
  })
}

/** The zombies must have known better, or have been refused: else the scenario proved nothing. */
function unspoken(sleeper: Post, rescued: number): string[] {
  if (rescued === 0) return ['no job was in flight when the sleeper froze']
  const refused = sleeper.logged(/StaleClaimError|claims: \d+ lost/)
  return refused > 0 ? [] : ['the sleeper never noticed that its claims were gone']
}

/** Roles web, worker and all share the load; each is killed and replaced in turn. */
export const severalProcesses: Scenario = async (options) => {
  const stage = await openStage(
    'severalProcesses',
    { postgres: await options.sharedServer() },
    options,
  )
  const { model, random } = stage
  const { reader, orphans, done } = await watchJobs(stage.place, options.belongings)
  // One call at a time each: more is due than one of them can do, so the load must be shared.
  const few = { LLM_CONCURRENCY: '1' }
  const all = stage.post('all', { ROLE: 'all', ...few })
  const { webhooks } = await all.start()
  const web = stage.post('web', { ROLE: 'web' })
  const worker = stage.post('worker', { ROLE: 'worker', ...few })
  await Promise.all([web.start(), worker.start()])
  const posts = [all, web, worker]
  const followers = [followFeed(web), followFeed(all)]
  const unfollow = options.belongings.add(() => {
    for (const each of followers) each.close()
  })
  let turn = 0
  const doors = [web, all]
  const target = () => doors[++turn % doors.length]?.url() ?? null
  const load = stage.load({ target, webhooks, perSecond: 30, leads: 48 })

  const pauseMs = (options.seconds * 1000) / (options.kills + 1)
  for (let kill = 0; kill < options.kills; kill++) {
    await delay(random.between(0.7, 1.3) * pauseMs)
    const victim = posts[kill % posts.length] as Post
    const leads = await leadsOf(reader, model.inFlight(victim.name))
    await victim.kill()
    await orphans.holderDied(leads)
    await victim.start()
  }
  await delay(pauseMs)
  const calls = () => `calls: all ${model.callsOf('all')}, worker ${model.callsOf('worker')}`
  return finish({
    stage,
    load,
    posts,
    options,
    recoveryMs: orphans.samples,
    async beforeStop(findings) {
      for (const left of orphans.left()) findings.push(`orphan: ${left}`)
      findings.push(...sharing(model), ...(await feedFindings(reader, followers)))
      await unfollow()
      await done()
    },
    notes: () => [calls()],
  })
}

/** A worker is only woken by its own poll; still it must do at least this part of the calls. */
const FAIR_SHARE_MIN = 0.25

function sharing(model: MoodyModel): string[] {
  const calls = model.callsOf('all') + model.callsOf('worker')
  return [
    ...(model.callsOf('web') > 0 ? ['the web process made LLM calls'] : []),
    ...['all', 'worker']
      .filter((name) => model.callsOf(name) < calls * FAIR_SHARE_MIN)
      .map((name) => `process ${name} made only ${model.callsOf(name)} of ${calls} calls`),
  ]
}

async function feedFindings(reader: Reader, followers: FeedFollower[]): Promise<string[]> {
  const [row] = await reader.query<{ last: string }>(
    'select feed_seq::text as last from workspace order by created_at limit 1',
  )
  const last = Number(row?.last)
  await within(10_000, () => followers.every((each) => each.isAt(last)))
  return followers.flatMap((each) => each.findings(last))
}

/** Leads by the reference that the model was shown. */
async function leadsOf(reader: Reader, leadRefs: string[]): Promise<Set<string>> {
  const rows = await reader.query<{ id: string }>('select id from lead')
  const wanted = new Set(leadRefs)
  return new Set(rows.map(({ id }) => id).filter((id) => wanted.has(leadReference(id))))
}

async function within(limitMs: number, holds: () => boolean): Promise<boolean> {
  const deadline = Date.now() + limitMs
  while (!holds()) {
    if (Date.now() > deadline) return false
    await delay(50)
  }
  return true
}
