/**
 * Identities: the normalised values by which a lead is found again across channels. Normalising is
 * the whole trick: two spellings of one address must give one value, and nothing that names a
 * company or a list may identify a person.
 */
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js'
import { storableText } from './text/storable-text.ts'

export const identityKinds = ['provider', 'email', 'phone', 'linkedin'] as const
export type IdentityKind = (typeof identityKinds)[number]

export interface Identity {
  kind: IdentityKind
  /** Normalised; at most 320 characters (the longest legal e-mail address). */
  value: string
}

const VALUE_CHARACTERS_MAX = 320
const EMAIL = /^[^\s@<>"(),:;]+@[^\s@<>"(),:;]+\.[^\s@<>"(),:;]+$/
/** LinkedIn's opaque member ids are case-sensitive; vanity names are not. */
const OPAQUE_MEMBER = /^AC[or]AA/

/** Lower-cased address, also out of `Name <address>`; null when it is none. */
export function normalizeEmail(raw: string | null | undefined): string | null {
  if (!raw) return null
  const bracketed = /<([^<>]+)>\s*$/.exec(raw)
  const value = (bracketed?.[1] ?? raw).trim().toLowerCase()
  return value.length <= VALUE_CHARACTERS_MAX && EMAIL.test(value) ? value : null
}

/** Country code 1 with its ten digits: possible whatever they are. */
const NORTH_AMERICAN = /^\+1[2-9]\d{9}$/

/** E.164, e.g. `+12125550187`. Numbers without a country prefix are read as of `country`. */
export function normalizePhone(
  raw: string | null | undefined,
  country: CountryCode = 'US',
): string | null {
  if (!raw) return null
  const digits = raw.replace(/^whatsapp:/i, '').trim()
  // Most numbers come normalised already, and the full parsing is the dearest part of a webhook.
  if (NORTH_AMERICAN.test(digits)) return digits
  const parsed = parsePhoneNumberFromString(digits, country)
  // isPossible, not isValid: fictional and freshly assigned ranges must not lose a lead.
  return parsed?.isPossible() ? parsed.number : null
}

/** `https://www.linkedin.com/in/<name>`; null for company, school and foreign URLs. */
export function normalizeLinkedinUrl(raw: string | null | undefined): string | null {
  if (!raw) return null
  const match =
    /^(?:https?:\/\/)?(?:[a-z]{2,3}\.)?linkedin\.com\/(?:mwlite\/)?in\/([^/?#\s]+)/i.exec(
      raw.trim(),
    )
  const encoded = match?.[1]
  if (!encoded) return null
  let name = encoded
  try {
    name = storableText(decodeURIComponent(encoded))
  } catch {
    // A stray % is part of nobody's name, but also no reason to lose the lead.
  }
  if (!OPAQUE_MEMBER.test(name)) name = name.toLowerCase()
  const value = `https://www.linkedin.com/in/${name}`
  return value.length <= VALUE_CHARACTERS_MAX ? value : null
}

export interface RawIdentities {
  /** `scope` is whatever makes the id unique: provider, instance, location, account. */
  provider?: { scope: string; id: string | number | null | undefined }
  email?: string | null | undefined
  phone?: string | null | undefined
  linkedinUrl?: string | null | undefined
}

/** Normalises what a payload says; what is absent or unusable is left out. */
export function identitiesOf(raw: RawIdentities): Identity[] {
  const identities: Identity[] = []
  const id = raw.provider?.id == null ? '' : String(raw.provider.id).trim()
  if (raw.provider && id) {
    const value = `${raw.provider.scope}:${id}`
    if (value.length <= VALUE_CHARACTERS_MAX) identities.push({ kind: 'provider', value })
  }
  const email = normalizeEmail(raw.email)
  if (email) identities.push({ kind: 'email', value: email })
  const phone = normalizePhone(raw.phone)
  if (phone) identities.push({ kind: 'phone', value: phone })
  const linkedin = normalizeLinkedinUrl(raw.linkedinUrl)
  if (linkedin) identities.push({ kind: 'linkedin', value: linkedin })
  return identities
}
