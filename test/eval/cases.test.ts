/** The format of labelled cases: what a user may bring, and what a mistake is told by. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/command-error.ts'
import { OWN_CASES, readCases } from '../../src/eval/cases.ts'
import { suite } from '../support/suite.ts'

const test = suite('labelled cases')
const folder = mkdtempSync(join(tmpdir(), 'lp-cases-'))
test.after(() => rmSync(folder, { recursive: true }))

const labels = { fitScore: 3, intentScore: 4, overallScore: 4 }
const hello = { direction: 'inbound', channel: 'email', body: 'Call me on Monday.' }
const good = { messages: [hello], ...labels }

function read(lines: readonly unknown[], warnings: string[] = []) {
  const path = join(folder, 'cases.jsonl')
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  writeFileSync(path, text.join('\n'))
  return readCases(path, (line) => warnings.push(line))
}

function complaint(lines: readonly unknown[]): string {
  try {
    read(lines)
  } catch (error) {
    assert.instance(error, CommandError)
    return (error as Error).message
  }
  throw new Error('was read without a complaint')
}

test('our own are at least sixty and read without a remark', () => {
  const own = readCases(OWN_CASES, (line) => assert.unreachable(line))
  assert.ok(own.length >= 60, String(own.length))
  assert.is(new Set(own.map(({ id }) => id)).size, own.length)
})

test('the least a case needs is enough; its name is then its line', () => {
  const [, second] = read([good, '', good])
  assert.is(second?.id, 'line 3')
  assert.equal(second?.request, {
    workspaceId: 'eval',
    leadId: 'line 3',
    context: {
      companyName: null,
      serviceDescription: null,
      idealCustomerProfile: null,
      qualificationQuestions: [],
    },
    lead: { name: null, company: null, title: null, industry: null, headcount: null },
    transcript: [
      { ...hello, subject: null, kind: 'text', at: new Date('2026-01-05T09:00:00.000Z') },
    ],
  })
})

test('a conversation is read as the service would: in order of time, without what it quotes', () => {
  const [one] = read([
    {
      ...good,
      messages: [
        { ...hello, body: 'Later', sentAt: '2026-03-02T10:00:00+02:00' },
        { ...hello, body: 'Yes\n\nOn Mon, Mar 2, 2026 Ann wrote:\n> Shall we?', sentAt: null },
      ],
      settings: { idealCustomerProfile: 'Freight', qualificationQuestions: ['How many?'] },
      lead: { firstName: 'Dana', lastName: 'Ruiz', headcount: 45 },
    },
  ])
  assert.equal(
    one?.request.transcript.map(({ body, at }) => [body, at.toISOString()]),
    [
      ['Yes', '2026-01-05T10:00:00.000Z'],
      ['Later', '2026-03-02T08:00:00.000Z'],
    ],
  )
  assert.is(one?.request.lead.name, 'Dana Ruiz')
  assert.is(one?.request.lead.headcount, '45')
  assert.is(one?.request.context.idealCustomerProfile, 'Freight')
})

const without = ({ fitScore: _, ...rest }: typeof good) => rest
const mistakes: [string, unknown, string][] = [
  ['no JSON', '{"messages":', 'line 1: takes one JSON object'],
  ['no object', '[1]', 'line 1: takes an object'],
  ['a missing score', without(good), 'line 1: fitScore: takes 1, 2, 3 or 4'],
  ['score 5', { ...good, intentScore: 5 }, 'line 1: intentScore: takes 1, 2, 3 or 4'],
  ['a score in words', { ...good, overallScore: '4' }, 'line 1: overallScore: takes 1, 2, 3 or 4'],
  ['no messages', { ...labels }, 'line 1: messages: takes a list of messages'],
  ['an empty list', { ...good, messages: [] }, 'line 1: messages: takes at least one inbound'],
  [
    'nothing inbound',
    { ...good, messages: [{ ...hello, direction: 'outbound' }] },
    'line 1: messages: takes at least one inbound',
  ],
  [
    'a direction',
    { ...good, messages: [hello, { ...hello, direction: 'in' }] },
    'line 1: messages[1].direction: takes inbound or outbound',
  ],
  [
    'a channel',
    { ...good, messages: [{ ...hello, channel: 'fax' }] },
    'line 1: messages[0].channel: takes email, sms, linkedin, smartlead, instantly',
  ],
  [
    'a body',
    { ...good, messages: [{ ...hello, body: ' ' }] },
    'line 1: messages[0].body: takes a text that is not empty',
  ],
  [
    'a time',
    { ...good, messages: [{ ...hello, sentAt: 'Monday' }] },
    'line 1: messages[0].sentAt: takes an ISO 8601 time',
  ],
  ['a setting', { ...good, settings: { companyName: 7 } }, 'line 1: settings.companyName: takes a'],
  ['a lead', { ...good, lead: 'Dana' }, 'line 1: lead: takes an object'],
]
for (const [name, line, expected] of mistakes) {
  test(`a mistake is told by line and field: ${name}`, () => {
    assert.match(complaint([line]), expected)
  })
}

test('all mistakes of a file are told at once, the first ten in full', () => {
  const said = complaint([good, ...Array.from({ length: 12 }, () => without(good))])
  assert.is(said.split('\n').length, 12)
  assert.match(said, 'line 2: fitScore')
  assert.match(said, 'and 2 more')
})

test('a field that nobody reads is told, once for the file, and left out', () => {
  const warnings: string[] = []
  const odd = { ...good, note: 'x', lead: { industri: 'Freight' } }
  const cases = read([odd, odd], warnings)
  assert.is(cases.length, 2)
  assert.is(warnings.length, 2)
  assert.match(warnings.join('\n'), 'lead.industri is not read (2 lines)')
  assert.match(warnings.join('\n'), 'note is not read')
})

test('no file, and a file without a case', () => {
  assert.throws(() => readCases(join(folder, 'none'), () => {}), /cannot be read \(ENOENT\)/)
  assert.match(complaint(['', ' ']), 'holds no case')
})

test.run()
