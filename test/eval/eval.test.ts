/** `eval` from options to report, over real HTTP to a server that also misbehaves. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/command-error.ts'
import { type EvalOptions, evalCommand } from '../../src/eval/command.ts'
import { evaluate } from '../../src/eval/run.ts'
import {
  type FakeOpenAi,
  fakeOpenAi,
  fault,
  type Responder,
  reply,
} from '../support/fake-openai.ts'
import { quickClock } from '../support/quick-clock.ts'
import { suite } from '../support/suite.ts'

const test = suite('eval command')
const folder = mkdtempSync(join(tmpdir(), 'lp-eval-'))
const opened: FakeOpenAi[] = []
test.after(async () => {
  await Promise.all(opened.map((fake) => fake.close()))
  rmSync(folder, { recursive: true })
})

/** What the fake answers to each, so that agreement is known: fit 3 (4: "ideal"), by the words. */
const cases = [
  labelled('Not interested.', 3, 1, 1),
  labelled('Maybe later.', 3, 2, 2),
  labelled('How does it work?', 3, 3, 3),
  labelled('What is the price?', 3, 4, 4),
  labelled('This is ideal. What is the price?', 4, 4, 4),
]
function labelled(body: string, fitScore: number, intentScore: number, overallScore: number) {
  const messages = [{ direction: 'inbound', channel: 'email', body }]
  return { id: body, messages, fitScore, intentScore, overallScore }
}
function fileOf(lines: readonly unknown[]): string {
  const path = join(folder, `${Math.random()}.jsonl`)
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'))
  return path
}
const file = fileOf(cases)

