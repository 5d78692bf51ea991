import * as assert from 'uvu/assert'
import { isPublicAddress, isPublicUrl } from '../../src/domain/public-address.ts'
import { suite } from '../support/suite.ts'

const test = suite('addresses that may be called')

test('only what the internet routes is public', () => {
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111']) {
    assert.ok(isPublicAddress(address), address)
  }
  const inner =
    '0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 192.168.1.1 224.0.0.1 255.255.255.255 ::1 :: ::ffff:127.0.0.1 ::ffff:8.8.8.8 fe80::1 fd00::1 ff02::1 64:ff9b::a00:1 2002:7f00:1:: 2001:db8::1 localhost nonsense'
  for (const address of inner.split(' ')) assert.not(isPublicAddress(address), address)
})

test('a URL is https, without credentials, and names no inner host', () => {
  for (const url of [
    'https://api.clay.com/v3/hook?x=1',
    'https://8.8.8.8/x',
    'https://api1.unipile.com:13111',
  ]) {
    assert.ok(isPublicUrl(url), url)
  }
  const refused = [
    'http://api.clay.com/',
    'https://user:pass@api.clay.com/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://metadata.google.internal/',
    'https://printer.local/',
    'https://intranet/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:a00:1]/',
    'https://169.254.169.254/latest/meta-data',
    'ftp://api.clay.com/',
    'not a url',
  ]
  for (const url of refused) assert.not(isPublicUrl(url), url)
})

test.run()
