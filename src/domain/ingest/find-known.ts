/**
 * What the database knows already of a group: the leads behind its identities and the messages
 * stored under its keys. One statement without locks: what a concurrent group changes meanwhile is
 * found when the group is written, and then it is read again.
 */
import type { Identity } from '../identity.ts'
import type { Sql } from '../sql.ts'
import type { Offered } from './offered.ts'

export interface Known {
  /** Lead id by `identityKey`. */
  leads: Map<string, string>
  /** Last message number given, by lead id. */
  sequences: Map<string, number>
  /** Message id by `messageKey`. */
  messages: Map<string, string>
}

export const identityKey = (workspaceId: string, { kind, value }: Identity) =>
  `${workspaceId} ${kind} ${value}`

const messageKey = (workspaceId: string, dedupeKey: string) => `${workspaceId} ${dedupeKey}`

export const dedupeKeysOf = ({ event }: Offered) => [event.dedupeKey, ...event.dedupeAliases]

/** Every key that an event may be stored under. */
export const messageKeysOf = (each: Offered) =>
  dedupeKeysOf(each).map((key) => messageKey(each.workspaceId, key))

interface Row {
  workspaceId: string
  /** Null: `value` is the dedupe key of message `id`; else an identity of lead `id`. */
  kind: Identity['kind'] | null
  value: string
  id: string
  seq: unknown
}

/** `limit 1` keeps each look-up one by index, however large or small the tables were when planned. */
export async function findKnown(sql: Sql, offered: Offered[]): Promise<Known> {
  const identities = offered.flatMap(({ workspaceId, event }) =>
    event.lead.identities.map((identity) => ({ workspaceId, ...identity })),
  )
  const keys = offered.flatMap((each) =>
    dedupeKeysOf(each).map((key) => ({ workspaceId: each.workspaceId, key })),
  )
  const rows = await sql.query<Row>(
    `select wanted.workspace_id as "workspaceId", wanted.kind, wanted.value, found.id, found.seq
     from unnest($1::uuid[], $2::text[], $3::text[]) as wanted (workspace_id, kind, value)
     cross join lateral (
       select lead.id, lead.message_seq as seq
       from lead_identity as identity join lead on lead.id = identity.lead_id
       where identity.workspace_id = wanted.workspace_id and identity.kind = wanted.kind
         and identity.value = wanted.value
       limit 1
     ) as found
     union all
     select wanted.workspace_id, null, wanted.dedupe_key, found.id, null
     from unnest($4::uuid[], $5::text[]) as wanted (workspace_id, dedupe_key)
     cross join lateral (
       select message.id from message
       where message.workspace_id = wanted.workspace_id
         and message.dedupe_key = wanted.dedupe_key
       limit 1
     ) as found`,
    [
      identities.map(({ workspaceId }) => workspaceId),
      identities.map(({ kind }) => kind),
      identities.map(({ value }) => value),
      keys.map(({ workspaceId }) => workspaceId),
      keys.map(({ key }) => key),
    ],
  )
  const known: Known = { leads: new Map(), sequences: new Map(), messages: new Map() }
  for (const { workspaceId, kind, value, id, seq } of rows) {
    if (kind === null) known.messages.set(messageKey(workspaceId, value), id)
    else {
      known.leads.set(identityKey(workspaceId, { kind, value }), id)
      known.sequences.set(id, Number(seq))
    }
  }
  return known
}
