/** Commands that ask a running service, against the real one. They do not know its database. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { command } from '../support/command.ts'
import { type Service, startService } from '../support/service.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('commands that ask a service')
const CRON_SECRET = 'a-secret-of-the-cron-job'
const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-commands-'))
let service: Service

test.before(async () => {
  service = await startService({
    DATA_DIR: dataDir,
    // Nobody but a drain works through jobs here.
    ROLE: 'web',
    CRON_SECRET,
    SCORING_QUIET_MS: '0',
  })
})
test.after(async () => {
  await service.end('SIGTERM')
  rmSync(dataDir, { recursive: true, force: true })
})

const run = (...args: string[]) =>
  command([...args, '--url', service.url], { ADMIN_TOKEN: service.adminToken })
async function json(...args: string[]) {
  const { code, out, err } = await run(...args, '--json')
  assert.is(code, 0, err)
  return JSON.parse(out)
}
async function reply(email: string, extra: Record<string, unknown> = {}): Promise<void> {
  const body = { externalId: email, body: 'What does it cost?', lead: { email }, ...extra }
  const send = () =>
    fetch(service.webhooks.email ?? '', { method: 'POST', body: JSON.stringify(body) })
  await until(send, ({ status }) => status === 200, 60_000)
}

test('drain, with CRON_SECRET, and the jobs before and after', async () => {
  await reply('dana@harlow.example')
  await reply('sam@harlow.example')
  assert.is((await json('jobs', 'list', '--state', 'waiting')).length, 2)
  const env = { CRON_SECRET }
  const args = ['drain', '--budget', '60000', '--all', '--url', service.url]
  const { code, out, err } = await command(args, env)
  assert.is(code, 0, err)
  assert.match(out, 'remaining')
  const { counts } = await json('jobs', 'stats')
  const completed = counts.filter(({ state }: { state: string }) => state === 'completed')
  assert.is(
    completed.reduce((sum: number, { count }: { count: number }) => sum + count, 0),
    4,
  )
  assert.equal(await json('jobs', 'redrive'), { jobs: 0, leads: 0 })
  const again = await json('drain', '--budget', '5000')
  const { tookMs: _, ...call } = again.calls[0]
  assert.equal(call, { processed: 0, failed: 0, remaining: 0 })
  const unknown = await run('jobs', 'retry', '019b0000-0000-7000-8000-000000000001')
  assert.is(unknown.code, 1)
  assert.match(unknown.err, 'answered 404: there is no such thing here')
})

test('a token is made, listed without its secret, used and revoked', async () => {
  const made = await json('tokens', 'create', '--name', 'BI', '--role', 'viewer')
  const listed = await run('tokens', 'list')
  assert.match(listed.out, made.id)
  assert.not.match(listed.out, made.token)
  const args = ['jobs', 'stats', '--url', service.url, '--token', made.token]
  assert.is((await command(args)).code, 0)
  assert.equal(await json('tokens', 'revoke', made.id), { id: made.id, revoked: true })
  const refused = await command(args)
  assert.is(refused.code, 1)
  assert.match(refused.err, '--token: refused')
})

test('erase says who it would be, and does it with --yes', async () => {
  await reply('gone@harlow.example', {
    lead: { email: 'gone@harlow.example', phone: '+14155550123', firstName: 'Dana' },
  })
  const dry = await run('erase', 'GONE@harlow.example')
  assert.is(dry.code, 0, dry.err)
  assert.match(dry.out, 'Would erase Dana')
  assert.match(dry.out, 'dry run')
  const { leadId } = await json('erase', '+1 415 555 0123')
  assert.is((await json('erase', leadId, '--yes')).erased, true)
  const gone = await run('erase', leadId)
  assert.is(gone.code, 1)
  const other = await run('erase', 'one@harlow.example')
  assert.match(other.err, 'no lead of this workspace has it')
  assert.match((await run('erase', 'nobody')).err, 'takes the id of a lead')
})

test('replay lists what was rejected and sends it through again', async () => {
  const { webhookUrl } = await service.api<{ webhookUrl: string }>('POST', '/api/v1/connections', {
    channel: 'smartlead',
    provider: 'smartlead',
    name: 'Outbound',
  })
  const body = JSON.stringify({ event_type: 'EMAIL_REPLY' })
  const answer = await fetch(webhookUrl, { method: 'POST', body })
  assert.is((await answer.json()).status, 'rejected')
  const [rejected] = await json('replay')
  assert.is(rejected.channel, 'smartlead')
  const again = await run('replay', '--all')
  assert.is(again.code, 1, 'it was rejected again')
  assert.match(again.out, rejected.id)
  assert.match(again.err, 'replayed 1/1')
})

test('a mistake is one line, and the exit code is 1', async () => {
  const mistakes: [string[], RegExp][] = [
    [['drain', '--budget', '3'], /takes a whole number from 1000 to 240000/],
    [['jobs', 'list', '--state', 'lost'], /Allowed choices are waiting/],
    [['jobs', 'list', '--limit', '0'], /limit: /],
    [['tokens', 'create', '--name', 'x'], /--role/],
    [['replay', 'x', '--all'], /--all: takes no ids/],
  ]
  for (const [args, says] of mistakes) {
    const { code, err } = await run(...args)
    assert.is(code, 1, err)
    assert.match(err, says)
    assert.is(err.trim().split('\n').length, 1, err)
  }
})

test.run()
