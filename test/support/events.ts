/** Workspaces, connections and events that a test can store without going through a provider. */
import { v7 as uuidv7 } from 'uuid'
import type { InboundEvent } from '../../src/domain/channels/inbound-event.ts'
import { identitiesOf, type RawIdentities } from '../../src/domain/identity.ts'
import type { Offered } from '../../src/domain/ingest/offered.ts'
import type { Store } from '../../src/domain/sql.ts'
import { createWorkspace, type MadeWorkspace } from '../../src/domain/workspaces.ts'

export async function makeWorkspace(store: Store, name = 'Northpeak'): Promise<MadeWorkspace> {
  return store.transaction((tx) => createWorkspace(tx, { name }))
}

export interface EventSketch extends Partial<Omit<InboundEvent, 'lead'>> {
  lead?: RawIdentities & { firstName?: string; company?: string }
  channel?: Offered['channel']
  receivedAt?: Date
}

/** An inbound text of one person by e-mail unless the sketch says otherwise. */
export function offeredEvent(workspaceId: string, sketch: EventSketch = {}): Offered {
  const {
    lead = { email: 'dana@harlow.example' },
    channel = 'email',
    receivedAt,
    ...event
  } = sketch
  return {
    workspaceId,
    connectionId: uuidv7(),
    channel,
    provider: 'generic',
    receivedAt: receivedAt ?? new Date(),
    event: {
      kind: 'text',
      direction: 'inbound',
      dedupeKey: uuidv7(),
      dedupeAliases: [],
      externalId: null,
      subject: null,
      body: 'Sounds good, send me the pricing.',
      sentAt: null,
      signals: {},
      labelTag: null,
      payload: {},
      ...event,
      lead: {
        identities: identitiesOf(lead),
        firstName: lead.firstName ?? null,
        lastName: null,
        company: lead.company ?? null,
        title: null,
      },
    },
  }
}