function collected() {
  const stream = new PassThrough()
  let text = ''
  stream.on('data', (chunk) => {
    text += chunk
  })
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

async function run(
  script: Responder,
  rest: Partial<EvalOptions> = {},
  openai: { apiKey?: string; model?: string; timeoutMs?: number } = {},
  fakeOptions: Parameters<typeof fakeOpenAi>[0] = {},
) {
  const fake = await fakeOpenAi({ ...fakeOptions, script })
  opened.push(fake)
  const out = collected()
  const err = collected()
  const code = await evaluate(
    { file, compare: [], attacks: false, attacksPerCase: 3, concurrency: 3, json: true, ...rest },
    {
      openai: {
        apiKey: fake.apiKey,
        baseUrl: fake.url,
        model: 'gpt-6-luna',
        successor: 'gpt-6-luna',
        timeoutMs: 10_000,
        ...openai,
      },
      output: out.stream,
      progress: err.stream,
      clock: quickClock(),
    },
  ).catch((error: unknown) => {
    assert.instance(error, CommandError)
    return (error as Error).message
  })
  assert.equal(fake.breaches, [])
  const lines = out.text().trimEnd().split('\n')
  const json = () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>
  return { fake, code, out: out.text(), err: err.text(), json }
}

/** 176 plain, 1,024 cached and 80 output tokens of gpt-6-luna. */
const CALL_USD = (176 * 0.1 + 1024 * 0.01 + 80 * 0.5) / 1e6

test('agreement, cost and latency as a table and as one line of JSON at the end', async () => {
  const { code, out, err, json, fake } = await run(() => undefined)
  assert.is(code, 0)
  const { p95Ms, ...rest } = json()
  assert.equal(rest, {
    cases: 5,
    kappaFit: 1,
    kappaIntent: 1,
    kappaOverall: 1,
    costUsd: Number((5 * CALL_USD).toFixed(8)),
  })
  assert.ok(Number(p95Ms) > 0)
  assert.match(out, /overall: kappa +│ +1\.00/)
  assert.match(out, /tokens in +│ +6000/)
  assert.match(out, /answered by +│ +5 × gpt-6-luna/)
  // On no terminal: lines, on stderr, where they do not disturb the result.
  assert.match(err, /5 scores by gpt-6-luna at http:\S+, 3 at once/)
  assert.match(err, 'scored 5/5')
  assert.ok(fake.maxInFlight() <= 3)
})

test('labels in rows, scores in columns, and what is off by two or more by name', async () => {
  const { out, json } = await run((call) =>
    call.transcript[0]?.text.startsWith('Not') ? reply.scores(3, 3, 3) : undefined,
  )
  // Of fit 3 four, of fit 4 one; of intent one 1 became a 3.
  assert.match(out, /│ 3 │ · │ · │ 4 │ · │/)
  assert.match(
    out,
    'gpt-6-luna, off by two or more (1):\n  Not interested.: intent 1 → 3, overall 1 → 3',
  )
  // Worked out by hand for intent: seen 4; by chance (rows 1,1,1,2; columns 0,1,2,2) 52/5.
  assert.is(json().kappaIntent, Number((1 - 4 / (52 / 5)).toFixed(4)))
})

test('rate limits, lost connections and stalls are asked again and shown', async () => {
  const first = new Map<string, number>()
  const faults = [
    fault.status(429, {}, { 'retry-after': '1' }),
    fault.resetMidBody(),
    fault.stalledBody(),
    fault.wrongSchema(),
    fault.incomplete(),
  ]
  const { code, out, err, json } = await run(
    (call) => {
      const nth = (first.get(call.leadRef ?? '') ?? 0) + 1
      first.set(call.leadRef ?? '', nth)
      return nth === 1 ? faults[first.size - 1] : undefined
    },
    { concurrency: 1 },
    // A starved machine must not make a lost connection look like a stall.
    { timeoutMs: 3000 },
  )
  assert.is(code, 0)
  assert.is(json().cases, 5)
  assert.match(err, /rate limited \(HTTP 429\): again in 1\.0 s/)
  assert.match(out, /asked again: .*1 × rate limited \(HTTP 429\)/)
  assert.match(out, /1 × connection lost/)
  assert.match(out, /calls +│ +10/)
  // The two answers of no use were billed as well.
  assert.is(json().costUsd, Number((7 * CALL_USD).toFixed(8)))
})

test('what stays without a score is listed, not counted, and exit code 2', async () => {
  const { code, out, json } = await run((call) =>
    call.transcript[0]?.text.startsWith('Maybe') ? fault.refusal() : undefined,
  )
  assert.is(code, 2)
  assert.is(json().cases, 4)
  assert.match(out, 'gpt-6-luna, without a score (1):\n  Maybe later.: refused by the model')
})

test('a wrong key and a server that is not there end in one line, not in hundreds of calls', async () => {
  const many = fileOf(Array.from({ length: 60 }, (_, n) => ({ ...cases[0], id: `c${n}` })))
  const refused = await run(() => undefined, { file: many }, { apiKey: 'sk-wrong' })
  assert.match(
    String(refused.code),
    /^gpt-6-luna at http:\S+: no score at all: credentials refused/,
  )
  const down = await run(() => fault.resetBeforeHeaders(), { file: many })
  assert.match(String(down.code), 'no score at all: connection failed')
  assert.ok(down.fake.calls.length < 60, String(down.fake.calls.length))
  const unpaid = await run(() => fault.insufficientQuota(), { file: many })
  assert.match(String(unpaid.code), 'no score at all: quota used up')
  assert.ok(unpaid.fake.calls.length <= 3)
})

test('a model without a price has no cost, and that is said', async () => {
  const { json, err, out } = await run((call) =>
    reply.text(JSON.stringify({ reasoning: 'r', fitScore: 3, intentScore: 3, overallScore: 3 }), {
      model: `${call.model}-tuned`,
    }),
  )
  assert.is(json().costUsd, null)
  assert.match(out, /cost +│ +unknown/)
  assert.match(err, 'warn openai.unknown_price: model gpt-6-luna-tuned')
})

test('two models side by side, with their agreement with each other', async () => {
  const { code, out, json } = await run(
    (call) => (call.model === 'gpt-5.6-luna' ? reply.scores(3, 3, 3) : undefined),
    { compare: ['gpt-6-luna', 'gpt-5.6-luna'] },
  )
  assert.is(code, 0)
  const compared = json().compare as Record<string, unknown>[]
  assert.equal(
    compared.map(({ model, cases, kappaOverall }) => [model, cases, kappaOverall]),
    [
      ['gpt-6-luna', 5, 1],
      ['gpt-5.6-luna', 5, 0],
    ],
  )
  assert.match(out, /│ +gpt-6-luna │ +gpt-5\.6-luna │/)
  assert.match(out, 'gpt-5.6-luna against gpt-6-luna, kappa: fit 0.00 (80 % equal)')
})

test('rules-v1 can be one of the two; a model that is gone is not answered for by another', async () => {
  const rules = await run(() => undefined, { compare: ['rules-v1', 'gpt-6-luna'] })
  assert.is(rules.code, 0)
  assert.match(rules.out, '5 × rules-v1')
  const gone = await run(
    () => undefined,
    { compare: ['gpt-5-nano', 'gpt-6-luna'] },
    {},
    { missingModels: ['gpt-5-nano'] },
  )
  assert.match(String(gone.code), /^gpt-5-nano at \S+: no score at all: model not found/)
  assert.ok(gone.fake.calls.every(({ model }) => model === 'gpt-5-nano'))
})

test('attacks: the share of moved scores, by kind, beside what moves by itself', async () => {
  const obeys: Responder = (call) => {
    const last = call.transcript.at(-1)?.text ?? ''
    return /score this lead 4/.test(last) ? reply.scores(4, 4, 4) : undefined
  }
  // Sixteen per case for five cases are a third of the 240.
  const { code, out, json, fake } = await run(obeys, { attacks: true, attacksPerCase: 16 })
  assert.is(code, 0)
  const found = json()
  assert.is(found.pairs, 80)
  assert.is(found.movedWithoutAttack, 0)
  assert.is(fake.calls.length, 90)
  assert.ok(Number(found.moved) > 0)
  assert.is(found.movedShare, Number((Number(found.moved) / 80).toFixed(4)))
  assert.ok(Number(found.movedUp) > 0)
  assert.match(out, /order-4 +│ +\d+ │ +[1-9]/)
  assert.match(out, /steal-leads +│ +\d+ │ +0 │ +0 %/)
  assert.match(out, 'raised overall: ')
})

test('attacks: a model that answers as it pleases shows as moving without any', async () => {
  const dice: Responder = ({ nth }) =>
    nth % 2 === 0 ? reply.scores(3, 3, 3) : reply.scores(2, 2, 2)
  const { json } = await run(dice, { attacks: true, attacksPerCase: 1, concurrency: 1 })
  // Five cases: the repeat of each odd call is an even one.
  assert.is(json().movedWithoutAttack, 5)
})

test('the documents show what rules-v1 reaches today', async () => {
  const out = collected()
  const options = { compare: [], attacksPerCase: 3, concurrency: 8, file: null, json: false }
  const deps = { openai: null, output: out.stream, progress: collected().stream }
  await evaluate({ ...options, attacks: false }, deps)
  await evaluate({ ...options, attacks: true }, deps)
  const shown = readFileSync(join(import.meta.dirname, '../../docs/eval.md'), 'utf8')
  const lines = out.text().trim().split('\n')
  for (const line of lines.filter((it) => !it.includes('latency')))
    assert.ok(shown.includes(line), line)
})

const cli = join(import.meta.dirname, '../../src/cli.ts')
function command(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [cli, 'eval', ...args], { env: { PATH }, cwd: folder })
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    output.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    output.err += chunk
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...output })))
}

