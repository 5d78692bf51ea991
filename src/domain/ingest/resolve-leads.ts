/**
 * Finds the lead of each event by its identities, and says which leads and identities are new.
 *
 * An event's lead is the one that its strongest known identity names (provider id, then e-mail,
 * phone, LinkedIn); identities nobody has yet are added to it. An identity that already belongs to
 * another lead stays there: a switchboard number must not melt two people into one.
 */
import { v7 as uuidv7 } from 'uuid'
import { type Identity, identityKinds } from '../identity.ts'
import { identityKey } from './find-known.ts'
import type { Offered } from './offered.ts'

export interface NewIdentity extends Identity {
  workspaceId: string
  leadId: string
}

export interface ResolvedLeads {
  /** Per event, in order; null for a label of somebody unknown. */
  leadIds: (string | null)[]
  newIdentities: NewIdentity[]
}

/** `known`: lead id by `identityKey`; what this group adds is added to it. */
export function resolveLeads(known: Map<string, string>, offered: Offered[]): ResolvedLeads {
  const newIdentities: NewIdentity[] = []
  const leadIds = offered.map(({ workspaceId, event }) => {
    const mine = byStrength(event.lead.identities)
    const strongest = mine.find((identity) => known.has(identityKey(workspaceId, identity)))
    const found = strongest ? known.get(identityKey(workspaceId, strongest)) : null
    if (event.kind === 'label') return found ?? null
    const leadId = found ?? uuidv7()
    for (const identity of mine) {
      const key = identityKey(workspaceId, identity)
      if (known.has(key)) continue
      known.set(key, leadId)
      newIdentities.push({ ...identity, workspaceId, leadId })
    }
    return leadId
  })
  return { leadIds, newIdentities }
}

function byStrength(identities: Identity[]): Identity[] {
  if (identities.length < 2) return identities
  return [...identities].sort(
    (a, b) => identityKinds.indexOf(a.kind) - identityKinds.indexOf(b.kind),
  )
}
