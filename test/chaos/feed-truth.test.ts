/** The judge of the feed's proof finds each fault that it is there for. */
import * as assert from 'uvu/assert'
import { suite } from '../support/suite.ts'
import { judge, noFaults, type Seen, type WorkspaceTruth } from './feed-truth.ts'

const test = suite('feed truth')

const truth: WorkspaceTruth = {
  head: 5,
  events: [
    { seq: 1, leadId: 'a', overall: 1, channel: 'email' },
    { seq: 2, leadId: 'b', overall: 4, channel: 'sms' },
    { seq: 3, leadId: 'a', overall: 3, channel: 'email' },
    { seq: 4, leadId: 'a', overall: null, channel: 'email' },
    { seq: 5, leadId: 'b', overall: 2, channel: 'sms' },
  ],
  leadIds: ['a', 'b', 'c'],
}
const told = (...seqs: number[]): Seen['applied'] =>
  seqs.map((seq) => {
    const { leadId, overall } = truth.events[seq - 1] as WorkspaceTruth['events'][number]
    return { seq, leadId, overall }
  })
const seen = (of: Partial<Seen>): Seen => ({
  filter: {},
  startedAt: 0,
  applied: told(1, 2, 3, 4, 5),
  merges: [],
  snapshot: null,
  ...of,
})
const judged = (of: Partial<Seen>) => {
  const tally = judge(seen(of), truth)
  return Object.fromEntries(Object.entries(tally).filter(([, count]) => count > 0))
}

test('who was told everything once and in order has no fault', () => {
  assert.equal(judge(seen({}), truth), noFaults())
  assert.equal(judged({ startedAt: 3, applied: told(4, 5) }), {})
  assert.equal(judged({ filter: { minOverall: 3 }, applied: told(2, 3) }), {})
  assert.equal(judged({ filter: { channel: 'sms' }, applied: told(2, 5) }), {})
  assert.equal(judged({ filter: { leadId: 'a', minOverall: 1 }, applied: told(1, 3) }), {})
})

test('each fault is counted', () => {
  assert.equal(judged({ applied: told(1, 2, 4) }), { missed: 2 })
  assert.equal(judged({ applied: told(1, 2, 2, 3, 4, 5) }), { appliedTwice: 1 })
  assert.equal(judged({ applied: told(1, 3, 2, 4, 5) }), { outOfOrder: 1 })
  const foreign = { seq: 3, leadId: 'elsewhere', overall: 3 }
  assert.equal(judged({ applied: [...told(1, 2), foreign, ...told(4, 5)] }), { foreign: 1 })
  const wrong = { seq: 3, leadId: 'a', overall: 1 }
  assert.equal(judged({ applied: [...told(1, 2), wrong, ...told(4, 5)] }), { wrong: 1 })
  assert.equal(judged({ filter: { channel: 'sms' }, applied: told(2, 3, 5) }), { wrong: 1 })
})

test('a merged batch excuses what a later event of the lead stands for, and no more', () => {
  const merges = [{ from: 1, to: 5, merged: 3 }]
  assert.equal(judged({ applied: told(4, 5), merges }), {})
  assert.equal(judged({ applied: told(5), merges }), { missed: 4 })
  assert.equal(judged({ applied: told(4, 5), merges: [{ from: 1, to: 5, merged: 2 }] }), {
    missed: 3,
  })
})

test('a snapshot with what followed it must give every lead its score', () => {
  const snapshot = new Map([
    ['a', 1],
    ['b', 4],
    ['c', null],
  ])
  const after = { startedAt: 2, applied: told(3, 4, 5) }
  assert.equal(judged({ ...after, snapshot }), {})
  const stale = new Map<string, number | null>([...snapshot, ['c', 2]])
  assert.equal(judged({ ...after, snapshot: stale }), { staleLeads: 1 })
  const foreign = new Map<string, number | null>([...snapshot, ['elsewhere', 2]])
  assert.equal(judged({ ...after, snapshot: foreign }), { foreign: 1 })
})

test.run()
