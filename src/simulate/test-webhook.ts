/**
 * What a connection's provider would send, made up and handed to the intake: shows that the path from
 * delivery to score works, without the provider. The signature, which only it can make, is not tried.
 */
import { randomBytes, randomInt } from 'node:crypto'
import type { Intake, IntakeAnswer } from '../actors/intake.ts'
import type { Channel, ProviderName } from '../domain/channels/inbound-event.ts'
import { providerFor } from '../domain/channels/registry.ts'
import { markDemo } from '../domain/simulation.ts'
import type { Sql } from '../domain/sql.ts'
import { encodeBody } from './deliveries.ts'
import { createIds } from './ids.ts'
import { type Format, formatNames } from './payloads/format.ts'
import { formats } from './payloads/formats.ts'
import { identify } from './people.ts'

export interface ConnectionToTest {
  workspaceId: string
  connectionId: string
  channel: Channel
  provider: ProviderName
}

/** Its lead is marked as demo. Null: nothing of this provider can be made up. */
export type TestWebhook = (connection: ConnectionToTest) => Promise<IntakeAnswer | null>

const persona = {
  index: 0,
  firstName: 'Test',
  lastName: 'Lead',
  company: 'Test Webhook',
  title: 'Nobody',
  seats: 10,
}
const text = 'This is a test. Could you send me your price list?'

export function testWebhook(options: {
  store: Sql
  intake: Intake
  publicUrl(): string
}): TestWebhook {
  return async ({ workspaceId, connectionId, channel, provider: name }) => {
    const provider = providerFor(channel, name)
    const format = formatNames.map((each) => formats[each]).find((each) => each.provider === name)
    if (!provider || !format) return null
    const answer = await options.intake.accept(
      { id: connectionId, workspaceId, channel, provider, signature: null },
      {
        rawBody: Buffer.from(bodyOf(format)),
        headers: { 'content-type': format.contentType ?? undefined },
        url: `${options.publicUrl()}/webhooks/${channel}`,
        receivedAt: new Date(),
        connectionId,
      },
      // The person who asked is told at once.
      { keep: false },
    )
    if ('messageId' in answer) await markDemo(options.store, [answer.messageId])
    return answer
  }
}

function bodyOf(format: Format): string {
  const payload = format.payloads.reply
  if (!payload) throw new RangeError(`${format.name} has no reply`)
  const ids = createIds(randomInt(2 ** 32), randomBytes(8).toString('hex'))
  return encodeBody(
    format,
    payload.make({
      person: identify(persona, ids),
      message: 0,
      delivery: 0,
      at: new Date(),
      text,
      subject: 'Test',
      quoted: null,
      ids,
    }),
  )
}
