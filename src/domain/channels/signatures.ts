/**
 * What verifying a delivery needs: comparisons in constant time, and decoding that takes one
 * spelling only, so that a changed signature never passes as the original. It does *not* decide
 * which header counts; that is the provider's.
 */
import { createHash, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { z } from 'zod'
import type { Verification } from './inbound-event.ts'

/** Long enough for any token a person or a generator makes. */
const SECRET_CHARACTERS_MAX = 500
/** Two live secrets during a rotation, with room for a third (a sub-account has its own). */
const SECRETS_MAX = 3
const PUBLIC_KEY_CHARACTERS_MAX = 4000

const secretSchema = z
  .string('takes a text')
  .min(1, 'takes a text that is not empty')
  .max(SECRET_CHARACTERS_MAX, 'takes at most 500 characters')

export const secretsSchema = z
  .array(secretSchema, 'takes a list of texts')
  .min(1, 'takes 1 to 3 entries')
  .max(SECRETS_MAX, 'takes 1 to 3 entries')

/** One secret, or several while they are rotated. */
export const secretOrSecretsSchema = z.union(
  [secretSchema, secretsSchema],
  'takes a secret or a list of 1 to 3 secrets',
)

export function publicKeySchema(type: 'ed25519' | 'rsa') {
  return z
    .string('takes a text')
    .max(PUBLIC_KEY_CHARACTERS_MAX, 'takes at most 4,000 characters')
    .refine(
      (text) => publicKeyOf(text)?.asymmetricKeyType === type,
      `takes an ${type === 'rsa' ? 'RSA' : 'Ed25519'} public key, PEM or base64 of its SPKI form`,
    )
}

export const verified: Verification = { ok: true }

export function refused(reason: string): Verification {
  return { ok: false, reason }
}

/** Tells neither where the first difference is nor how long the secret is. */
export function isAnyOf(given: string | undefined, secrets: string | readonly string[]): boolean {
  if (!given) return false
  const digest = sha256(given)
  let found = false
  for (const secret of typeof secrets === 'string' ? [secrets] : secrets) {
    // Every secret is compared, so the time does not tell which one fits.
    if (secret !== '' && timingSafeEqual(digest, sha256(secret))) found = true
  }
  return found
}

/** Ed25519, or RSA PKCS#1 v1.5 with SHA-256, as the key says; `signature` is base64. */
export function isSignedBy(publicKey: string, bytes: Buffer, signature: string): boolean {
  const key = publicKeyOf(publicKey)
  const decoded = Buffer.from(signature, 'base64')
  // Decoding skips foreign letters and the last unused bits: another text, the same signature.
  if (!key || decoded.length === 0 || decoded.toString('base64') !== signature) return false
  return verify(key.asymmetricKeyType === 'rsa' ? 'RSA-SHA256' : null, bytes, key, decoded)
}

function publicKeyOf(text: string): KeyObject | null {
  try {
    if (text.includes('-----BEGIN PUBLIC KEY-----')) return createPublicKey(text)
    return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
