/** Deliveries that were authentic but not understood: kept so that nothing is dropped silently. */
import { createHash } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Channel, ProviderName } from './channels/inbound-event.ts'
import type { Sql } from './sql.ts'

/** Larger bodies are mail with attachments inline; those are dropped, the rest is kept. */
const BODY_BYTES_MAX = 512 * 1024
const KEPT_TEXT_CHARACTERS_MAX = 64 * 1024

export interface RejectedDeliveryToKeep {
  workspaceId: string
  connectionId: string
  channel: Channel
  provider: ProviderName
  reason: string
  field: string | null
  contentType: string | null
  rawBody: Buffer
}

/** One row per connection and body: a provider's retries only raise its `deliveries`. */
export async function keepRejected(sql: Sql, delivery: RejectedDeliveryToKeep): Promise<void> {
  const hash = createHash('sha256').update(delivery.connectionId).update(delivery.rawBody)
  await sql.query(
    `insert into rejected_delivery (id, workspace_id, connection_id, channel, provider, reason,
       field, content_type, body, body_hash)
     values ($1, $2, (select id from connection where id = $3), $4, $5, $6, $7, $8,
       decode($9, 'base64'), $10)
     on conflict (workspace_id, body_hash)
     do update set deliveries = rejected_delivery.deliveries + 1, reason = excluded.reason,
       field = excluded.field, received_at = now()`,
    [
      uuidv7(),
      delivery.workspaceId,
      delivery.connectionId,
      delivery.channel,
      delivery.provider,
      delivery.reason.replaceAll('\u0000', '').slice(0, 1000),
      delivery.field?.replaceAll('\u0000', '').slice(0, 200) ?? null,
      delivery.contentType?.slice(0, 200) ?? null,
      keptBody(delivery.rawBody).toString('base64'),
      hash.digest('hex'),
    ],
  )
}

/** The bytes themselves, or for oversized JSON the same object with its long texts cut. */
function keptBody(rawBody: Buffer): Buffer {
  if (rawBody.length <= BODY_BYTES_MAX) return rawBody
  try {
    const value: unknown = JSON.parse(rawBody.toString('utf8'), (_key, part: unknown) =>
      typeof part === 'string' && part.length > KEPT_TEXT_CHARACTERS_MAX
        ? `[${part.length} characters dropped]`
        : part,
    )
    return Buffer.from(JSON.stringify(value)).subarray(0, BODY_BYTES_MAX)
  } catch {
    return rawBody.subarray(0, BODY_BYTES_MAX)
  }
}
