/**
 * GoHighLevel. One provider, two senders: the marketplace app's signed events and the workflow
 * action's unsigned contact dump. This file verifies and tells them apart; each has its own reader.
 */
import { z } from 'zod'
import { decodeJson, parseTime } from './decode.ts'
import { appEventOf, parseApp } from './gohighlevel-app.ts'
import { parseWorkflow } from './gohighlevel-workflow.ts'
import type { Delivery, ParseResult, Provider, Verification } from './inbound-event.ts'
import { isSignedBy, publicKeySchema, refused, verified } from './signatures.ts'

const BODY_BYTES_MAX = 512 * 1024
/** The last of the retries comes after some 70 minutes, perhaps with the first one's timestamp. */
const REPLAY_WINDOW_MS = 2 * 60 * 60 * 1000

/** The keys are GoHighLevel's, announced and rotated by it: configuration, not constants. */
const signatureSchema = z
  .strictObject({
    ed25519PublicKey: publicKeySchema('ed25519').optional(),
    rsaPublicKey: publicKeySchema('rsa').optional(),
  })
  .refine(
    ({ ed25519PublicKey, rsaPublicKey }) => ed25519PublicKey || rsaPublicKey,
    'takes ed25519PublicKey, rsaPublicKey or both',
  )
type Signature = z.infer<typeof signatureSchema>

export const gohighlevel: Provider<Signature> = {
  name: 'gohighlevel',
  channels: ['sms'],
  bodyBytesMax: BODY_BYTES_MAX,
  signatureSchema,
  verify,
  parse,
  // The only status it sends again for; every other one loses the message.
  notStoredStatus: 429,
  answerFormat: 'json',
}

function verify(delivery: Delivery, keys: Signature): Verification {
  const current = delivery.headers['x-ghl-signature']
  const legacy = delivery.headers['x-wh-signature']
  // The legacy header is no way round the current one.
  const [header, signature, key] =
    current === undefined && keys.rsaPublicKey
      ? ['x-wh-signature', legacy, keys.rsaPublicKey]
      : ['x-ghl-signature', current, keys.ed25519PublicKey]
  if (!signature) return refused(`${header}: missing`)
  if (signature === 'N/A') return refused(`${header}: takes a signature, not N/A`)
  if (!key) return refused(`${header}: no key for it is configured`)
  if (!isSignedBy(key, delivery.rawBody, signature)) {
    return refused(`${header}: does not fit the body`)
  }
  const sentAt = timestampOf(delivery.rawBody)
  if (sentAt && Math.abs(delivery.receivedAt.getTime() - sentAt.getTime()) > REPLAY_WINDOW_MS) {
    return refused('timestamp: more than 2 h away from now')
  }
  return verified
}

function timestampOf(rawBody: Buffer): Date | null {
  const decoded = decodeJson(rawBody)
  return decoded.ok ? parseTime(appEventOf(decoded.value).timestamp) : null
}

function parse(delivery: Delivery): ParseResult {
  const decoded = decodeJson(delivery.rawBody)
  if (!decoded.ok) return decoded.result
  const event = appEventOf(decoded.value)
  return isAppEvent(event)
    ? parseApp(event, delivery.receivedAt)
    : parseWorkflow(decoded.value, delivery)
}

/**
 * A customer's own template may say `type` and `locationId` as well; it has the text as `message`,
 * a member no app event has.
 */
function isAppEvent(event: Record<string, unknown>): boolean {
  const { type, locationId, companyId, webhookId } = event
  if (typeof type !== 'string') return false
  if (![locationId, companyId, webhookId].some((id) => typeof id === 'string')) return false
  return !('message' in event) || 'body' in event || 'messageType' in event
}
