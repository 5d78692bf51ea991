/** What lies in `deploy/` is held against the files, settings and limits it speaks of. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { readConfig } from '../src/config.ts'
import { suite } from './support/suite.ts'

const test = suite('deployment files')
const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
/** Seconds of an ordered stop, of which `src/shutdown.ts` knows in milliseconds. */
const stopSeconds = Number(/SHUTDOWN_MS = (\d+)_000/.exec(read('src/shutdown.ts'))?.[1])
const settings = new Set(
  [...read('src/config.ts').matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name]) => name),
)
/** Of the runtime, not ours. */
const foreign = new Set(['NODE_ENV'])
const isSetting = (name: string) => settings.has(name) || foreign.has(name)

interface ComposeService {
  build?: { context: string; dockerfile: string }
  image: string
  environment: Record<string, string>
  stop_grace_period?: string
  deploy?: { replicas: number }
  volumes?: string[]
  depends_on?: Record<string, unknown>
}
interface Compose {
  services: Record<string, ComposeService>
  volumes: Record<string, unknown>
}

function compose(env: Record<string, string>): Compose {
  const text = read('deploy/compose.yaml').replaceAll(
    /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (_all, name: string, kind: string, rest: string) => {
      const value = env[name] ?? (kind === '-' ? rest : undefined)
      if (value === undefined) throw new Error(`${name}: ${rest}`)
      return value
    },
  )
  return parse(text, { merge: true }) as Compose
}
const secrets = {
  POSTGRES_PASSWORD: 'letters123',
  ADMIN_TOKEN: 'lp_0123456789abcdef',
  SECRETS_KEY: 'ab'.repeat(32),
}

test('compose: PostgreSQL, web and two workers whose settings the service takes', () => {
  const { services, volumes } = compose(secrets)
  assert.equal(Object.keys(services), ['postgres', 'web', 'worker'])
  const { postgres, web, worker } = services as Record<
    'postgres' | 'web' | 'worker',
    ComposeService
  >
  assert.is(worker.deploy?.replicas, 2)
  for (const [role, service] of Object.entries({ web, worker })) {
    for (const name of Object.keys(service.environment)) assert.ok(isSetting(name), name)
    const config = readConfig(
      Object.fromEntries(Object.entries(service.environment).map(([k, v]) => [k, String(v)])),
    )
    assert.is(config.role, role)
    assert.is(config.openai, null)
    const url = new URL(config.databaseUrl ?? '')
    assert.is(url.hostname, 'postgres')
    assert.is(url.password, postgres.environment.POSTGRES_PASSWORD)
    assert.is(url.username, postgres.environment.POSTGRES_USER)
    assert.is(url.pathname, `/${postgres.environment.POSTGRES_DB}`)
    assert.ok(Number.parseInt(service.stop_grace_period ?? '', 10) > stopSeconds)
    assert.equal(Object.keys(service.depends_on ?? {}), ['postgres'])
    const { context = '', dockerfile = '' } = service.build ?? {}
    assert.ok(existsSync(join(root, 'deploy', context, dockerfile)))
  }
  for (const volume of postgres.volumes ?? []) assert.ok((volume.split(':')[0] ?? '') in volumes)
})

test('compose: without its secrets it does not start', () => {
  for (const name of Object.keys(secrets)) {
    assert.throws(() => compose({ ...secrets, [name]: undefined as never }), new RegExp(name))
  }
})

test('Dockerfile: what it copies, runs and sets is there, and its ignore file lets it in', () => {
  const text = read('deploy/Dockerfile')
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const letIn = read('deploy/Dockerfile.dockerignore').split('\n')
  const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files]) =>
    (files ?? '').split(' '),
  )
  assert.ok(copied.length >= 5)
  for (const file of copied) {
    assert.ok(existsSync(join(root, file)), file)
    assert.ok(letIn.includes(`!${file}`), `${file} is ignored`)
  }
  for (const [, script] of text.matchAll(/npm run (\S+)/g)) assert.ok((script ?? '') in scripts)
  const command = JSON.parse(/^CMD (.+)$/m.exec(text)?.[1] ?? '[]') as string[]
  assert.is(command[0], 'node')
  assert.ok(existsSync(join(root, command[1] ?? '')))
  const env = [...text.matchAll(/(\w+)=\S+/g)]
    .filter(([, name]) => /^[A-Z_]+$/.test(name ?? ''))
    .map(([, name]) => name ?? '')
  assert.ok(env.includes('DATA_DIR'))
  for (const name of env) assert.ok(isSetting(name), name)
})

test('systemd unit: its paths, settings and time to stop', () => {
  const unit = read('deploy/leadpulse.service')
  const value = (key: string) => new RegExp(`^${key}=(.+)$`, 'm').exec(unit)?.[1] ?? ''
  assert.ok(Number(value('TimeoutStopSec')) > stopSeconds)
  const [node = '', script = ''] = value('ExecStart').split(' ')
  assert.ok(existsSync(join(root, node.replace('/opt/leadpulse/', ''))), node)
  assert.ok(existsSync(join(root, script)), script)
  for (const pair of value('Environment').split(' ')) {
    assert.ok(isSetting(pair.split('=')[0] ?? ''), pair)
  }
  verifyUnit(unit.replace(node, process.execPath))
})

/** By systemd itself where it is installed. */
function verifyUnit(unit: string): void {
  const home = mkdtempSync(join(tmpdir(), 'leadpulse-unit-'))
  const path = join(home, 'leadpulse.service')
  writeFileSync(path, unit)
  const { error, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
  rmSync(home, { recursive: true })
  if (error) return
  assert.equal(
    stderr.split('\n').filter((line) => line.includes('leadpulse.service')),
    [],
  )
}

test('nginx: it serves feeds, webhooks and the largest body that the service takes', () => {
  const text = read('deploy/nginx.conf')
  assert.is(text.split('{').length, text.split('}').length)
  const webhooks = /location \/webhooks\/ \{[^}]+\}/.exec(text)?.[0] ?? ''
  assert.match(webhooks, 'access_log off;')
  assert.match(webhooks, 'client_max_body_size 36m;')
  assert.match(text, 'proxy_set_header Upgrade $http_upgrade;')
  const feed = /location \/api\/v1\/feed\/ \{[^}]+\}/.exec(text)?.[0] ?? ''
  assert.match(feed, 'proxy_buffering off;')
})

test.run()
