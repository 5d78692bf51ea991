import * as assert from 'uvu/assert'
import { type ClaimsOptions, claimsActor } from '../../src/actors/claims.ts'
import { heldJobs } from '../../src/actors/held-jobs.ts'
import type { LeadScorer } from '../../src/actors/lead-scorer.ts'
import { type ActorSystem, actorSystem } from '../../src/actors/supervisor.ts'
import { SCORING_QUEUE } from '../../src/job-queues.ts'
import type { ClaimedJob, ScoringData } from '../../src/jobs.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('claims of a process')
const LEASE_MS = 1000
let system: ActorSystem
test.before.each(() => {
  system = actorSystem({ onCrash: (_name, error) => assert.unreachable(String(error)) })
})
test.after.each(() => system.stop())

function claims(over: Partial<ClaimsOptions> & { touch: ClaimsOptions['jobs']['touch'] }) {
  const held = heldJobs(10)
  const errors: string[] = []
  claimsActor({
    system,
    held,
    takeOverOrphans: async () => 0,
    onTakenOver: () => undefined,
    isStopping: () => false,
    onError: (what) => errors.push(what),
    leaseMs: LEASE_MS,
    ...over,
    jobs: { exclusive: false, urgentBehind: async () => [], ...over.jobs, touch: over.touch },
  })
  return { held, errors }
}

function scorerOf(leadId: string): LeadScorer & { stopped(): boolean } {
  let stopped = false
  const job: ClaimedJob<ScoringData> = {
    queue: SCORING_QUEUE,
    id: leadId,
    attempt: 0,
    attemptsMax: 8,
    priority: 0,
    data: { workspaceId: 'w', leadId },
  }
  return {
    job,
    stop: () => {
      stopped = true
    },
    phase: () => 'InFlight',
    raise: () => undefined,
    stopped: () => stopped,
  }
}

const unreachable = () => Promise.reject(new Error('the database is away'))

test('when no heartbeat gets through, calls are aborted', async () => {
  const { held, errors } = claims({ touch: unreachable })
  const scorer = scorerOf('lead-1')
  held.takeScoring(scorer)
  await until(async () => scorer.stopped(), Boolean)
  assert.is(held.scorers.size, 0)
  assert.ok(errors.includes('heartbeat'))
})

test('a heartbeat that never ends counts as one that failed, and is alone', async () => {
  let beats = 0
  const { held } = claims({
    touch: () => {
      beats += 1
      return new Promise(() => undefined)
    },
  })
  const scorer = scorerOf('lead-1')
  held.takeScoring(scorer)
  await until(async () => scorer.stopped(), Boolean)
  assert.is(beats, 1)
})

test('nobody can take over an embedded database: a slow one aborts nothing', async () => {
  const { held, errors } = claims({
    touch: unreachable,
    jobs: { exclusive: true, touch: unreachable, urgentBehind: async () => [] },
  })
  const scorer = scorerOf('lead-1')
  held.takeScoring(scorer)
  await until(
    async () => errors.length,
    (count) => count >= 4,
  )
  assert.not.ok(scorer.stopped())
})

test('a claim that the heartbeat misses is stopped; its slot is free', async () => {
  const { held } = claims({ touch: async (jobs) => jobs.filter(({ id }) => id === 'lead-1') })
  const [lost, kept] = [scorerOf('lead-1'), scorerOf('lead-2')]
  held.takeScoring(lost)
  held.takeScoring(kept)
  await until(async () => lost.stopped(), Boolean)
  assert.not.ok(kept.stopped())
  assert.equal([...held.scorers.keys()], ['lead-2'])
})

test('a job that ends while the heartbeat is under way is not reported as lost', async () => {
  let beats = 0
  const ended = scorerOf('lead-1')
  const { held, errors } = claims({
    touch: async (jobs) => {
      beats += 1
      held.drop(ended.job)
      return jobs
    },
  })
  held.takeScoring(ended)
  // Heartbeats of nothing ask nobody: the next one shows that this one's answer was heard.
  await until(async () => beats, Boolean)
  held.takeScoring(scorerOf('lead-2'))
  await until(
    async () => errors,
    (seen) => seen.includes('claims'),
  )
  assert.is(beats, 2)
  assert.equal(errors, ['claims'])
  assert.not.ok(ended.stopped())
})

test('what the dead held is taken over, and the dispatcher hears of it', async () => {
  const found = [3, 0]
  let woken = 0
  claims({
    touch: async () => [],
    takeOverOrphans: async () => found.shift() ?? 0,
    onTakenOver: () => void woken++,
  })
  await until(
    async () => found.length,
    (left) => left === 0,
  )
  assert.is(woken, 1)
})

test.run()
