/** The intakes of the peers: the same answers as Leadpulse's, one transaction per request or none. */
import { MikroORM } from '@mikro-orm/core'
import { PostgreSqlDriver } from '@mikro-orm/postgresql'
import { CompiledQuery, type Kysely } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import type { Intake, KnownConnection } from '../../src/actors/intake.ts'
import type { InboundEvent } from '../../src/domain/channels/inbound-event.ts'
import type { Sql } from '../../src/domain/sql.ts'
import { PeerLead, PeerMessage, peerEntities } from './peer-tables.ts'

/** Sends the job inside the transaction that `sql` speaks to. */
export type EnqueueJob = (sql: Sql, data: { leadId: string; messageId: string }) => Promise<void>

export function answerOnly(): Intake {
  return parsing(async () => uuidv7())
}

export async function storePerRequest(
  databaseUrl: string,
  poolMax: number,
  enqueue: EnqueueJob,
): Promise<Intake> {
  const orm = await MikroORM.init({
    entities: peerEntities,
    driver: PostgreSqlDriver,
    clientUrl: databaseUrl,
    pool: { min: 0, max: poolMax },
  })
  await orm.schema.create()
  return parsing(({ workspaceId, channel, provider }, event) =>
    orm.em.fork().transactional(async (em) => {
      const sentAt = event.sentAt ?? new Date()
      const lead = await em.upsert(
        PeerLead,
        {
          id: uuidv7(),
          workspaceId,
          identity: event.lead.identities[0]?.value ?? '',
          firstName: event.lead.firstName,
          lastName: event.lead.lastName,
          company: event.lead.company,
          lastInboundAt: sentAt,
        },
        { onConflictFields: ['workspaceId', 'identity'], onConflictExcludeFields: ['id'] },
      )
      const message = em.create(PeerMessage, {
        id: uuidv7(),
        workspaceId,
        lead,
        channel,
        provider: provider.name,
        dedupeKey: event.dedupeKey,
        subject: event.subject,
        body: event.body,
        payload: event.payload,
        sentAt,
      })
      await em.flush()
      const context = em.getTransactionContext() as Kysely<unknown>
      await enqueue(sqlOn(context), { leadId: lead.id, messageId: message.id })
      return message.id
    }),
  )
}

function parsing(
  store: (connection: KnownConnection, event: InboundEvent) => Promise<string>,
): Intake {
  return {
    isFull: () => false,
    async accept(connection, delivery) {
      const parsed = connection.provider.parse(delivery)
      if (parsed.outcome !== 'events') throw new Error(`a reply was ${parsed.outcome}`)
      return { status: 'accepted', messageId: await store(connection, parsed.events[0]) }
    },
  }
}

function sqlOn(context: Kysely<unknown>): Sql {
  return {
    async query<Row>(text: string, params: unknown[] = []) {
      return (await context.executeQuery<Row>(CompiledQuery.raw(text, params))).rows
    },
  }
}
