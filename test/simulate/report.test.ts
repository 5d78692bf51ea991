/** Percentiles, the table, and when a message counts as scored. */
import * as assert from 'uvu/assert'
import type { Api } from '../../src/cli/api.ts'
import { type Delivery, renderStream } from '../../src/simulate/deliveries.ts'
import { percentile, remarks, reportRows, table } from '../../src/simulate/report.ts'
import { planStream } from '../../src/simulate/schedule.ts'
import type { Sent } from '../../src/simulate/send.ts'
import { settle } from '../../src/simulate/settle.ts'
import type { ScoreArrival, Watch } from '../../src/simulate/watch.ts'
import { suite } from '../support/suite.ts'

const test = suite('simulation report')
const startedAt = new Date('2026-11-20T09:30:00.000Z')

test('percentiles are nearest rank, of values in any order', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.is(percentile(hundred, 0.5), 50)
  assert.is(percentile(hundred, 0.95), 95)
  assert.is(percentile([7], 0.5), 7)
  assert.is(percentile([7], 0.95), 7)
  assert.is(percentile([3, 1, 2], 0.5), 2)
  assert.is(percentile([1, 2], 0), 1)
  assert.is(percentile([1, 2], 1), 2)
  assert.is(percentile([], 0.5), null)
})

/** Two messages of one lead, sent at 1000 and 2000. */
function twoMessages(): [Sent, Sent] {
  const options = { leads: 40, rate: 10, seconds: 20, seed: 1 }
  const deliveries = renderStream(planStream(options), 1, { nonce: 'a', startedAt })
  const mine = Map.groupBy(
    deliveries.filter(({ format, outcome }) => format === 'emailbison' && outcome === 'message'),
    ({ person }) => person.index,
  )
  const [first, second] = [...mine.values()].find(({ length }) => length > 1) ?? []
  if (!first || !second) throw new Error('the stream has no such lead')
  return [answered(first, 'm1', 1000), answered(second, 'm2', 2000)]
}

function answered(delivery: Delivery, messageId: string, sentAt: number): Sent {
  return { delivery, status: 'accepted', messageId, reason: null, sentAt }
}

/** The messages of lead `l`: m1 is its seq 4, m2 its seq 5. */
const api: Pick<Api, 'list'> = {
  list: async (path, item) => {
    assert.is(path, '/api/v1/leads/l/messages')
    const stored = { direction: 'inbound', receivedAt: startedAt.toISOString() }
    return [
      { id: 'm2', seq: 5, ...stored },
      { id: 'm1', seq: 4, ...stored },
      { id: 'o', seq: null, ...stored, direction: 'outbound' },
    ].map((message) => item.parse(message))
  },
}

function settled(sent: Sent[], arrived: ScoreArrival[]) {
  const watch: Watch = {
    arrivals: new Map(arrived.length > 0 ? [['l', arrived]] : []),
    lost: () => null,
    close: () => undefined,
  }
  const unused = () => Promise.reject(new Error('not asked'))
  return settle({
    api: { ...api, get: unused, post: unused, delete: unused },
    watch,
    sent,
    startedAt,
    waitMs: 0,
    onProgress: () => undefined,
  })
}

test('a message is scored by the first score that covers it, an older one does not count', async () => {
  const { inbound } = await settled(twoMessages(), [
    { messageSeq: 3, arrivedAt: 1100 },
    { messageSeq: 4, arrivedAt: 1500 },
    { messageSeq: 6, arrivedAt: 2700 },
    { messageSeq: 7, arrivedAt: 9000 },
  ])
  assert.equal(
    inbound.map(({ scoredAfterMs }) => scoredAfterMs),
    [500, 700],
  )
})

test('one score of a burst covers all its messages', async () => {
  const { inbound } = await settled(twoMessages(), [{ messageSeq: 5, arrivedAt: 2400 }])
  assert.equal(
    inbound.map(({ scoredAfterMs }) => scoredAfterMs),
    [1400, 400],
  )
})

test('a lead whose newest message is not covered is not counted as scored', async () => {
  const result = await settled(twoMessages(), [{ messageSeq: 4, arrivedAt: 1500 }])
  const [row, total] = reportRows(result)
  assert.is(row?.name, 'emailbison')
  assert.is(total?.scoredLeads, 0)
  assert.is(total?.leads, 1)
  assert.is(total?.p50Ms, 500)
  assert.ok(remarks(result, 0).includes('1 of 2 messages have no score yet'))
})

test('duplicates, echoes and refusals owe no score', async () => {
  const [first, second] = twoMessages()
  const { inbound } = await settled(
    [
      { ...first, status: 'duplicate' },
      { ...second, status: 'failed', reason: '503' },
    ],
    [],
  )
  assert.equal(inbound, [])
})

test('columns for what should not happen appear only when it did', async () => {
  const [first, second] = twoMessages()
  const good = await settled([first, second], [{ messageSeq: 5, arrivedAt: 2400 }])
  assert.not.match(table(reportRows(good)), /failed|rejected|unknown/)
  const bad = await settled([first, { ...second, status: 'failed', reason: 'ECONNRESET' }], [])
  assert.match(table(reportRows(bad)), /failed/)
  assert.not.match(table(reportRows(bad)), /rejected/)
  assert.ok(remarks(bad, 0).includes('1 × failed: ECONNRESET (emailbison)'))
  assert.ok(remarks(bad, 2500).some((line) => line.includes('fell behind the rate by up to 2.5 s')))
})

test.run()
