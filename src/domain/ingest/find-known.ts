/**
 * What the database knows already of a group: the leads behind its identities and the messages
 * stored under its keys. One statement without locks: what a concurrent group changes meanwhile is
 * found when the group is written, and then it is read again.
 */
import type { Identity } from '../identity.ts'
import type { Sql } from '../sql.ts'
import { dedupeKeysOf, type Offered } from './offered.ts'
import { type StoredTwin, storedTwinsParams, storedTwinsSql } from './twins.ts'

export interface Known {
  /** Lead id by `identityKey`. */
  leads: Map<string, string>
  /** Provider ids of the leads that a phone number names in an event with a provider id. */
  providerIds: Map<string, string[]>
  /** Last message number given, by lead id. */
  sequences: Map<string, number>
  /** Message id by `messageKey`. */
  messages: Map<string, string>
  /** Messages that an event of the group may be another delivery of. */
  twins: StoredTwin[]
}

export const identityKey = (workspaceId: string, { kind, value }: Identity) =>
  `${workspaceId} ${kind} ${value}`

const messageKey = (workspaceId: string, dedupeKey: string) => `${workspaceId} ${dedupeKey}`

/** Every key that an event may be stored under, with its workspace. */
export const messageKeysOf = (each: Offered) =>
  dedupeKeysOf(each).map((key) => messageKey(each.workspaceId, key))

interface Row {
  workspaceId: string
  /** Null: `value` is the dedupe key of message `id`; else an identity of lead `id`. */
  kind: Identity['kind'] | null
  /** A provider id that nobody asked for by name: the lead was found by its phone number. */
  byPhone: boolean
  value: string
  id: string
  seq: unknown
  /** Else null, and the rest is. */
  twin: StoredTwin | null
}

/** A person has one per provider account; more are not looked at. */
const PROVIDER_IDS_MAX = 20

function phoneBesideProviderId({ workspaceId, event }: Offered) {
  const { identities } = event.lead
  const phone = identities.find(({ kind }) => kind === 'phone')
  const named = identities.some(({ kind }) => kind === 'provider')
  return phone && named ? [{ workspaceId, phone: phone.value }] : []
}

/**
 * `limit 1` keeps each look-up one by index, however large or small the tables were when planned, and
 * `offset 0` one by the lead: while the statistics knew of no provider ids, PostgreSQL 18 took all there
 * are for few, and read them for every phone number.
 */
export async function findKnown(sql: Sql, offered: Offered[]): Promise<Known> {
  const identities = offered.flatMap(({ workspaceId, event }) =>
    event.lead.identities.map((identity) => ({ workspaceId, ...identity })),
  )
  const keys = offered.flatMap((each) =>
    dedupeKeysOf(each).map((key) => ({ workspaceId: each.workspaceId, key })),
  )
  const phones = offered.flatMap(phoneBesideProviderId)
  const rows = await sql.query<Row>(
    `select wanted.workspace_id as "workspaceId", wanted.kind, wanted.value, found.id, found.seq,
       false as "byPhone", null::jsonb as twin
     from unnest($1::uuid[], $2::text[], $3::text[]) as wanted (workspace_id, kind, value)
     cross join lateral (
       select lead.id, lead.message_seq as seq
       from lead_identity as identity join lead on lead.id = identity.lead_id
       where identity.workspace_id = wanted.workspace_id and identity.kind = wanted.kind
         and identity.value = wanted.value
       limit 1
     ) as found
     union all
     select wanted.workspace_id, null, wanted.dedupe_key, found.id, null, false, null
     from unnest($4::uuid[], $5::text[]) as wanted (workspace_id, dedupe_key)
     cross join lateral (
       select message.id from message
       where message.workspace_id = wanted.workspace_id
         and message.dedupe_key = wanted.dedupe_key
       limit 1
     ) as found
     union all
     select wanted.workspace_id, 'provider', other.value, owner.lead_id, null, true, null
     from unnest($6::uuid[], $7::text[]) as wanted (workspace_id, phone)
     cross join lateral (
       select lead_id from lead_identity as identity
       where identity.workspace_id = wanted.workspace_id and identity.kind = 'phone'
         and identity.value = wanted.phone
       limit 1
     ) as owner
     cross join lateral (
       select value from (
         select kind, value from lead_identity as identity
         where identity.lead_id = owner.lead_id offset 0
       ) as known
       where kind = 'provider'
       limit ${PROVIDER_IDS_MAX}
     ) as other
     union all
     select null, null, null, null, null, false, twin from (${storedTwinsSql(8)}) as stored`,
    [
      identities.map(({ workspaceId }) => workspaceId),
      identities.map(({ kind }) => kind),
      identities.map(({ value }) => value),
      keys.map(({ workspaceId }) => workspaceId),
      keys.map(({ key }) => key),
      phones.map(({ workspaceId }) => workspaceId),
      phones.map(({ phone }) => phone),
      ...storedTwinsParams(offered),
    ],
  )
  const known: Known = {
    leads: new Map(),
    providerIds: new Map(),
    sequences: new Map(),
    messages: new Map(),
    twins: [],
  }
  for (const { workspaceId, kind, value, id, seq, byPhone, twin } of rows) {
    if (twin) known.twins.push(twin)
    else if (byPhone) known.providerIds.set(id, [...(known.providerIds.get(id) ?? []), value])
    else if (kind === null) known.messages.set(messageKey(workspaceId, value), id)
    else {
      known.leads.set(identityKey(workspaceId, { kind, value }), id)
      known.sequences.set(id, Number(seq))
    }
  }
  return known
}
