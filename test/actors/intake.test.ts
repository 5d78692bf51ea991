import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { ChannelIngest, OfferResult } from '../../src/actors/ingest.ts'
import { intake } from '../../src/actors/intake.ts'
import { generic } from '../../src/domain/channels/generic.ts'
import { channels } from '../../src/domain/channels/inbound-event.ts'
import { suite } from '../support/suite.ts'

const test = suite('intake')
const body = { externalId: 'm-1', body: 'Hi', lead: { email: 'dana@harlow.example' } }
const delivery = {
  rawBody: Buffer.from(JSON.stringify(body)),
  headers: { 'content-type': 'application/json' },
  url: 'https://scores.example.com/webhooks/email/t',
  receivedAt: new Date(),
  connectionId: uuidv7(),
}
const connection = {
  ...{ id: delivery.connectionId, workspaceId: uuidv7(), channel: 'email' as const },
  ...{ provider: generic, signature: null },
}

/** Where the ingest answers so: null where there is no room. Nothing gets as far as the database. */
function accepted(answer: OfferResult | null) {
  const ingest = { offer: () => answer && Promise.resolve(answer) } as unknown as ChannelIngest
  const { accept } = intake({
    store: { query: async () => [], transaction: () => Promise.reject(new Error('not asked')) },
    ingests: Object.fromEntries(channels.map((channel) => [channel, ingest])) as never,
    onError: () => {},
  })
  return accept(connection, delivery, { keep: true })
}

test('no room is told apart from not stored: its sender may come again soon', async () => {
  assert.equal(await accepted(null), { status: 'unavailable', isFull: true })
  const failed = await accepted({ outcome: 'unavailable' })
  assert.equal(failed, { status: 'unavailable', isFull: false })
})

test.run()
