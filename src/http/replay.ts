/** Sends a kept delivery through today's parser and the ingest again. */
import type { Intake } from '../actors/intake.ts'
import type { Channel, ProviderName } from '../domain/channels/inbound-event.ts'
import { providerFor } from '../domain/channels/registry.ts'
import { type Store, toDate } from '../domain/sql.ts'
import type { RejectedDeps, ReplayResult } from './rejected.ts'

interface KeptDelivery {
  connectionId: string | null
  workspaceId: string
  channel: Channel
  provider: ProviderName
  contentType: string | null
  body: string
  receivedAt: unknown
}

/**
 * The signature was checked when the delivery came. Message times and time buckets are those of the
 * receipt, so that a replay long after is recognised as the same message.
 */
export function replayer(options: {
  store: Store
  intake: Intake
  publicUrl(): string
}): RejectedDeps['replay'] {
  return async ({ workspaceId, rejectedId }) => {
    const [kept] = await options.store.query<KeptDelivery>(
      `select connection_id as "connectionId", workspace_id as "workspaceId", channel, provider,
         content_type as "contentType", encode(body, 'base64') as body, received_at as "receivedAt"
       from rejected_delivery where id = $1::uuid and workspace_id = $2::uuid`,
      [rejectedId, workspaceId],
    )
    if (!kept) return null
    const provider = providerFor(kept.channel, kept.provider)
    if (!provider) return { status: 'rejected', reason: `provider ${kept.provider} is gone` }
    // A deleted connection's messages keep its place empty: any id that is none of ours will do.
    const id = kept.connectionId ?? rejectedId
    const answer = await options.intake.accept(
      { id, workspaceId, channel: kept.channel, provider, signature: null },
      {
        rawBody: Buffer.from(kept.body, 'base64'),
        headers: { 'content-type': kept.contentType ?? undefined },
        url: `${options.publicUrl()}/webhooks/${kept.channel}`,
        receivedAt: toDate(kept.receivedAt),
        connectionId: id,
      },
      { keep: false },
    )
    return resultOf(answer)
  }
}

function resultOf(answer: Awaited<ReturnType<Intake['accept']>>): ReplayResult {
  switch (answer.status) {
    case 'malformed':
      return { status: 'rejected', reason: answer.reason, field: 'body' }
    case 'rejected':
      return { ...answer, field: answer.field ?? undefined }
    default:
      return answer
  }
}
