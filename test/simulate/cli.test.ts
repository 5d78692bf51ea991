/** `simulate` as a person runs it: a real child process, against a service and against mistakes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { command, type Ended } from '../support/command.ts'
import { suite } from '../support/suite.ts'
import { type FakeService, startFakeService, TOKEN } from './fake-service.ts'

const test = suite('simulate command')
let service: FakeService
let dataDir: string

test.before(async () => {
  service = await startFakeService()
  dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-simulate-'))
})
test.after(async () => {
  await service.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const run = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  command(args, { DATA_DIR: dataDir, ...env })

function simulate(...args: string[]): Promise<Ended> {
  const size = ['--leads', '20', '--rate', '200', '--seconds', '1']
  return run(['simulate', ...size, '--url', service.url, '--token', TOKEN, ...args])
}

/** The cells of a table row by its name. */
function cells({ out }: Ended, name: string): string[] {
  const line = out.split('\n').find((each) => each.includes(`│ ${name} `))
  if (!line) throw new Error(`no row ${name} in\n${out}`)
  return line
    .split('│')
    .map((cell) => cell.trim())
    .slice(2, -1)
}

test('every wrong option ends in one line that names it', async () => {
  const cases = [
    [
      ['--rate', 'x'],
      "option '--rate <number>' argument 'x' is invalid. takes a number from 0.1 to",
    ],
    [
      ['--leads', '0'],
      "option '--leads <count>' argument '0' is invalid. takes a whole number from",
    ],
    [['--seconds', '1.5'], "option '--seconds <count>' argument '1.5' is invalid. takes a whole"],
    [['--seed', '-1'], "option '--seed <count>' argument '-1' is invalid. takes a whole number"],
    [['--url', 'ftp://x'], "option '--url <url>' argument 'ftp://x' is invalid. takes an http(s)"],
    [['--rate', '2000', '--seconds', '3600'], '--rate, --seconds: 7200000 webhooks in all; takes'],
    [['--nonsense'], "unknown option '--nonsense'"],
    [[], '--token: not given, ADMIN_TOKEN is not set and '],
  ] as const
  const ended = await Promise.all(cases.map(([args]) => run(['simulate', ...args])))
  ended.forEach(({ code, out, err }, index) => {
    assert.is(code, 1)
    assert.is(out, '')
    assert.ok(err.startsWith(`error: ${cases[index]?.[1]}`), err)
    assert.is(err.trim().split('\n').length, 1, err)
  })
})

test('a wrong variable, a service that is not there and a refused token end in one line', async () => {
  const free = await startFakeService()
  await free.close()
  const cases: [Promise<Ended>, RegExp][] = [
    [run(['simulate'], { PORT: 'x' }), /^error: PORT: got "x", takes a whole number[^\n]*\n$/],
    [
      simulate('--url', free.url),
      /^error: cannot reach http:\S+ \(ECONNREFUSED\): start the service first[^\n]*\n$/,
    ],
    [simulate('--token', 'wrong'), /^error: --token: refused by http:\S+ \(401\): takes[^\n]*\n$/],
    [
      simulate('--url', `${service.url}/nowhere`),
      /^error: --url: \S+nowhere is no Leadpulse[^\n]*\n$/,
    ],
  ]
  for (const [ended, wanted] of cases) {
    const { code, err } = await ended
    assert.is(code, 1)
    assert.match(err, wanted)
  }
})

test('a run reports every webhook, every lead and the time to the score', async () => {
  const ended = await simulate()
  assert.is(ended.code, 0, ended.out + ended.err)
  assert.is(ended.err, '')
  const [sent, accepted, duplicate, ignored, scored, p50, p95] = cells(ended, 'total')
  assert.is(sent, '200')
  assert.is(Number(accepted) + Number(duplicate) + Number(ignored), 200)
  assert.ok(Number(accepted) > 100 && Number(duplicate) > 5 && Number(ignored) > 5)
  assert.is(scored, '20/20')
  for (const time of [p50, p95]) assert.match(time ?? '', /^[\d.]+ m?s$/)
  assert.ok(millisOf(p50 ?? '') >= 30, 'no score comes before its time')
  assert.not.match(ended.out, /no score yet|failed|rejected|unknown/)
  const stored = [...service.leads.values()].flatMap(({ messages }) => messages)
  assert.is(stored.length, Number(accepted), 'accepted is what is stored, Twilio included')
})

/** `450 ms`, or `1.2 s` on a busy machine. */
const millisOf = (time: string) => Number.parseFloat(time) * (time.endsWith(' ms') ? 1 : 1000)

test('a second run uses the connections of the first and sends new messages', async () => {
  const before = service.connections.length
  const ended = await simulate('--seed', '2')
  assert.is(service.connections.length, before)
  assert.is(before, 8)
  assert.ok(Number(cells(ended, 'total')[1]) > 100)
})

test('the token is found in DATA_DIR, and in ADMIN_TOKEN first', async () => {
  const small = ['simulate', '--leads', '1', '--rate', '5', '--seconds', '1', '--url', service.url]
  writeFileSync(join(dataDir, 'admin-token'), `${TOKEN}\n`)
  assert.is((await run(small)).code, 0)
  const refused = await run(small, { ADMIN_TOKEN: 'another-token-of-16' })
  assert.match(refused.err, /--token: refused/)
})

test('a replay is all duplicates the second time', async () => {
  const first = await simulate('--replay')
  const second = await simulate('--replay')
  assert.ok(Number(cells(first, 'total')[1]) > 100)
  for (const format of ['emailbison', 'gohighlevel app', 'twilio', 'unipile', 'instantly']) {
    const [sent, accepted, duplicate, ignored, scored] = cells(second, format)
    assert.is(accepted, '0', format)
    assert.is(Number(duplicate) + Number(ignored), Number(sent), format)
    assert.is(scored, '0/0', format)
  }
})

test('webhooks that fail are counted with their reason and end with exit code 1', async () => {
  service.refuseWith = 503
  const ended = await simulate()
  service.refuseWith = null
  assert.is(ended.code, 1)
  assert.match(ended.out, /│ +failed │/)
  assert.match(ended.out, /\n200 × failed: 503 refused \(.*emailbison.*\)\n/)
})

test('a feed that is cut is resumed without missing a score', async () => {
  const running = simulate('--seconds', '2', '--rate', '100')
  const before = service.deliveries
  const cut = setInterval(() => {
    if (service.deliveries < before + 100) return
    clearInterval(cut)
    service.cutFeed()
  }, 20)
  const ended = await running
  clearInterval(cut)
  assert.is(ended.code, 0, ended.err)
  assert.is(cells(ended, 'total')[4], '20/20')
})

test('--json leaves standard output to the report', async () => {
  const { code, out, err } = await simulate('--json')
  assert.is(code, 0)
  const { seed, sent, answers, formats } = JSON.parse(out)
  assert.is(seed, 1)
  assert.is(sent, 200)
  assert.ok(answers.accepted > 0 && answers.failed === 0, out)
  const sum = formats.reduce((total: number, row: { sent: number }) => total + row.sent, 0)
  assert.is(sum, sent)
  assert.match(err, 'sent 200/200')
})

test.run()
