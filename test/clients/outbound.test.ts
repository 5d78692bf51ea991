import * as assert from 'uvu/assert'
import { outbound } from '../../src/clients/outbound.ts'
import { type FakeProvider, fakeProvider, json } from '../support/fake-provider.ts'
import { suite } from '../support/suite.ts'

const test = suite('outbound calls')
let server: FakeProvider
test.before(async () => {
  server = await fakeProvider()
})
test.after(() => server.close())

const never = new AbortController().signal
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (error: Error) => `${error.name}: ${error.message}`,
  )

test('a private address is refused, as a literal and behind a name', async () => {
  server.answers(json({ secret: 'of the inside' }))
  const guarded = outbound({ timeoutMs: 10_000 })
  const named = server.url.replace('127.0.0.1', 'localhost')
  for (const url of [server.url, named]) {
    assert.match(
      await failureOf(guarded.json({ url: new URL(url) }, never)),
      /^OutsideError: \S+ is not a public address$/,
    )
  }
  assert.is(server.calls.length, 0)
})

test('a body is sent as JSON and any 2xx is enough for a post', async () => {
  server.answers((response) => response.writeHead(202).end('queued'))
  const open = outbound({ timeoutMs: 10_000, allowsPrivate: true })
  await open.post({ url: new URL(`${server.url}/hook`), body: { name: 'Dana Ä' } }, never)
  const [call] = server.calls
  assert.equal(
    [call?.method, call?.headers['content-type'], call?.body],
    ['POST', 'application/json', '{"name":"Dana Ä"}'],
  )
})

test.run()
