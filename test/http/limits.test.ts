/** What a stranger may take: attempts with wrong credentials, sizes, and time, over real sockets. */
import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { FEED_PROTOCOL } from '../../src/domain/feed-protocol.ts'
import { makeToken } from '../../src/domain/tokens.ts'
import {
  type ConnectionDirectory,
  connectionDirectory,
} from '../../src/http/connection-directory.ts'
import type { ServerDeps } from '../../src/http/server.ts'
import { openLog } from '../../src/log.ts'
import { PUBLIC_URL, type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { suite } from '../support/suite.ts'

const test = suite('limits for strangers')
const ATTEMPTS_MAX = 5
const lines: string[] = []
let api: TestApi
let url: string
let goodToken: string
let goodPath: string

/** The whole server with the real look-up of webhook tokens; what would be stored is not the matter here. */
async function openServer(limits: ServerDeps['limits'], beside?: TestApi): Promise<TestApi> {
  const write = (line: string) => void lines.push(line)
  let directory: ConnectionDirectory
  const deps: Partial<ServerDeps> = {
    log: openLog({ level: 'debug', pretty: false, destination: { write } }),
    trustedProxies: ['127.0.0.0/8'],
    limits: { failedAttemptsMax: ATTEMPTS_MAX, ...limits },
    webhooks: {
      connections: { find: (channel, token) => directory.find(channel, token), forget() {} },
      intake: {
        isFull: () => false,
        accept: async () => ({ status: 'accepted', messageId: 'm-1' }),
      },
      isOpen: () => true,
      publicUrl: () => PUBLIC_URL,
      now: () => new Date(),
    },
  }
  const made = await testApi(deps, beside)
  directory = connectionDirectory(made.database, () => null)
  return made
}

async function open(of: TestApi) {
  const url = await of.app.listen({ port: 0, host: '127.0.0.1' })
  const { tokens, connections } = await testWorkspace(of, 'Northpeak')
  const webhook = connections.find(({ channel }) => channel === 'sms')?.token
  return { url, tokens, webhookPath: `/webhooks/sms/${webhook}` }
}

test.before(async () => {
  api = await openServer({})
  const opened = await open(api)
  url = opened.url
  goodToken = opened.tokens.viewer
  goodPath = opened.webhookPath
})
test.after(() => api.close())

let addresses = 0
/** An address that nobody has used yet, as the trusted proxy in front of the service names it. */
const newAddress = () => `198.51.100.${++addresses}`
const from = (address: string, headers: Record<string, string> = {}) => ({
  'x-forwarded-for': address,
  ...headers,
})
const read = (address: string, token: string) =>
  fetch(`${url}/api/v1/status`, { headers: from(address, { authorization: `Bearer ${token}` }) })
const deliver = (address: string, path: string) =>
  fetch(`${url}${path}`, { method: 'POST', headers: from(address), body: '{}' })
const wrongPath = () => `/webhooks/sms/${makeToken().token}`

test('an address that keeps trying API tokens gets 429, and is named once in the log', async () => {
  const address = newAddress()
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    assert.is((await read(address, makeToken().token)).status, 401, `attempt ${attempt}`)
  }
  const answer = await read(address, makeToken().token)
  assert.is(answer.status, 429)
  assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  assert.match(answer.headers.get('content-type') ?? '', 'application/problem+json')
  await read(address, makeToken().token)
  assert.is(lines.filter((line) => line.includes(address)).length, 1)
  assert.is((await read(newAddress(), makeToken().token)).status, 401, 'others are not concerned')
})

test('webhook URLs, callback URLs and feed tickets count together with API tokens', async () => {
  const address = newAddress()
  const statuses = [
    (await deliver(address, wrongPath())).status,
    (await deliver(address, '/webhooks/clay/nothing')).status,
    (await read(address, makeToken().token)).status,
    await upgrade(address, makeToken().token),
    (await deliver(address, '/webhooks/no-channel/x')).status,
  ]
  assert.equal(statuses, [401, 401, 401, 401, 401])
  assert.is((await deliver(address, wrongPath())).status, 429)
  assert.is(await upgrade(address, makeToken().token), 429)
})

function upgrade(address: string, ticket: string): Promise<number> {
  const socket = new WebSocket(
    `${url.replace('http', 'ws')}/api/v1/feed/ws`,
    [FEED_PROTOCOL, `ticket.${ticket}`],
    { headers: from(address) },
  )
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('unexpected-response', (request, { statusCode }) => {
      request.destroy()
      resolve(statusCode ?? 0)
    })
  })
}

