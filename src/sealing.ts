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

export function openSealing(key: Buffer): Sealing {
  if (key.length !== KEY_BYTES) throw new SealError(`the key takes ${KEY_BYTES} bytes`)
  return {
    seal(value, connectionId) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(connectionId))
      const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()])
      const parts = [iv, cipher.getAuthTag(), text].map((part) => part.toString('base64url'))
      return [VERSION, ...parts].join('.')
    },
    open(sealed, connectionId) {
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
    },
  }
}
