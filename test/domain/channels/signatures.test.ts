import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  isAnyOf,
  isSignedBy,
  publicKeySchema,
  secretOrSecretsSchema,
  secretsSchema,
} from '../../../src/domain/channels/signatures.ts'
import { signatureVectors } from '../../support/fixtures.ts'
import {
  formMeaning,
  type SignatureCase,
  signatureCases,
  verifierOf,
} from '../../support/signature-cases.ts'
import { suite } from '../../support/suite.ts'

const test = suite('signatures')

const cases = signatureCases()

/** Every text that differs from this one in one character. */
function mutations(text: string): string[] {
  return [...text].flatMap((letter, i) =>
    [letter === 'A' ? 'B' : 'A', letter === '=' ? '0' : '=', ' ', letter.toLowerCase()]
      .filter((other) => other !== letter)
      .map((other) => text.slice(0, i) + other + text.slice(i + 1)),
  )
}

test('every published and made vector is verified through its provider', () => {
  assert.ok(cases.length >= 8)
  for (const { vector, delivery, verify } of cases) {
    assert.is(verify(delivery).ok, vector.valid, vector.name)
  }
})

test('a signature changed in any one character is refused', () => {
  for (const { vector, delivery, verify } of cases) {
    for (const signature of [...mutations(vector.signature), `${vector.signature}A`, '']) {
      const result = verify({ ...delivery, headers: { [vector.header]: signature } })
      assert.is(result.ok, false, `${vector.name}: ${signature}`)
    }
  }
})

test('a body changed in any one byte is refused', () => {
  for (const { vector, delivery, verify } of cases) {
    const isForm = vector.algorithm.startsWith('twilio')
    for (let i = 0; i < delivery.rawBody.length; i++) {
      const rawBody = Buffer.from(delivery.rawBody)
      rawBody[i] = (rawBody[i] ?? 0) ^ 0x01
      if (isForm && formMeaning(rawBody) === formMeaning(delivery.rawBody)) continue
      assert.is(verify({ ...delivery, rawBody }).ok, false, `${vector.name}: byte ${i}`)
    }
  }
})

test('a URL changed in any one character is refused where the URL is signed', () => {
  for (const { vector, delivery, verify } of cases) {
    if (!vector.url) continue
    for (const url of mutations(vector.url)) {
      assert.is(verify({ ...delivery, url }).ok, false, `${vector.name}: ${url}`)
    }
  }
})

test('a missing header is refused', () => {
  for (const { vector, delivery, verify } of cases) {
    assert.is(verify({ ...delivery, headers: {} }).ok, false, vector.name)
  }
})

test('whatever replaces, inserts or removes bytes of the body is refused', () => {
  const edits = fc.record({
    index: fc.nat(),
    at: fc.nat(),
    remove: fc.nat({ max: 3 }),
    insert: fc.uint8Array({ maxLength: 3 }),
  })
  fc.assert(
    fc.property(edits, ({ index, at, remove, insert }) => {
      const { vector, delivery, verify } = cases[index % cases.length] as SignatureCase
      const start = at % delivery.rawBody.length
      const rawBody = Buffer.concat([
        delivery.rawBody.subarray(0, start),
        insert,
        delivery.rawBody.subarray(start + remove),
      ])
      fc.pre(!rawBody.equals(delivery.rawBody))
      fc.pre(
        !vector.algorithm.startsWith('twilio') ||
          formMeaning(rawBody) !== formMeaning(delivery.rawBody),
      )
      return !verify({ ...delivery, rawBody }).ok
    }),
    { numRuns: 500 },
  )
})

test('another secret never verifies', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 60 }), (secret) => {
      for (const { vector, delivery } of cases) {
        if (!vector.secret || secret === vector.secret) continue
        assert.is(verifierOf({ ...vector, secret })(delivery).ok, false)
      }
    }),
  )
})

test('any Ed25519 and RSA pair of keys verifies its own signatures only', () => {
  const body = Buffer.from('{"a":1}')
  const one = generateKeyPairSync('ed25519')
  const two = generateKeyPairSync('ed25519')
  const pem = (key: typeof one.publicKey) => key.export({ type: 'spki', format: 'pem' }).toString()
  const signature = sign(null, body, one.privateKey).toString('base64')
  assert.ok(isSignedBy(pem(one.publicKey), body, signature))
  const spki = one.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  assert.ok(isSignedBy(spki, body, signature), 'a key as base64 of its SPKI form')
  assert.not(isSignedBy(pem(two.publicKey), body, signature))
  assert.not(isSignedBy('no key', body, signature))
  assert.not(isSignedBy(pem(one.publicKey), body, ` ${signature}`))
})

test('isAnyOf takes exactly the secrets, never an empty one', () => {
  assert.ok(isAnyOf('b', ['a', 'b']))
  assert.ok(isAnyOf('geheim', 'geheim'))
  assert.not(isAnyOf('c', ['a', 'b']))
  assert.not(isAnyOf('ab', ['a', 'b']))
  assert.not(isAnyOf(undefined, 'a'))
  assert.not(isAnyOf('', ''))
  assert.not(isAnyOf('', []))
})

test('secret lists hold one to three texts that are not empty', () => {
  assert.ok(secretsSchema.safeParse(['a', 'b', 'c']).success)
  assert.ok(secretOrSecretsSchema.safeParse('a').success)
  for (const wrong of [[], ['a', 'b', 'c', 'd'], [''], 'a', [1], null, ['x'.repeat(501)]]) {
    assert.not(secretsSchema.safeParse(wrong).success, JSON.stringify(wrong))
  }
  for (const wrong of ['', [], 1, null, {}]) {
    assert.not(secretOrSecretsSchema.safeParse(wrong).success, JSON.stringify(wrong))
  }
})

test('a public key must be of the right kind', () => {
  const keyOf = (algorithm: string) => signatureVectors(algorithm)[0]?.publicKeyPem ?? ''
  assert.ok(publicKeySchema('ed25519').safeParse(keyOf('ghl-ed25519')).success)
  assert.ok(publicKeySchema('rsa').safeParse(keyOf('ghl-rsa')).success)
  assert.not(publicKeySchema('rsa').safeParse(keyOf('ghl-ed25519')).success)
  assert.not(publicKeySchema('ed25519').safeParse('AAAA').success)
  assert.not(publicKeySchema('ed25519').safeParse('').success)
  const published = 'MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg='
  assert.ok(publicKeySchema('ed25519').safeParse(published).success)
})

test.run()
