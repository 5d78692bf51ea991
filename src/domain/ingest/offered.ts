/** What the ingest is offered and what it answers, one each per event. */
import type { Channel, InboundEvent, ProviderName } from '../channels/inbound-event.ts'

export interface Offered {
  workspaceId: string
  connectionId: string
  channel: Channel
  provider: ProviderName
  receivedAt: Date
  event: InboundEvent
}

/** Every key that an event may be stored under. */
export const dedupeKeysOf = ({ event }: Offered) => [event.dedupeKey, ...event.dedupeAliases]

export type Stored =
  | { status: 'accepted'; messageId: string; leadId: string; inbound: boolean }
  | { status: 'duplicate'; messageId: string }
  /** Nothing to store, e.g. a label: `reason` says what became of it. */
  | { status: 'ignored'; reason: string }
