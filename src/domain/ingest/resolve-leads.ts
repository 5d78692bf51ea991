/**
 * Finds the lead of each event by its identities, and says which leads and identities are new.
 *
 * An event's lead is the one that its strongest known identity names (provider id, then e-mail,
 * phone, LinkedIn); identities nobody has yet are added to it. An identity that already belongs to
 * another lead stays there: a switchboard number must not melt two people into one. For the same
 * reason a phone number names nobody whom the provider knows by another id: its account says that
 * these are two contacts.
 */
import { v7 as uuidv7 } from 'uuid'
import { type Identity, identityKinds } from '../identity.ts'
import { identityKey, type Known } from './find-known.ts'
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

/** What this group adds is added to `known`. */
export function resolveLeads(
  { leads, providerIds }: Pick<Known, 'leads' | 'providerIds'>,
  offered: Offered[],
): ResolvedLeads {
  const newIdentities: NewIdentity[] = []
  const leadIds = offered.map(({ workspaceId, event }) => {
    const mine = byStrength(event.lead.identities)
    const named = mine
      .map((identity) => ({
        kind: identity.kind,
        id: leads.get(identityKey(workspaceId, identity)),
      }))
      .find(({ kind, id }) => id && !(kind === 'phone' && isAnother(mine, providerIds.get(id))))
    if (event.kind === 'label') return named?.id ?? null
    const leadId = named?.id ?? uuidv7()
    for (const identity of mine) {
      const key = identityKey(workspaceId, identity)
      if (leads.has(key)) continue
      leads.set(key, leadId)
      if (identity.kind === 'provider') {
        providerIds.set(leadId, [...(providerIds.get(leadId) ?? []), identity.value])
      }
      newIdentities.push({ ...identity, workspaceId, leadId })
    }
    return leadId
  })
  return { leadIds, newIdentities }
}

/** Whether a lead with these provider ids has one of the event's scope, and another. */
function isAnother(mine: Identity[], theirs: string[] = []): boolean {
  return mine.some(
    ({ kind, value }) =>
      kind === 'provider' && theirs.some((their) => scopeOf(their) === scopeOf(value)),
  )
}

/** Of `scope:id`, where only the scope is sure to hold colons. */
const scopeOf = (providerId: string) => providerId.slice(0, providerId.lastIndexOf(':'))

function byStrength(identities: Identity[]): Identity[] {
  if (identities.length < 2) return identities
  return [...identities].sort(
    (a, b) => identityKinds.indexOf(a.kind) - identityKinds.indexOf(b.kind),
  )
}
