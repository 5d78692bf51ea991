import * as assert from 'uvu/assert'
import { type Lane, turns } from '../src/database-turns.ts'
import { suite } from './support/suite.ts'

const test = suite('turns on the embedded database')

/** Who gets the session, in order, when all of these ask while somebody has it. */
async function served(asking: Lane[]): Promise<string[]> {
  const order = turns()
  await order.take('background')
  const names: string[] = []
  const done = asking.map(async (lane, index) => {
    await order.take(lane)
    names.push(`${lane} ${index}`)
    order.giveBack()
  })
  order.giveBack()
  await Promise.all(done)
  return names
}

test('an ingest waits for the one at work, not for the jobs before it', async () => {
  const names = await served(['background', 'background', 'background', 'ingest'])
  assert.equal(names, ['ingest 3', 'background 0', 'background 1', 'background 2'])
})

test('the lanes take turns, each in order of arrival', async () => {
  const names = await served([
    ...(['background', 'background', 'foreground', 'foreground'] as const),
    ...(['ingest', 'ingest', 'ingest'] as const),
  ])
  assert.equal(names, [
    ...['ingest 4', 'foreground 2', 'background 0'],
    ...['ingest 5', 'foreground 3', 'background 1', 'ingest 6'],
  ])
})

test('a free session is given at once, and again after it was given back', async () => {
  const order = turns()
  for (const lane of ['ingest', 'background', 'foreground'] as const) {
    await order.take(lane)
    assert.is(order.isTaken(), true)
    order.giveBack()
    assert.is(order.isTaken(), false)
  }
})

test('those who wait are counted', async () => {
  const order = turns()
  await order.take('ingest')
  const waiting = [order.take('background'), order.take('foreground')]
  assert.is(order.waiting(), 2)
  order.giveBack()
  order.giveBack()
  await Promise.all(waiting)
  assert.is(order.waiting(), 0)
})

test.run()
