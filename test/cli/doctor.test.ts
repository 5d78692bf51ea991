/** `doctor` and `migrate`, on the database itself and on what they say of broken setups. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { openDatabase } from '../../src/database.ts'
import { createConnection } from '../../src/domain/connections.ts'
import { createWorkspace } from '../../src/domain/workspaces.ts'
import { openSealing } from '../../src/sealing.ts'
import { command } from '../support/command.ts'
import { silentLog, type TestStorage, testStorage } from '../support/database.ts'
import { fakeOpenAi } from '../support/fake-openai.ts'
import { suite } from '../support/suite.ts'

const test = suite('doctor and migrate', 300_000)
const key = 'ab'.repeat(32)
let place: TestStorage
let env: Record<string, string>

/** Back to before the newest migration, with a connection whose secret is sealed. */
test.before(async () => {
  place = await testStorage()
  const database = await openDatabase({ ...place, log: silentLog })
  const { id: workspaceId } = await database.transaction((tx) =>
    createWorkspace(tx, { name: 'Northpeak' }),
  )
  const id = uuidv7()
  await createConnection(database, {
    id,
    workspaceId,
    channel: 'sms',
    provider: 'generic',
    name: 'Signed',
    sealedSignature: openSealing(Buffer.from(key, 'hex')).seal({ secret: 'x' }, id),
  })
  await database.orm.migrator.down()
  await database.close()
  env = {
    DATA_DIR: place.dataDir,
    SECRETS_KEY: key,
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
  }
})
test.after(() => place.remove())

interface Check {
  name: string
  state: string
  says: string
  fix?: string
}
/** Without the database, which is slow to open where it is embedded. */
const elsewhere = () => ({ DATA_DIR: join(place.dataDir, 'none'), DATABASE_URL: '' })
async function doctor(more: Record<string, string> = {}) {
  const { code, out, err } = await command(['doctor', '--json'], { ...env, ...more })
  assert.ok(out, err)
  const { healthy, checks } = JSON.parse(out) as { healthy: boolean; checks: Check[] }
  assert.is(code, healthy ? 0 : 1)
  const of = (name: string) => checks.find((check) => check.name === name)
  return { healthy, of }
}

test('what is to be migrated is told, done once, and then there is nothing to do', async () => {
  assert.is((await doctor()).of('migrations')?.state, 'warning')
  const done = await command(['migrate', '--json'], env)
  assert.is(done.code, 0, done.err)
  assert.is(JSON.parse(done.out).pending.length, 1)
  assert.is((await command(['migrate', '--check'], env)).code, 0)
})

test('a healthy setup, with a model', async () => {
  const fake = await fakeOpenAi({ shutdownDates: { 'gpt-5-nano': '2099-01-01' } })
  const model = { OPENAI_API_KEY: fake.apiKey, OPENAI_BASE_URL: fake.url }
  const { healthy, of } = await doctor(model)
  assert.ok(healthy)
  for (const name of ['configuration', 'database', 'migrations', 'sealed secrets', 'model']) {
    assert.is(of(name)?.state, 'ok', of(name)?.says)
  }
  assert.match(String(of('model')?.says), 'shutdown 2099-01-01')
  assert.ok(of('clock against the provider'))
  assert.is(of('clock against the database')?.state, place.databaseUrl ? 'ok' : undefined)
  await fake.close()
})

test('what is broken is named with what to do about it', async () => {
  const fake = await fakeOpenAi({ missingModels: ['gpt-5-nano'] })
  const wrong = {
    OPENAI_API_KEY: 'sk-wrong',
    OPENAI_BASE_URL: fake.url,
    SECRETS_KEY: '00'.repeat(32),
  }
  const first = await doctor(wrong)
  assert.not.ok(first.healthy)
  assert.match(String(first.of('provider key')?.fix), 'OPENAI_API_KEY')
  assert.match(String(first.of('sealed secrets')?.says), '1 of 1 open under no key')
  const previous = { ...wrong, SECRETS_KEY_PREVIOUS: key, OPENAI_API_KEY: fake.apiKey }
  const second = await doctor(previous)
  assert.is(second.of('sealed secrets')?.state, 'warning')
  assert.is(second.of('model')?.state, 'warning', 'the successor stands in')
  await fake.close()
  assert.match(
    String((await doctor({ ...previous, ...elsewhere() })).of('provider key')?.says),
    'cannot be reached',
  )
})

test('a wrong setting, a server that is not there and an open secret are told, not thrown', async () => {
  const setting = await command(['doctor'], { ...env, PORT: 'x', ROLE: 'y' })
  assert.is(setting.code, 1)
  assert.match(setting.out, 'PORT: got "x", takes')
  assert.match(setting.out, 'ROLE: got "y", takes')
  const away = await doctor({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
  assert.match(String(away.of('database')?.says), 'ECONNREFUSED')
  assert.match(String(away.of('database')?.fix), 'DATABASE_URL')
  const home = mkdtempSync(join(tmpdir(), 'leadpulse-doctor-'))
  writeFileSync(join(home, 'admin-token'), 'x')
  chmodSync(join(home, 'admin-token'), 0o644)
  writeFileSync(join(home, 'a-file'), '')
  const open = await doctor({ DATA_DIR: home })
  assert.match(String(open.of('secrets')?.fix), 'chmod 600')
  assert.is(
    (await doctor({ DATA_DIR: join(home, 'a-file') })).of('data directory')?.state,
    'broken',
  )
  rmSync(home, { recursive: true })
})

test('the command starts under an older Node, too', () => {
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find(existsSync)
  const bin = join(import.meta.dirname, '../../bin/leadpulse.js')
  for (const node of [process.execPath, ...(old ? [old] : [])]) {
    const { status, stdout, stderr } = spawnSync(node, [bin, '--version'], { encoding: 'utf8' })
    assert.is(status, 0, stderr)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
    const wrong = spawnSync(node, [bin, 'drain', '--budget', '1'], { encoding: 'utf8' })
    assert.is(wrong.status, 1)
  }
})

test.run()
