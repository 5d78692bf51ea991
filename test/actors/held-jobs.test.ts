/** The slots of a process, shared by workspaces: whoever comes next finds one. */
import * as assert from 'uvu/assert'
import { heldJobs } from '../../src/actors/held-jobs.ts'
import type { LeadScorer } from '../../src/actors/lead-scorer.ts'
import { postProcessQueueOf, SCORING_QUEUE } from '../../src/job-queues.ts'
import type { ClaimedJob } from '../../src/jobs.ts'
import { suite } from '../support/suite.ts'

const test = suite('slots of a process')
let ids = 0

function scorerOf(workspaceId: string): LeadScorer {
  const id = `lead-${++ids}`
  const job: ClaimedJob = {
    queue: SCORING_QUEUE,
    id,
    attempt: 0,
    attemptsMax: 8,
    priority: 0,
    data: { workspaceId, leadId: id },
  }
  return { job, stop: () => undefined, phase: () => 'Queued', raise: () => undefined }
}

/** Takes as the dispatcher does: what it may ask for, all of it from one workspace's backlog. */
function fillFrom(held: ReturnType<typeof heldJobs>, workspaceId: string): LeadScorer[] {
  const taken: LeadScorer[] = []
  for (;;) {
    const { slots, crowded } = held.room(SCORING_QUEUE)
    if (slots <= 0 || crowded.includes(workspaceId)) return taken
    for (let slot = 0; slot < slots; slot++) {
      const scorer = scorerOf(workspaceId)
      held.takeScoring(scorer)
      taken.push(scorer)
    }
  }
}

test('one workspace alone takes half of the slots, two a third each, and there is room for more', () => {
  for (const max of [2, 3, 10, 1000, 2000]) {
    const held = heldJobs(max)
    const alone = fillFrom(held, 'a').length
    assert.is(alone, Math.ceil(max / 2), `of ${max}`)
    for (const other of ['b', 'c', 'd']) {
      const count = fillFrom(held, other).length
      assert.ok(max < 16 || count > 0, `${other} of ${max}`)
    }
    assert.ok(held.scorers.size <= max)
  }
})

test('a slot that is given back is there for whoever comes, once', () => {
  const held = heldJobs(10)
  const [first] = fillFrom(held, 'a') as [LeadScorer]
  assert.equal(held.room(SCORING_QUEUE).crowded, ['a'])
  held.drop(first.job)
  held.drop(first.job)
  held.lose(first.job)
  assert.equal(held.room(SCORING_QUEUE), { slots: 1, crowded: [] })
  assert.is(fillFrom(held, 'a').length, 1)
})

test('the last slot of all is used', () => {
  const held = heldJobs(1)
  assert.is(fillFrom(held, 'a').length, 1)
  assert.ok(held.room(SCORING_QUEUE).slots <= 0)
})

test('a job taken again in a later attempt is held once', () => {
  const held = heldJobs(10)
  const queue = postProcessQueueOf('email')
  const { job } = scorerOf('a')
  const before = held.room(queue)
  const first = { ...job, queue }
  const second = { ...first, attempt: 1 }
  held.takePostProcess(first)
  held.takePostProcess(second)
  assert.is(held.postProcessing(), 1)
  held.drop(first)
  assert.is(held.postProcessing(), 1)
  held.drop(second)
  assert.equal(held.room(queue), before)
})

test.run()
