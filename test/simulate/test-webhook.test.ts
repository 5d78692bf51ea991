import * as assert from 'uvu/assert'
import { type Channel, channels } from '../../src/domain/channels/inbound-event.ts'
import { providersOf } from '../../src/domain/channels/registry.ts'
import { testWebhook } from '../../src/simulate/test-webhook.ts'
import { type FrontDoor, openFrontDoor, PUBLIC_URL } from '../support/front-door.ts'
import { suite } from '../support/suite.ts'

const test = suite('test webhook of a connection')
let door: FrontDoor
test.before(async () => {
  door = await openFrontDoor()
})
test.after(() => door.close())

test('every provider on every channel takes its own, and the demo lead is scored', async () => {
  const { database: store, app, workspaceId } = door
  const send = testWebhook({ store, intake: app.intake, publicUrl: () => PUBLIC_URL })
  const pairs = channels.flatMap((channel) =>
    providersOf(channel).map((provider) => ({ channel, provider })),
  )
  assert.ok(pairs.length >= 12)
  const channelOf = new Map<string, Channel>()
  for (const pair of pairs) {
    const { id: connectionId } = await door.connect(pair)
    const answer = await send({ ...pair, workspaceId, connectionId })
    assert.is(answer?.status, 'accepted', `${pair.provider} on ${pair.channel}`)
    if (answer && 'messageId' in answer) channelOf.set(answer.messageId, pair.channel)
  }
  await door.settled()
  const leads = await store.query<{ demo: boolean; overall: number; id: string; channel: string }>(
    `select demo, overall_score as overall, message.id, message.channel
     from lead join message on message.lead_id = lead.id`,
  )
  assert.is(leads.length, pairs.length)
  for (const { demo, overall, id, channel } of leads) {
    assert.ok(demo)
    assert.ok(overall >= 2, `${channel}: ${overall}`)
    assert.is(channel, channelOf.get(id))
  }
})

test.run()