test('as a command, without a key, from any folder: rules-v1 on the cases that come with it', async () => {
  const { code, out, err } = await command('--json')
  assert.is(code, 0, err)
  const line = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>
  assert.equal(Object.keys(line), [
    ...['cases', 'kappaFit', 'kappaIntent', 'kappaOverall', 'costUsd', 'p95Ms'],
  ])
  assert.ok((line.cases ?? 0) >= 60 && (line.kappaOverall ?? 0) > 0.8)
  assert.is(line.costUsd, 0)
})

test('a mistake is one line that says what is taken', async () => {
  const wrong = await command('--concurrency', '0')
  assert.is(wrong.code, 1)
  assert.match(wrong.err, /^error: option '--concurrency <count>' argument '0' is invalid/)
  assert.match(wrong.err, 'takes a whole number from 1 to 100')
  assert.is(wrong.err.trimEnd().split('\n').length, 1, wrong.err)

  const said = async (...args: string[]) => {
    const deps = { openai: null, output: collected().stream, progress: collected().stream }
    const parsed = evalCommand(async (options) => void (await evaluate(options, deps)))
    parsed.exitOverride().configureOutput({ writeErr: () => undefined })
    return parsed.parseAsync(args, { from: 'user' }).then(
      () => 'nothing',
      (error: Error) => error.message,
    )
  }
  assert.match(await said('--compare', 'gpt-6-luna'), /takes two different models such as/)
  assert.match(await said('--compare', 'a,a'), /takes two different models such as/)
  assert.match(await said('--compare', 'gpt-5-nano,rules-v1'), /gpt-5-nano needs OPENAI_API_KEY/)
  assert.match(await said('--attacks', '--compare', 'a,b'), /--attacks, --compare: one at a time/)
  assert.match(await said('--attacks-per-case', '241'), /takes a whole number from 1 to 240/)
  assert.match(await said('--file', 'none.jsonl'), /--file: none.jsonl cannot be read \(ENOENT\)/)
})

test.run()
