/** The signature vectors, each with its delivery and its provider's verification. */

import { gohighlevel } from '../../src/domain/channels/gohighlevel.ts'
import type { Delivery, Verification } from '../../src/domain/channels/inbound-event.ts'
import { twilio } from '../../src/domain/channels/twilio.ts'
import { unipile } from '../../src/domain/channels/unipile.ts'
import { deliveryOf, fixture, type SignatureVector, signatureVectors } from './fixtures.ts'

export interface SignatureCase {
  vector: SignatureVector
  delivery: Delivery
  verify: (delivery: Delivery) => Verification
}

function caseOf(vector: SignatureVector): SignatureCase {
  const body = vector.body === undefined ? fixture(vector.bodyFile ?? '') : Buffer.from(vector.body)
  const delivery = deliveryOf(body, {
    headers: { [vector.header]: vector.signature },
    ...(vector.url && { url: vector.url }),
    ...(vector.now && { receivedAt: new Date(vector.now * 1000) }),
  })
  return { vector, delivery, verify: verifierOf(vector) }
}

export function verifierOf({ algorithm, secret = '', publicKeyPem = '' }: SignatureVector) {
  switch (algorithm) {
    case 'twilio-hmac-sha1':
      return (delivery: Delivery) => twilio.verify(delivery, { authTokens: [secret] })
    case 'unipile-v2-hmac-sha256':
      return (delivery: Delivery) => unipile.verify(delivery, { signingSecret: secret })
    case 'ghl-ed25519':
      return (delivery: Delivery) =>
        gohighlevel.verify(delivery, { ed25519PublicKey: publicKeyPem })
    case 'ghl-rsa-sha256':
      return (delivery: Delivery) => gohighlevel.verify(delivery, { rsaPublicKey: publicKeyPem })
    default:
      throw new Error(`unknown algorithm ${algorithm}`)
  }
}

export const signatureCases = () => signatureVectors('').map(caseOf)

/** What Twilio signs of a form: two spellings of one parameter are one parameter. */
export function formMeaning(body: Buffer): string {
  const pairs = [...new URLSearchParams(body.toString('utf8'))].map(([key, value]) => key + value)
  return [...new Set(pairs)].sort().join('')
}
