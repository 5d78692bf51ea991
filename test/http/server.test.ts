import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openLog } from '../../src/log.ts'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { suite } from '../support/suite.ts'

const server = suite('server')
let api: TestApi
const lines: string[] = []
let workspace: Awaited<ReturnType<typeof testWorkspace>>

server.before(async () => {
  const destination = { write: (line: string) => void lines.push(line) }
  api = await testApi({ log: openLog({ level: 'debug', pretty: false, destination }) })
  workspace = await testWorkspace(api, 'First')
})
server.after(() => api.close())

const json = { 'content-type': 'application/json' }
const put = (body: unknown, headers: Record<string, string> = json) =>
  api.call('PUT', '/api/v1/settings', { body, headers })

server('what is not there is a problem, too', async () => {
  for (const url of ['/nope', '/api/v1/nope', '/webhooks', '/api/v1/leads/x/y/z']) {
    const { status, headers, body } = await api.call('GET', url)
    assert.is(status, 404, url)
    assert.is(headers['content-type'], 'application/problem+json; charset=utf-8')
    assert.is(body.type, 'urn:leadpulse:problem:not-found')
    assert.is(body.status, 404)
  }
  assert.is((await api.call('PATCH', '/api/v1/settings')).status, 404)
})

server('a URL that cannot be decoded is a bad request', async () => {
  const { status, body } = await api.call('GET', '/api/v1/leads/%zz')
  assert.is(status, 400)
  assert.is(body.type, 'urn:leadpulse:problem:bad-request')
})

server('a body that is no JSON is told so', async () => {
  for (const text of ['{', '{"a":1,}', 'companyName=x', '\u0000']) {
    const { status, body } = await put(text)
    assert.is(status, 400, text)
    assert.is(body.type, 'urn:leadpulse:problem:unreadable-body')
    assert.is(body.errors[0].field, 'body')
  }
})

server('a body that reaches for prototypes is refused', async () => {
  for (const text of ['{"__proto__":{"x":1}}', '{"constructor":{"prototype":{"x":1}}}']) {
    assert.is((await put(text)).status, 400, text)
  }
})

server('a body of another type is refused as such', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
    const { status, body } = await put('x', { 'content-type': type })
    assert.is(status, 415, type)
    assert.is(body.type, 'urn:leadpulse:problem:unsupported-media-type')
  }
})

server('a body beyond 256 KiB is refused', async () => {
  const { status, body } = await put({ companyName: 'x'.repeat(256 * 1024) })
  assert.is(status, 413)
  assert.is(body.type, 'urn:leadpulse:problem:payload-too-large')
})

server('what fails inside is said to the log and not to the client', async () => {
  const broken = await testApi({
    health: async () => ({ ready: true, checks: {} }),
    log: openLog({
      level: 'info',
      pretty: false,
      destination: { write: (line: string) => void lines.push(line) },
    }),
  })
  await broken.database.query('alter table workspace_settings rename to gone')
  const { status, body, text } = await broken.call('GET', '/api/v1/settings')
  await broken.close()
  assert.is(status, 500)
  assert.equal(Object.keys(body).sort(), ['requestId', 'status', 'title', 'type'])
  assert.not.match(text, /workspace_settings|select|relation/i)
  const logged = lines.find((line) => line.includes(body.requestId) && line.includes('"err"'))
  assert.match(logged ?? '', 'workspace_settings')
  assert.match(logged ?? '', '"code":"42P01"')
})

server('a database that is away is unavailable, not failed', async () => {
  const away = await testApi()
  const failing = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  const withoutStore = await testApi({
    store: {
      ...away.database,
      query: async () => {
        throw new Error('driver', { cause: failing })
      },
    },
  })
  const { status, headers, body } = await withoutStore.call('GET', '/api/v1/leads')
  await withoutStore.close()
  await away.close()
  assert.is(status, 503)
  assert.is(headers['retry-after'], '5')
  assert.is(body.type, 'urn:leadpulse:problem:unavailable')
})

server('requests are logged by route, so that no webhook token reaches the log', async () => {
  lines.length = 0
  const secret = 'lp_canary-canary-canary-canary-canary-canary-12'
  await api.call('POST', `/webhooks/email/${secret}`, { token: null, body: {} })
  await api.call('GET', `/nowhere/${secret}`, { token: secret })
  await api.call('GET', `/api/v1/leads?q=canary`, { token: workspace.tokens.viewer })
  const log = lines.join('')
  assert.not.match(log, 'canary')
  assert.match(log, '"channel":"unknown","outcome":"unauthorized","messageId":null')
  const leads = lines.find((line) => line.includes('"/api/v1/leads"')) ?? '{}'
  assert.is(JSON.parse(leads).level, 20, 'what people only look at is logged at debug')
  assert.is(JSON.parse(leads).status, 200)
})

