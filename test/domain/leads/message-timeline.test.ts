import * as assert from 'uvu/assert'
import { readTimeline, stageNames, stagesOf } from '../../../src/domain/leads/message-timeline.ts'
import { type Connected, type FrontDoor, openFrontDoor } from '../../support/front-door.ts'
import { suite } from '../../support/suite.ts'

const test = suite('timeline of a message')
let door: FrontDoor
let connection: Connected
test.before(async () => {
  door = await openFrontDoor()
  connection = await door.connect({ channel: 'email', provider: 'generic' })
})
test.after(() => door.close())

let sent = 0
async function write(body: string, direction = 'inbound'): Promise<string> {
  const message = { externalId: `t${++sent}`, direction, body, lead: { email: 'a@one.example' } }
  const { status, json } = await connection.post(JSON.stringify(message))
  assert.is(status, 200)
  await door.settled()
  return String(json.messageId)
}
const timelineOf = async (messageId: string) => {
  const timeline = await readTimeline(door.database, { workspaceId: door.workspaceId, messageId })
  assert.ok(timeline)
  return timeline
}

test('every part of the way has its time, in order, and they add up to the whole', async () => {
  const { stages, totalMs, steps, score } = await timelineOf(await write('What is the price?'))
  assert.equal(
    stages.map(({ stage }) => stage),
    stageNames,
  )
  // The first is of the process's clock, which may be a moment ahead of the database's.
  const times = stages.slice(1).map(({ at }) => Number(at))
  assert.ok(times.every((at) => at > 0))
  assert.equal(
    times,
    [...times].sort((a, b) => a - b),
  )
  assert.ok(stages.slice(1).every(({ tookMs }) => tookMs !== null && tookMs >= 0))
  assert.ok(totalMs !== null && totalMs >= 0)
  assert.ok(steps.some(({ step, state }) => step === 'rules' && state === 'done'))
  assert.is(score?.model, 'rules-v1')
})

test('a later message has the first score that covers it', async () => {
  const first = await write('Tell me more?')
  const second = await write('Not interested')
  const [before, after] = [await timelineOf(first), await timelineOf(second)]
  assert.ok(before.score && after.score)
  assert.ok(before.score.seq < after.score.seq)
})

test('of what we wrote nothing follows storing', async () => {
  const { stages, score, totalMs } = await timelineOf(await write('Hello', 'outbound'))
  assert.equal(
    stages.filter(({ at }) => at !== null).map(({ stage }) => stage),
    ['received', 'stored'],
  )
  assert.is(score, null)
  assert.is(totalMs, null)
})

test('a time that was not kept leaves the next one measured from the one before', () => {
  const at = (seconds: number) => new Date(seconds * 1000)
  const stages = stagesOf({
    received: at(10),
    stored: null,
    picked_up: null,
    post_processed: at(12),
    scoring: at(11),
    scored: at(15),
  })
  assert.equal(
    stages.map(({ tookMs }) => tookMs),
    [null, null, null, 2000, 0, 4000],
  )
})

test.run()
