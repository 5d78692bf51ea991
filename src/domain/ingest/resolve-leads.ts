/**
 * Finds the lead of each event by its identities and makes the leads that are new, set-based for a
 * whole group.
 *
 * An event's lead is the one that its strongest known identity names (provider id, then e-mail,
 * phone, LinkedIn); identities nobody has yet are added to it. An identity that already belongs to
 * another lead stays there: a switchboard number must not melt two people into one.
 */
import { v7 as uuidv7 } from 'uuid'
import { type Identity, identityKinds } from '../identity.ts'
import type { Tx } from '../sql.ts'
import type { Offered } from './offered.ts'

interface IdentityRow extends Identity {
  workspaceId: string
  leadId: string
}

/** Lead id per event, in order; null for a label of somebody unknown. */
export async function resolveLeads(tx: Tx, offered: Offered[]): Promise<(string | null)[]> {
  const known = new Map<string, string>()
  for (const row of await findIdentities(tx, offered.flatMap(wanted))) {
    known.set(keyOf(row), row.leadId)
  }
  const added: IdentityRow[] = []
  const newLeads = new Map<string, string>()
  const leadIds = offered.map((each) => {
    const mine = byStrength(wanted(each))
    let leadId = mine.map((identity) => known.get(keyOf(identity))).find(Boolean) ?? null
    if (each.event.kind === 'label') return leadId
    if (!leadId) {
      leadId = uuidv7()
      newLeads.set(leadId, each.workspaceId)
    }
    for (const identity of mine) {
      if (known.has(keyOf(identity))) continue
      known.set(keyOf(identity), leadId)
      added.push({ ...identity, leadId })
    }
    return leadId
  })
  if (added.length === 0) return leadIds
  await insertLeads(tx, newLeads)
  const moved = await insertIdentities(tx, added, newLeads)
  return leadIds.map((leadId) => (leadId && moved.get(leadId)) ?? leadId)
}

const wanted = ({ workspaceId, event }: Offered) =>
  event.lead.identities.map((identity) => ({ ...identity, workspaceId }))

const keyOf = (identity: Identity & { workspaceId: string }) =>
  `${identity.workspaceId} ${identity.kind} ${identity.value}`

function byStrength<T extends Identity>(identities: T[]): T[] {
  return [...identities].sort(
    (a, b) => identityKinds.indexOf(a.kind) - identityKinds.indexOf(b.kind),
  )
}

async function findIdentities(
  tx: Tx,
  identities: (Identity & { workspaceId: string })[],
): Promise<IdentityRow[]> {
  return tx.query<IdentityRow>(
    `select identity.workspace_id as "workspaceId", identity.kind, identity.value,
       identity.lead_id as "leadId"
     from unnest($1::uuid[], $2::text[], $3::text[]) as wanted (workspace_id, kind, value)
     join lead_identity as identity using (workspace_id, kind, value)`,
    columns(identities),
  )
}

const columns = (identities: (Identity & { workspaceId: string })[]) => [
  identities.map(({ workspaceId }) => workspaceId),
  identities.map(({ kind }) => kind),
  identities.map(({ value }) => value),
]

async function insertLeads(tx: Tx, leads: Map<string, string>): Promise<void> {
  if (leads.size === 0) return
  await tx.query(
    `insert into lead (id, workspace_id)
     select * from unnest($1::uuid[], $2::uuid[])`,
    [[...leads.keys()], [...leads.values()]],
  )
}

/**
 * Adds identities in one fixed order, so that concurrent groups wait for each other instead of
 * deadlocking. One that a concurrent group added first is that group's: a lead made here for it is
 * given up again. Answers the leads that were given up and what they became.
 */
async function insertIdentities(
  tx: Tx,
  added: IdentityRow[],
  newLeads: Map<string, string>,
): Promise<Map<string, string>> {
  const inserted = await tx.query<IdentityRow>(
    `insert into lead_identity (workspace_id, kind, value, lead_id)
     select workspace_id, kind, value, lead_id
     from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[])
       as added (workspace_id, kind, value, lead_id)
     order by workspace_id, kind, value
     on conflict do nothing
     returning workspace_id as "workspaceId", kind, value, lead_id as "leadId"`,
    [...columns(added), added.map(({ leadId }) => leadId)],
  )
  const moved = new Map<string, string>()
  if (inserted.length === added.length) return moved
  const ours = new Set(inserted.map(keyOf))
  const lost = new Map(added.filter((row) => !ours.has(keyOf(row))).map((row) => [keyOf(row), row]))
  for (const winner of await findIdentities(tx, [...lost.values()])) {
    const loser = lost.get(keyOf(winner))?.leadId
    if (loser && newLeads.has(loser) && !moved.has(loser)) moved.set(loser, winner.leadId)
  }
  for (const [from, to] of moved) {
    await tx.query(`update lead_identity set lead_id = $2 where lead_id = $1`, [from, to])
    await tx.query(`delete from lead where id = $1`, [from])
  }
  return moved
}
