/**
 * The intake: from a verified delivery to the answer its sender gets. Parses, offers to the
 * channel's ingest actor, and files what is not understood. Webhooks and replays share it.
 */
import type { Channel, Delivery, InboundEvent, Provider } from '../domain/channels/inbound-event.ts'
import type { Stored } from '../domain/ingest/offered.ts'
import { keepRejected } from '../domain/keep-rejected.ts'
import type { Store } from '../domain/sql.ts'
import type { ChannelIngest } from './ingest.ts'

/** A connection as the front door knows it. */
export interface KnownConnection {
  id: string
  workspaceId: string
  channel: Channel
  provider: Provider
  /** Unsealed provider secrets; null: none configured, deliveries are not verified. */
  signature: unknown
}

export type IntakeAnswer =
  | { status: 'accepted' | 'duplicate'; messageId: string }
  | { status: 'ignored'; reason: string }
  | { status: 'rejected'; reason: string; field: string | null }
  | { status: 'malformed'; reason: string }
  /** Nothing was stored: the sender should come again, soon where there was only no room. */
  | { status: 'unavailable'; isFull: boolean }

export interface Intake {
  /** Whether a delivery of the channel would be sent away now, however small it is. */
  isFull(channel: Channel): boolean
  /** `keep` false: a refusal is not filed (it came from the file, or the sender is told at once). */
  accept(
    connection: KnownConnection,
    delivery: Delivery,
    options: { keep: boolean },
  ): Promise<IntakeAnswer>
}

export interface IntakeOptions {
  store: Store
  ingests: Record<Channel, ChannelIngest>
  onError(what: string, error: unknown): void
}

export function intake({ store, ingests, onError }: IntakeOptions): Intake {
  async function refuse(
    connection: KnownConnection,
    delivery: Delivery,
    refusal: { reason: string; field: string | null; status: 'ignored' | 'rejected' },
    keep: boolean,
  ): Promise<IntakeAnswer> {
    if (keep) {
      try {
        await keepRejected(store, {
          ...connection,
          ...refusal,
          connectionId: connection.id,
          provider: connection.provider.name,
          contentType: delivery.headers['content-type'] ?? null,
          rawBody: delivery.rawBody,
        })
      } catch (error) {
        onError('keep rejected delivery', error)
        return { status: 'unavailable', isFull: false }
      }
    }
    const { status, reason, field } = refusal
    return status === 'ignored' ? { status, reason } : { status, reason, field }
  }

  return {
    isFull: (channel) => ingests[channel].isFull(),
    async accept(connection, delivery, { keep }) {
      const parsed = connection.provider.parse(delivery)
      switch (parsed.outcome) {
        case 'malformed':
          return { status: 'malformed', reason: parsed.reason }
        case 'ignored': {
          const refusal = { status: 'ignored' as const, reason: parsed.reason, field: null }
          return refuse(connection, delivery, refusal, keep && parsed.keep === true)
        }
        case 'rejected': {
          const { reason, field = null } = parsed
          return refuse(connection, delivery, { status: 'rejected', reason, field }, keep)
        }
        case 'events': {
          const nameless = parsed.events.find(({ lead }) => lead.identities.length === 0)
          if (nameless) return refuse(connection, delivery, namesNobody(nameless), keep)
          const offered = parsed.events.map((event) => ({
            workspaceId: connection.workspaceId,
            connectionId: connection.id,
            channel: connection.channel,
            provider: connection.provider.name,
            receivedAt: delivery.receivedAt,
            event,
          }))
          const result = await ingests[connection.channel].offer(offered)
          if (!result) return { status: 'unavailable', isFull: true }
          if (result.outcome === 'unavailable') return { status: 'unavailable', isFull: false }
          if (result.outcome === 'stored') return answerOf(result.stored)
          const refusal = { status: 'rejected' as const, reason: result.reason, field: null }
          return refuse(connection, delivery, refusal, keep)
        }
      }
    },
  }
}

function namesNobody(event: InboundEvent) {
  return {
    status: 'rejected' as const,
    reason: `lead: a ${event.kind} event that names nobody by id, e-mail, phone or LinkedIn profile`,
    field: 'lead',
  }
}

/** A delivery with several events is accepted when one of them was. */
function answerOf(stored: Stored[]): IntakeAnswer {
  for (const status of ['accepted', 'duplicate'] as const) {
    const found = stored.find((each) => each.status === status)
    if (found && 'messageId' in found) return { status, messageId: found.messageId }
  }
  const ignored = stored.find((each) => each.status === 'ignored')
  return { status: 'ignored', reason: ignored?.reason ?? 'nothing to store' }
}
