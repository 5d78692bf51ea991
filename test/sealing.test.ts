import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { openSealing, SealError } from '../src/sealing.ts'
import { suite } from './support/suite.ts'

const sealing = suite('sealing')
const box = openSealing(randomBytes(32))
const secret = { authTokens: ['zażółć-token'] }
const refused = (error: Error) => error instanceof SealError

sealing('opens what it sealed', () => {
  assert.equal(box.open(box.seal(secret, 'c-1'), 'c-1'), secret)
})

sealing('never seals the same way twice and shows nothing of the secret', () => {
  const first = box.seal(secret, 'c-1')
  assert.is.not(first, box.seal(secret, 'c-1'))
  assert.match(first, /^v1(\.[\w-]+){3}$/)
  assert.not.match(first, 'token')
})

sealing('does not open for another connection', () => {
  const sealed = box.seal(secret, 'c-1')
  assert.throws(() => box.open(sealed, 'c-2'), refused)
})

sealing('does not open under another key', () => {
  const sealed = box.seal(secret, 'c-1')
  assert.throws(() => openSealing(randomBytes(32)).open(sealed, 'c-1'), refused)
})

sealing('does not open what was changed, cut or made up', () => {
  const sealed = box.seal(secret, 'c-1')
  const [version, iv, tag, text] = sealed.split('.') as [string, string, string, string]
  const flipped = text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`
  for (const wrong of [
    '',
    'v1',
    `v2.${iv}.${tag}.${text}`,
    `${version}.${iv}.${tag}.${flipped}`,
    `${version}.${iv}.${tag.slice(0, 8)}.${text}`,
    `${version}.${iv}.${tag}`,
    `${sealed}.more`,
    `${version}.${iv}..${text}`,
    `${version}..${tag}.${text}`,
  ]) {
    assert.throws(() => box.open(wrong, 'c-1'), refused, wrong)
  }
})

sealing('takes a key of 32 bytes only', () => {
  assert.throws(() => openSealing(randomBytes(16)), refused)
})

sealing.run()
