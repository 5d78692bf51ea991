/**
 * Sealing: provider secrets that must be read back are kept AES-256-GCM encrypted under SECRETS_KEY,
 * bound to the connection they belong to, so that a copied row opens nowhere else.
 * Format: `v1.<iv>.<tag>.<cipher text>`, each part base64url.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

export interface Sealing {
  seal(value: unknown, connectionId: string): string
  /** Throws SealError for another key, another connection or a changed text. */
  open(sealed: string, connectionId: string): unknown
  /** Under the current key; `current`: it is already; `lost`: no key here opens it. */
  reseal(sealed: string, connectionId: string): { sealed: string } | 'current' | 'lost'
}

export class SealError extends Error {
  override name = 'SealError'
}

const VERSION = 'v1'
const KEY_BYTES = 32
/** What GCM is specified for; any other length is hashed first. */
const IV_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'

/** Seals under `key`; opens what was sealed under it or under `previous`. */
export function openSealing(key: Buffer, previous: Buffer | null = null): Sealing {
  for (const each of [key, previous]) {
    if (each && each.length !== KEY_BYTES) throw new SealError(`the key takes ${KEY_BYTES} bytes`)
  }
  const tryOpen = (by: Buffer | null, sealed: string, connectionId: string) => {
    if (!by) return null
    try {
      return { value: openWith(by, sealed, connectionId) }
    } catch (error) {
      if (error instanceof SealError) return null
      throw error
    }
  }
  const seal = (value: unknown, connectionId: string) => sealWith(key, value, connectionId)
  return {
    seal,
    open(sealed, connectionId) {
      const opened = tryOpen(previous, sealed, connectionId)
      return opened ? opened.value : openWith(key, sealed, connectionId)
    },
    reseal(sealed, connectionId) {
      if (tryOpen(key, sealed, connectionId)) return 'current'
      const opened = tryOpen(previous, sealed, connectionId)
      return opened ? { sealed: seal(opened.value, connectionId) } : 'lost'
    },
  }
}

function sealWith(key: Buffer, value: unknown, connectionId: string): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(connectionId))
  const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()])
  const parts = [iv, cipher.getAuthTag(), text].map((part) => part.toString('base64url'))
  return [VERSION, ...parts].join('.')
}

function openWith(key: Buffer, sealed: string, connectionId: string): unknown {
  const [version, ...parts] = sealed.split('.')
  const [iv, tag, text] = parts.map((part) => Buffer.from(part, 'base64url'))
  if (version !== VERSION || parts.length !== 3 || !iv || !tag || !text) {
    throw new SealError('not a sealed value of a known version')
  }
  try {
    const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(connectionId)).setAuthTag(tag)
    return JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8'))
  } catch (error) {
    throw new SealError('sealed under another key or for another connection', { cause: error })
  }
}
