/**
 * The token in the URL where an enrichment answer is posted: names one lead, signed under
 * SECRETS_KEY, valid for a month. Nothing is stored; a token that leaks opens one lead's blanks.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { parse as parseUuid, stringify as uuidOf } from 'uuid'

export interface CallbackTokens {
  make(lead: { workspaceId: string; leadId: string }): string
  /** Null: not one of ours, or expired. */
  read(token: string): { workspaceId: string; leadId: string } | null
}

/** Clay's slowest columns take days; a run that somebody repeats next month makes a new token. */
const VALID_SECONDS = 30 * 86_400
const EXPIRY_BYTES = 4
const ID_BYTES = 16
const MAC_BYTES = 32
const SIGNED_BYTES = EXPIRY_BYTES + 2 * ID_BYTES

export function callbackTokens(options: {
  secretsKey: Buffer
  /** Tokens made under it are read, too. */
  previousKey?: Buffer | null
  now(): Date
}): CallbackTokens {
  const { secretsKey, previousKey } = options
  const macOf = macUnder(secretsKey)
  const macs = [macOf, ...(previousKey ? [macUnder(previousKey)] : [])]
  const seconds = () => Math.floor(options.now().getTime() / 1000)
  return {
    make({ workspaceId, leadId }) {
      const expiry = Buffer.alloc(EXPIRY_BYTES)
      expiry.writeUInt32BE(seconds() + VALID_SECONDS)
      const signed = Buffer.concat([expiry, parseUuid(workspaceId), parseUuid(leadId)])
      return Buffer.concat([signed, macOf(signed)]).toString('base64url')
    },
    read(token) {
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.length !== SIGNED_BYTES + MAC_BYTES) return null
      const signed = bytes.subarray(0, SIGNED_BYTES)
      const mac = bytes.subarray(SIGNED_BYTES)
      if (!macs.some((of) => timingSafeEqual(mac, of(signed)))) return null
      if (signed.readUInt32BE(0) < seconds()) return null
      return {
        workspaceId: uuidOf(signed, EXPIRY_BYTES),
        leadId: uuidOf(signed, EXPIRY_BYTES + ID_BYTES),
      }
    },
  }
}

function macUnder(secretsKey: Buffer): (signed: Buffer) => Buffer {
  const key = Buffer.from(hkdfSync('sha256', secretsKey, '', 'enrichment callback', 32))
  return (signed) => createHmac('sha256', key).update(signed).digest()
}
