/**
 * `deploy/nginx.conf` in a real nginx in front of the real service: API, webhooks with their bodies,
 * feed over WebSocket and server-sent events, drain. Skipped where no nginx is installed; NGINX names
 * one that is not on the path.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { FEED_PROTOCOL } from '../src/domain/feed-protocol.ts'
import { type TestStorage, testStorage } from './support/database.ts'
import { type Service, startService } from './support/service.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

const nginx = process.env.NGINX ?? 'nginx'
const isThere = spawnSync(nginx, ['-v']).error === undefined
const test = suite('nginx in front', 120_000)
let place: TestStorage
let service: Service
let proxy: ChildProcess
let home: string
let url: string

test.before(async () => {
  if (!isThere) return
  place = await testStorage()
  service = await startService({
    DATA_DIR: place.dataDir,
    SCORING_QUIET_MS: '0',
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
  })
  home = mkdtempSync(join(tmpdir(), 'leadpulse-nginx-'))
  mkdirSync(join(home, 'temp'))
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  writeFileSync(join(home, 'nginx.conf'), configuration(port))
  const args = ['-p', home, '-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log')]
  proxy = spawn(nginx, [...args, '-g', 'daemon off;'], { stdio: 'ignore' })
  await until(
    () =>
      fetch(`${url}/health/live`).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 200,
    30_000,
  )
})
test.after(async () => {
  if (!isThere) return
  const ended = new Promise((resolve) => proxy.once('close', resolve))
  proxy.kill('SIGTERM')
  await ended
  await service.end('SIGTERM')
  await place.remove()
  rmSync(home, { recursive: true, force: true })
})

/** The file as it is, but for the ports, in the least that nginx needs around it. */
function configuration(port: number): string {
  const ours = readFileSync(join(import.meta.dirname, '../deploy/nginx.conf'), 'utf8')
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('server 127.0.0.1:3000 ', `server ${new URL(service.url).host} `)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(home, 'temp', name)};`,
  )
  return `pid ${join(home, 'nginx.pid')};
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events {}
    http { access_log ${join(home, 'access.log')}; ${temporary.join(' ')}
    ${ours} }`
}

if (isThere) {
  const headers = () => ({ authorization: `Bearer ${service.adminToken}` })

  test('webhooks come through, large mail too, and their URLs stay out of the log', async () => {
    const path = new URL(service.webhooks.email ?? '').pathname
    const post = (body: string) => fetch(`${url}${path}`, { method: 'POST', body })
    const reply = { externalId: 'm1', body: 'Hi', lead: { email: 'dana@harlow.example' } }
    assert.is((await post(JSON.stringify(reply))).status, 200)
    // Above nginx's own megabyte; the service answers, by its own rules.
    const large = await post(JSON.stringify({ ...reply, filler: 'x'.repeat(2_000_000) }))
    assert.not.match(String(large.headers.get('server')), 'no answer of ours')
    assert.match(await large.text(), /status|urn:leadpulse/)
    assert.not.match(readFileSync(join(home, 'access.log'), 'utf8'), path)
  })

  test('a feed stays open over WebSocket and hears of a score at once', async () => {
    const address = `${url.replace('http', 'ws')}/api/v1/feed/ws`
    const socket = new WebSocket(address, FEED_PROTOCOL, { headers: headers() })
    const frames: { type: string }[] = []
    socket.on('message', (data) => frames.push(JSON.parse(String(data))))
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    assert.is(socket.protocol, FEED_PROTOCOL)
    socket.send(JSON.stringify({ type: 'subscribe' }))
    await until(
      async () => frames.map(({ type }) => type),
      (types) => types.includes('hello'),
    )
    const path = new URL(service.webhooks.sms ?? '').pathname
    const reply = { externalId: 's1', body: 'What does it cost?', lead: { phone: '+14155550123' } }
    await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(reply) })
    await until(
      async () => frames.map(({ type }) => type),
      (types) => types.includes('scores'),
      60_000,
    )
    socket.close()
  })

  test('server-sent events are not held back, and a drain may take its time', async () => {
    const stream = await fetch(`${url}/api/v1/feed/sse`, { headers: headers() })
    assert.is(stream.status, 200)
    const reader = stream.body?.getReader()
    const first = await reader?.read()
    assert.ok(first?.value && first.value.length > 0)
    await reader?.cancel()
    const path = '/api/v1/jobs/drain?budgetMs=20000'
    const drained = await fetch(`${url}${path}`, { method: 'POST', headers: headers() })
    assert.is(drained.status, 200)
    assert.is((await drained.json()).remaining, 0)
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

if (!isThere) {
  test('no nginx is installed: only its syntax is looked at, in deploy.test.ts', () => {
    assert.not.ok(isThere)
  })
}

test.run()