server(
  'pages may load nothing from elsewhere, run nothing inline, be framed by nobody',
  async () => {
    const { headers } = await api.call('GET', '/', { token: null })
    const policy = String(headers['content-security-policy'])
    assert.match(policy, `default-src 'none';script-src 'self';style-src 'self';`)
    assert.match(policy, `connect-src 'self' wss://scores.example.com`)
    assert.match(policy, `frame-ancestors 'none'`)
    assert.not.match(policy, 'unsafe')
    assert.is(headers['x-content-type-options'], 'nosniff')
    assert.match(String(headers['strict-transport-security']), 'max-age=31536000')
  },
)

server('the documentation runs our own scripts only', async () => {
  const page = await api.call('GET', '/docs', { token: null })
  assert.is(page.status, 200)
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, `script-src 'self';`)
  const scripts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path)
  assert.ok(scripts.length >= 4)
  for (const path of scripts as string[]) {
    const file = await api.call('GET', new URL(path, 'http://x/docs').pathname, { token: null })
    assert.is(file.status, 200, path)
  }
  assert.not.match(page.text, /<script>/)
})

server('without a build the start page says how to make one', async () => {
  const { status, text, headers } = await api.call('GET', '/', { token: null })
  assert.is(status, 200)
  assert.match(text, 'npm run build')
  assert.is(headers['cache-control'], 'no-store')
})

server('a built dashboard is served, its hashed files for ever', async () => {
  const webDist = mkdtempSync(join(tmpdir(), 'leadpulse-web-'))
  mkdirSync(join(webDist, 'assets'))
  writeFileSync(join(webDist, 'index.html'), '<!doctype html><title>Built</title>')
  writeFileSync(join(webDist, 'assets', 'app-1a2b.js'), 'export {}')
  const built = await testApi({ webDist })
  const page = await built.call('GET', '/', { token: null })
  const script = await built.call('GET', '/assets/app-1a2b.js', { token: null })
  const missing = await built.call('GET', '/assets/app-old.js', { token: null })
  const outside = await built.call('GET', '/assets/..%2f..%2fpackage.json', { token: null })
  await built.close()
  rmSync(webDist, { recursive: true })
  assert.match(page.text, 'Built')
  assert.is(page.headers['cache-control'], 'no-cache')
  assert.match(String(page.headers['content-security-policy']), `default-src 'none'`)
  assert.match(String(script.headers['cache-control']), 'immutable')
  assert.is(missing.status, 404)
  assert.is(outside.status, 404)
})

server('alive depends on nothing, ready on the report', async () => {
  assert.equal((await api.call('GET', '/health/live', { token: null })).body, { status: 'ok' })
  const ready = await api.call('GET', '/health/ready', { token: null })
  assert.is(ready.status, 200)
  assert.equal(ready.body, { status: 'ready', checks: { database: { ok: true } } })
  api.answers.health = async () => ({
    ready: false,
    checks: { database: { ok: false, details: { waiting: 3 } } },
  })
  const not = await api.call('GET', '/health/ready', { token: null })
  assert.is(not.status, 503)
  assert.equal(not.body, {
    status: 'not_ready',
    checks: { database: { ok: false, details: { waiting: 3 } } },
  })
})

server('a health report that fails or hangs is not ready', async () => {
  api.answers.health = async () => {
    throw new Error('no database at postgres://user:secret@host')
  }
  const failed = await api.call('GET', '/health/ready', { token: null })
  assert.is(failed.status, 503)
  assert.not.match(failed.text, 'secret')
  api.answers.health = () => new Promise(() => {})
  const hung = await api.call('GET', '/health/ready', { token: null })
  assert.is(hung.status, 503)
})

server('the API says what scores', async () => {
  const { body } = await api.call('GET', '/api/v1/status', { token: workspace.tokens.viewer })
  assert.equal(body, {
    scorer: 'rules-v1',
    rulesOnly: true,
    version: '1.2.3',
    role: 'viewer',
    model: null,
  })
  const model = await testApi({ scorer: { name: 'gpt-5-nano', rulesOnly: false } })
  const answer = await model.call('GET', '/api/v1/status')
  await model.close()
  assert.equal(answer.body, {
    scorer: 'gpt-5-nano',
    rulesOnly: false,
    version: '1.2.3',
    role: 'admin',
    model: null,
  })
})

server.run()
