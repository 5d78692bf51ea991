/**
 * Backup and restore as a person does them: the embedded database by our commands, PostgreSQL by
 * pg_dump and pg_restore where they are installed for this server. After either, clients of the feed
 * are told to start over and everything that was backed up is there.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import * as assert from 'uvu/assert'
import { command } from '../support/command.ts'
import { storage, type TestStorage, testStorage } from '../support/database.ts'
import { type Service, startService } from '../support/service.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('backup and restore', 600_000)
let place: TestStorage
let home: string
let env: Record<string, string>
test.before(async () => {
  place = await testStorage()
  home = mkdtempSync(join(tmpdir(), 'leadpulse-backup-'))
  env = {
    DATA_DIR: place.dataDir,
    SCORING_QUIET_MS: '0',
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
  }
})
test.after(async () => {
  await place.remove()
  rmSync(home, { recursive: true, force: true })
})

interface Feed {
  type: string
  epoch: string
  to?: number
  reason?: string
}
const feed = (service: Service, query = '') =>
  service.api<Feed>('GET', `/api/v1/feed?limit=50${query}`)
const leads = async (service: Service) =>
  (await service.api<{ items: { overallScore: number | null }[] }>('GET', '/api/v1/leads')).items

async function scoreOne(service: Service, webhook: string, email: string, count: number) {
  const body = JSON.stringify({ externalId: email, body: 'What does it cost?', lead: { email } })
  const send = () => fetch(webhook, { method: 'POST', body })
  await until(send, ({ status }) => status === 200, 60_000)
  const scored = (rows: { overallScore: number | null }[]) =>
    rows.length === count && rows.every(({ overallScore }) => overallScore !== null)
  await until(() => leads(service), scored, 60_000)
}

/** Backs up with one lead, goes on to two, restores `by`, and looks at the feed from both. */
async function roundTrip(by: { backUp(): Promise<void>; restore(): Promise<void> }): Promise<void> {
  const first = await startService(env)
  const webhook = first.webhooks.email ?? ''
  await scoreOne(first, webhook, 'one@harlow.example', 1)
  await first.end('SIGTERM')
  await by.backUp()

  const second = await startService(env, first.adminToken)
  const path = new URL(webhook).pathname
  await scoreOne(second, second.url + path, 'two@harlow.example', 2)
  const before = await feed(second)
  await second.end('SIGTERM')
  await by.restore()

  const third = await startService(env, first.adminToken)
  assert.is((await leads(third)).length, 1, 'as it was backed up')
  const position = `&sinceSeq=${before.to}&epoch=${before.epoch}`
  assert.is((await feed(third, position)).type, 'reset')
  assert.is.not((await feed(third)).epoch, before.epoch)
  // It goes on from there, with the webhook URLs that it had.
  await scoreOne(third, third.url + path, 'three@harlow.example', 2)
  await third.end('SIGTERM')
}

if (storage === 'pglite') {
  test('the embedded database: leadpulse backup, leadpulse restore', async () => {
    const file = join(home, 'leadpulse.tar.gz')
    await roundTrip({
      async backUp() {
        const { code, err } = await command(['backup', file], env)
        assert.is(code, 0, err)
        assert.is(statSync(file).mode & 0o777, 0o600)
        assert.not.ok(existsSync(`${file}.part`))
      },
      async restore() {
        const { code, out, err } = await command(['restore', file, '--json'], env)
        assert.is(code, 0, err)
        const { workspaces, kept } = JSON.parse(out)
        assert.is(workspaces, 1)
        assert.ok(existsSync(kept), 'what was there before is kept')
      },
    })
    writeFileSync(file, 'no backup')
    const wrong = await command(['restore', file], env)
    assert.is(wrong.code, 1)
    assert.match(wrong.err, 'not a backup of Leadpulse')
    assert.is((await command(['restore'], env)).code, 1)
  })
} else {
  test('PostgreSQL: pg_dump, pg_restore, leadpulse restore', async () => {
    if (!(await fits('pg_dump'))) return
    const file = join(home, 'leadpulse.dump')
    const url = place.databaseUrl ?? ''
    await roundTrip({
      backUp: async () => run('pg_dump', ['--format=custom', `--file=${file}`, url]),
      async restore() {
        const { pathname } = new URL(url)
        const server = Object.assign(new URL(url), { pathname: '/postgres' }).href
        await ask(server, `drop database ${pathname.slice(1)} with (force)`)
        await ask(server, `create database ${pathname.slice(1)}`)
        run('pg_restore', ['--no-owner', '--single-transaction', `--dbname=${url}`, file])
        const { code, out, err } = await command(['restore'], env)
        assert.is(code, 0, err)
        assert.match(out, 'of 1 workspaces have a new epoch')
      },
    })
  })

  test('the epoch of a PostgreSQL, and no file for it', async () => {
    const url = place.databaseUrl ?? ''
    const epoch = () => ask(url, 'select feed_epoch::text from workspace')
    if ((await epoch()).length === 0) await (await startService(env)).end('SIGTERM')
    const before = await epoch()
    assert.is((await command(['restore'], env)).code, 0)
    assert.is.not(String(await epoch()), String(before))
    const wrong = await command(['restore', 'a-file'], env)
    assert.is(wrong.code, 1)
    assert.match(wrong.err, 'pg_restore')
    assert.match((await command(['backup', 'a-file'], env)).err, 'pg_dump')
  })
}

function run(program: string, args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  assert.is(status, 0, stderr)
}

/** pg_dump refuses a server that is newer than itself. */
async function fits(program: string): Promise<boolean> {
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  if (error) return false
  const [[server]] = (await ask(place.databaseUrl ?? '', 'show server_version_num')) as [[string]]
  return Number(/(\d+)/.exec(stdout)?.[1]) >= Math.floor(Number(server) / 10_000)
}

async function ask(url: string, text: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query({ text, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

test.run()
