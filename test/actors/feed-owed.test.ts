/** The bounds of what a slow client may be owed. */
import * as assert from 'uvu/assert'
import { type FeedSubscriber, newMember } from '../../src/actors/feed-member.ts'
import { isCongested, owe, payOwed } from '../../src/actors/feed-owed.ts'
import type { ScoreEvent } from '../../src/domain/feed-protocol.ts'
import { suite } from '../support/suite.ts'

const test = suite('events owed to a slow client')

function member(bufferedBytes: () => number = () => 0) {
  const sent: string[] = []
  const subscriber: FeedSubscriber = {
    id: 'one',
    workspaceId: 'w',
    filter: {},
    send(text) {
      sent.push(text)
      return 'ok'
    },
    bufferedBytes,
    close: () => {},
  }
  return { sent, member: newMember(subscriber, { epoch: 'e', seq: 0 }) }
}
const event = (seq: number, leadId: string) => ({
  event: { seq, leadId } as ScoreEvent,
  json: JSON.stringify({ seq, leadId }),
})

test('the pending frame counts, an idle connection takes one of any size', () => {
  const { member: half } = member(() => 200 * 1024)
  assert.not.ok(isCongested(half.subscriber, 'x'.repeat(1000)))
  assert.ok(isCongested(half.subscriber, 'x'.repeat(100_000)))
  assert.not.ok(isCongested(member().member.subscriber, 'x'.repeat(1_000_000)))
})

test('more leads than may be owed: the client must come back', () => {
  const { member: slow } = member()
  const leads = Array.from({ length: 2000 }, (_, index) => event(index + 1, `lead-${index}`))
  assert.ok(owe(slow, leads))
  assert.ok(owe(slow, [event(2001, 'lead-7')]), 'a known lead takes no more room')
  assert.not.ok(owe(slow, [event(2002, 'one more')]))
})

test('half a minute behind is too long, whether events come or not', () => {
  const { member: slow } = member(() => 300 * 1024)
  assert.ok(owe(slow, [event(1, 'a')], 0))
  assert.ok(owe(slow, [event(2, 'a')], 30_000))
  assert.not.ok(owe(slow, [event(3, 'a')], 30_001))
  assert.equal(payOwed([slow], 30_001).late, [slow])
})

test('what is owed goes out in one frame once there is room', () => {
  let buffered = 200 * 1024
  const { member: slow, sent } = member(() => buffered)
  slow.seen = 3
  owe(slow, [event(1, 'a'), event(2, 'b'), event(3, 'a')])
  assert.equal(payOwed([slow]), { late: [], merged: 0 }, 'not before half of it is gone')
  buffered = 0
  assert.equal(payOwed([slow]), { late: [], merged: 1 })
  assert.equal(JSON.parse(sent[0] as string), {
    type: 'scores',
    from: 1,
    to: 3,
    merged: 1,
    events: [
      { seq: 2, leadId: 'b' },
      { seq: 3, leadId: 'a' },
    ],
  })
  assert.is(slow.owed, null)
})

test.run()