test('a burst with a good token is never limited, whoever tries from the same address', async () => {
  const address = newAddress()
  for (let attempt = 0; attempt <= ATTEMPTS_MAX; attempt += 1) await deliver(address, wrongPath())
  assert.is((await deliver(address, wrongPath())).status, 429)
  const burst = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      n % 2 ? deliver(address, goodPath) : read(address, goodToken),
    ),
  )
  assert.equal([...new Set(burst.map(({ status }) => status))], [200])
})

test('who brings no credential tries nothing', async () => {
  const address = newAddress()
  for (let attempt = 0; attempt <= ATTEMPTS_MAX * 2; attempt += 1) {
    const answer = await fetch(`${url}/api/v1/status`, { headers: from(address) })
    assert.is(answer.status, 401)
  }
})

test('all addresses of one IPv6 network are one sender', async () => {
  for (let n = 0; n < ATTEMPTS_MAX; n += 1) await deliver(`2001:db8:1:2::${n}`, wrongPath())
  assert.is((await deliver('2001:db8:1:2:ffff::1', wrongPath())).status, 429)
  assert.is((await deliver('2001:db8:1:3::1', wrongPath())).status, 401)
})

test('only a trusted proxy says who is asking', async () => {
  const untrusting = await testApi({ limits: { failedAttemptsMax: 1 } }, api)
  const ask = () =>
    untrusting.call('GET', '/api/v1/status', {
      token: makeToken().token,
      headers: from(newAddress()),
    })
  assert.is((await ask()).status, 401)
  assert.is((await ask()).status, 429, 'another X-Forwarded-For is still the same peer')
  await untrusting.close()
})

test('headers beyond 16 KiB are refused with a problem', async () => {
  const answer = await raw(
    `GET /health/live HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`,
  )
  assert.match(answer, /^HTTP\/1\.1 431 /)
  assert.match(answer, 'urn:leadpulse:problem:headers-too-large')
})

test('what is no HTTP is refused with a problem', async () => {
  const answer = await raw('HELLO\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 400 /)
  assert.match(answer, 'urn:leadpulse:problem:bad-request')
})

test('a connection that sends nothing, half a header or half a body is closed', async () => {
  const limits = { headersTimeoutMs: 300, requestTimeoutMs: 600, checkEveryMs: 50 }
  const hurried = await openServer(limits, api)
  const { url: at, tokens, webhookPath } = await open(hurried)
  const put = [
    'PUT /api/v1/settings HTTP/1.1',
    `authorization: Bearer ${tokens.admin}`,
    'content-type: application/json',
  ].join('\r\n')
  const half = 'host: x\r\ncontent-length: 100\r\n\r\n{"half":'
  const slow = {
    nothing: '',
    'half a header': 'GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: 1',
    'half a webhook': `POST ${webhookPath} HTTP/1.1\r\n${half}`,
    'half a body': `${put}\r\n${half}`,
  }
  lines.length = 0
  // Resolves only when the server has closed: the client never does.
  const answers = await Promise.all(
    Object.values(slow).map((text) => raw(text, { to: at, drip: text !== '' })),
  )
  for (const [n, name] of Object.keys(slow).entries()) {
    assert.match(answers[n] ?? '', /^HTTP\/1\.1 408 /, name)
  }
  assert.equal(lines.filter(isError), [], 'a slow sender is no failure of ours')
  await hurried.close()
})

test('a sender that goes away in the middle of a body is no failure of ours', async () => {
  lines.length = 0
  const { server } = api.app
  const gone = new Promise((resolve) => {
    server.once('request', (request) => {
      request.socket.once('close', resolve)
      socket.destroy()
    })
  })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(`POST ${goodPath} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"half":`)
  await gone
  assert.is((await fetch(`${url}/health/live`)).status, 200)
  assert.equal(lines.filter(isError), [])
})

const isError = (line: string) => Number(JSON.parse(line).level) >= 50

/** Sends bytes and collects the answer until the server closes; `drip`: goes on with a byte now and then. */
function raw(text: string, { to = url, drip = false } = {}): Promise<string> {
  const socket = connect(Number(new URL(to).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    answer += chunk
  })
  if (text) socket.write(text)
  const drops = drip ? setInterval(() => socket.write('x'), 50) : undefined
  return new Promise((resolve) => {
    // Writing to what was closed is an error here; the answer has come by then.
    socket.on('error', () => {})
    socket.once('close', () => {
      clearInterval(drops)
      resolve(answer)
    })
  })
}

test.run()
