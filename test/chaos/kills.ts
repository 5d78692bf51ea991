/** One process, killed with SIGKILL again and again at random moments, starts included. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Post } from './fleet.ts'
import { callOrphans, watchJobs } from './orphans.ts'
import { finish, openStage, type Scenario, type ScenarioOptions, type Stage } from './scenario.ts'

/** This share of the kills hits a process that is still starting. */
const EARLY_SHARE = 0.2

export const killsOnPostgres: Scenario = async (options) => {
  const stage = await openStage('kills', { postgres: await options.sharedServer() }, options)
  const { orphans, done } = await watchJobs(stage.place, options.belongings)
  const service = stage.post('service')
  const { webhooks } = await service.start()
  const load = stage.load({ target: service.url, webhooks })
  let held = 0
  const recovery = () =>
    `recovery: ${held} jobs held at a kill, until one of their lead starts again; the longest ` +
    `over several kills in a row ${(orphans.longestMs() / 1000).toFixed(1)} s`
  await killAgainAndAgain(stage, service, options, async () => {
    await service.kill()
    held += await orphans.holderDied()
  })
  return finish({
    stage,
    load,
    posts: [service],
    options,
    recoveryMs: orphans.samples,
    async beforeStop(findings) {
      for (const left of orphans.left()) findings.push(`orphan: ${left}`)
      await done()
    },
    notes: () => [recovery()],
  })
}

export const killsOnPglite: Scenario = async (options) => {
  const stage = await openStage('kills', 'pglite', options)
  const orphans = callOrphans(stage.model)
  const service = stage.post('service')
  const { webhooks } = await service.start()
  const load = stage.load({ target: service.url, webhooks })
  await killAgainAndAgain(stage, service, options, async () => {
    orphans.holderDies()
    await service.kill()
  })
  return finish({
    stage,
    load,
    posts: [service],
    options,
    recoveryMs: orphans.samples,
    async beforeStop(findings) {
      for (const left of orphans.left()) findings.push(`orphan: ${left}`)
    },
    notes: () => ['recovery: leads with a call in flight at a kill, until their next call'],
  })
}

async function killAgainAndAgain(
  { random }: Stage,
  service: Post,
  { kills, uptimeMs, say }: ScenarioOptions,
  kill: () => Promise<void>,
): Promise<void> {
  for (let count = 1; count <= kills; count++) {
    const life = service.current()
    if (count > 1 && random.chance(EARLY_SHARE)) {
      await delay(random.between(50, 1500))
    } else {
      await Promise.race([life.ready.catch(() => undefined), life.ended])
      await delay(random.between(200, uptimeMs))
    }
    await kill()
    service.launch()
    if (count % 20 === 0) say(`${count} of ${kills} kills`)
  }
  const last = service.current()
  await Promise.race([last.ready.catch(() => undefined), last.ended])
}
