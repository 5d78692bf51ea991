/** Secret tokens of the API and of webhook URLs: shown once, kept only as SHA-256. */
import { hash as digest, randomBytes } from 'node:crypto'

const PREFIX = 'lp_'
const TOKEN_BYTES = 32

export interface MadeToken {
  /** For the one answer that shows it. */
  token: string
  hash: string
}

export function makeToken(): MadeToken {
  const token = `${PREFIX}${randomBytes(TOKEN_BYTES).toString('base64url')}`
  return { token, hash: hashToken(token) }
}

/** No salt and no slow hash: the token is 256 random bits, and each request is looked up by it. */
export function hashToken(token: string): string {
  return digest('sha256', token)
}
