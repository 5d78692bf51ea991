/**
 * Ways to reach a person that stand in a text: phone, e-mail, LinkedIn. They are contacts for people,
 * never identities: "ask Ann, ann@…" or a switchboard number would melt two leads into one.
 */
import { findPhoneNumbersInText } from 'libphonenumber-js'
import { normalizeEmail, normalizeLinkedinUrl } from './identity.ts'
import type { Sql } from './sql.ts'

export const contactKinds = ['email', 'phone', 'linkedin'] as const
export type ContactKind = (typeof contactKinds)[number]
export const contactSources = ['message', 'enrichment'] as const
export type ContactSource = (typeof contactSources)[number]

export interface Contact {
  kind: ContactKind
  /** Normalised like an identity of that kind. */
  value: string
}

/** People write far less; looking for phone numbers costs some 10 ms for this much. */
const TEXT_CHARACTERS_MAX = 10_000
/** Of one kind in one message; a longer list is a forwarded directory. */
const CONTACTS_MAX = 5

const emailPattern = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,5}/gu
const linkedinPattern =
  /(?:https?:\/\/)?(?:[a-z]{2,3}\.)?linkedin\.com\/in\/[^\s/?#<>"')\]]{1,200}/gi

/** In the order of the text, each once; nothing for a text without any. */
export function contactsIn(text: string): Contact[] {
  const start = text.slice(0, TEXT_CHARACTERS_MAX)
  const kinds: [ContactKind, (string | null)[]][] = [
    ['email', [...start.matchAll(emailPattern)].map(([found]) => normalizeEmail(found))],
    ['phone', phonesIn(start)],
    ['linkedin', [...start.matchAll(linkedinPattern)].map(([url]) => normalizeLinkedinUrl(url))],
  ]
  return kinds.flatMap(([kind, values]) =>
    [...new Set(values.filter((value) => value !== null))]
      .slice(0, CONTACTS_MAX)
      .map((value) => ({ kind, value })),
  )
}

/** Numbers that a carrier could have given out; an order number is none. */
function phonesIn(text: string): string[] {
  if (!/\d{3}/.test(text)) return []
  return findPhoneNumbersInText(text, 'US').map(({ number }) => number.number)
}

/** What the lead is already known by is not told again. */
export async function storeContacts(
  sql: Sql,
  leadId: string,
  contacts: Contact[],
  foundIn: ContactSource,
): Promise<void> {
  if (contacts.length === 0) return
  await sql.query(
    `insert into lead_contact (lead_id, kind, value, found_in)
     select $1::uuid, kind, value, $4
     from unnest($2::text[], $3::text[]) as found (kind, value)
     where not exists (
       select 1 from lead_identity as known
       where known.lead_id = $1::uuid and known.kind = found.kind and known.value = found.value
     )
     on conflict do nothing`,
    [leadId, contacts.map(({ kind }) => kind), contacts.map(({ value }) => value), foundIn],
  )
}

export interface KnownContact extends Contact {
  foundIn: ContactSource
}

export async function contactsOf(sql: Sql, leadId: string): Promise<KnownContact[]> {
  return sql.query<KnownContact>(
    `select kind, value, found_in as "foundIn" from lead_contact
     where lead_id = $1::uuid
     order by kind, found_at, value`,
    [leadId],
  )
}
