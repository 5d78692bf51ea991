/** The LLM scorer against a server that misbehaves in every known way: each fault has its end. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type OpenAiScorerOptions, openaiScorer, plainReasoning } from '../../src/clients/openai.ts'
import type { OpenAiEvent } from '../../src/clients/openai-client.ts'
import { leadReference, promptVersion } from '../../src/domain/scoring/prompt.ts'
import type { ScoringRequest, ScoringResult } from '../../src/domain/scoring/score.ts'
import {
  type FakeAnswer,
  type FakeOpenAi,
  fakeOpenAi,
  fault,
  reply,
} from '../support/fake-openai.ts'
import { suite } from '../support/suite.ts'

const test = suite('openai scorer')
/** Long enough for an answer from the same machine under load, short enough to wait for. */
const GENEROUS_MS = 10_000
const SHORT_MS = 150
const opened: FakeOpenAi[] = []

test.after(async () => {
  await Promise.all(opened.map((fake) => fake.close()))
})

async function open(options: Parameters<typeof fakeOpenAi>[0] = {}): Promise<FakeOpenAi> {
  const fake = await fakeOpenAi(options)
  opened.push(fake)
  return fake
}

function scorerOf(fake: FakeOpenAi, rest: Partial<OpenAiScorerOptions> = {}) {
  return openaiScorer({
    apiKey: fake.apiKey,
    baseURL: fake.url,
    model: 'gpt-5-nano',
    successor: 'gpt-6-luna',
    timeoutMs: GENEROUS_MS,
    now: () => new Date('2026-11-05T12:00:00Z'),
    random: () => randomBytes(16).toString('hex'),
    ...rest,
  })
}

function request(body = 'What is the price?', leadId = 'lead-1'): ScoringRequest {
  return {
    workspaceId: 'workspace-1',
    leadId,
    context: {
      companyName: 'Acme',
      serviceDescription: 'Anvils',
      idealCustomerProfile: 'Coyotes',
      qualificationQuestions: [],
    },
    lead: { name: 'Wile', company: null, title: null, industry: null, headcount: null },
    transcript: [
      {
        direction: 'inbound',
        channel: 'email',
        kind: 'text',
        subject: 'Anvils',
        body,
        at: new Date('2026-01-06T14:03:00Z'),
      },
    ],
  }
}

const never = () => new AbortController().signal

async function scoreAfter(answer: FakeAnswer, rest: Partial<OpenAiScorerOptions> = {}) {
  const fake = await open({ script: () => answer })
  const result = await scorerOf(fake, rest).score(request(), never())
  assert.equal(fake.breaches, [])
  return { fake, result }
}

function failed(result: ScoringResult) {
  if (result.outcome === 'ok') throw new Error('expected a failure')
  return result
}

test('a sound answer becomes scores, with model, version and accounting', async () => {
  const fake = await open()
  const times = [0, 40, 1240].map((ms) => new Date(Date.UTC(2026, 10, 5) + ms))
  const scorer = scorerOf(fake, { now: () => times.shift() ?? new Date(Date.UTC(2026, 10, 6)) })
  const result = await scorer.score(request(), never())
  assert.equal(result, {
    outcome: 'ok',
    scores: {
      fitScore: 3,
      intentScore: 4,
      overallScore: 4,
      reasoning: 'Saw 1 messages, the last inbound: what is the price?',
    },
    model: 'gpt-5-nano',
    promptVersion,
    interactions: [
      {
        requestedModel: 'gpt-5-nano',
        model: 'gpt-5-nano',
        promptVersion,
        outcome: 'ok',
        inputTokens: 1200,
        cachedTokens: 1024,
        outputTokens: 80,
        reasoningTokens: 16,
        costUsd: (176 * 0.05 + 1024 * 0.005 + 80 * 0.4) / 1e6,
        latencyMs: 1200,
        requestId: 'req_fake',
        error: null,
      },
    ],
  })
  assert.is(scorer.name, 'gpt-5-nano')
  assert.equal(fake.breaches, [])
})

test('the request is strict, unstored, without tools, and names nobody', async () => {
  const fake = await open()
  await scorerOf(fake).score(request(), never())
  const call = fake.calls[0]
  const sent = JSON.stringify(call?.request)
  assert.is(call?.effort, 'minimal')
  assert.is(call?.leadRef, leadReference('lead-1'))
  assert.is(call?.transcript[0]?.text, 'What is the price?')
  for (const secret of ['workspace-1', 'lead-1', fake.apiKey]) assert.not.match(sent, secret)
  assert.is(call?.headers['openai-organization'], undefined)
  assert.not.match(sent, '"tools"')
})

test('every call has a marker of its own', async () => {
  const fake = await open()
  const scorer = scorerOf(fake)
  await scorer.score(request(), never())
  await scorer.score(request(), never())
  const [one, two] = fake.calls.map(({ request: { input } }) => JSON.stringify(input))
  assert.not.equal(one, two)
})

interface Expectation {
  outcome: ScoringResult['outcome']
  terminal: boolean
  reason: RegExp
  /** Whether the reply told its usage. */
  billed?: boolean
  retryAfterMs?: number | null
  /** At least nearly: the clock goes on. */
  circuitOpenMs?: number
}

const retryable = { outcome: 'error', terminal: false } as const
const broken = { outcome: 'error', terminal: true } as const
const unread = { outcome: 'invalid', terminal: false } as const
const invalid = { outcome: 'invalid', terminal: false, billed: true } as const
const limited = { outcome: 'rate_limited', terminal: false } as const
const refused = { outcome: 'refused', terminal: true } as const

const matrix: Record<string, [FakeAnswer, Expectation]> = {
  'HTTP 400': [fault.status(400, { code: 'bad' }), { ...broken, reason: /^HTTP 400 bad$/ }],
  'HTTP 401': [fault.status(401), { ...broken, reason: /credentials/ }],
  'HTTP 403': [fault.status(403), { ...broken, reason: /credentials/ }],
  'HTTP 408': [fault.status(408), { outcome: 'timeout', terminal: false, reason: /HTTP 408/ }],
  'HTTP 409': [fault.status(409), { ...retryable, reason: /HTTP 409/ }],
  'HTTP 413': [fault.status(413), { ...broken, reason: /HTTP 413/ }],
  'HTTP 422': [fault.status(422), { ...broken, reason: /HTTP 422/ }],
  'HTTP 429': [fault.status(429), { ...limited, reason: /rate limited/ }],
  'HTTP 429, seconds': [
    fault.status(429, {}, { 'retry-after': '7' }),
    { ...limited, reason: /rate limited/, retryAfterMs: 7000 },
  ],
  'HTTP 429, milliseconds': [
    fault.status(429, {}, { 'retry-after-ms': '250', 'retry-after': '1' }),
    { ...limited, reason: /rate limited/, retryAfterMs: 250 },
  ],
  'HTTP 429, a date': [
    fault.status(429, {}, { 'retry-after': 'Thu, 05 Nov 2026 12:00:30 GMT' }),
    { ...limited, reason: /rate limited/, retryAfterMs: 30_000 },
  ],
  'HTTP 429, an hour': [
    fault.status(429, {}, { 'retry-after': '3600' }),
    { ...limited, reason: /rate limited/, retryAfterMs: 900_000 },
  ],
  'HTTP 429, nonsense': [
    fault.status(429, {}, { 'retry-after': 'soon', 'retry-after-ms': '-5' }),
    { ...limited, reason: /rate limited/ },
  ],
  'quota used up': [
    fault.insufficientQuota(),
    { ...limited, reason: /quota/, circuitOpenMs: 900_000 },
  ],
  'HTTP 500': [fault.status(500), { ...retryable, reason: /HTTP 500/ }],
  'HTTP 503 with a time': [
    fault.status(503, {}, { 'retry-after': '20' }),
    { ...retryable, reason: /HTTP 503/, retryAfterMs: 20_000 },
  ],
  'reset before headers': [fault.resetBeforeHeaders(), { ...retryable, reason: /connection/ }],
  'reset in the body': [fault.resetMidBody(), { ...retryable, reason: /connection lost/ }],
  'broken JSON': [fault.invalidJson(), { ...unread, reason: /unreadable/ }],
  'HTML with status 200': [fault.html(), { ...retryable, reason: /unreadable/ }],
  'empty body': [fault.emptyBody(), { ...retryable, reason: /unreadable/ }],
  'JSON null': [fault.body('null'), { ...unread, reason: /unreadable/ }],
  'a body without end': [fault.endlessBody(), { ...unread, reason: /too large/ }],
  'wrong schema': [fault.wrongSchema(), { ...invalid, reason: /schema at reasoning/ }],
  'prose instead of JSON': [fault.notJsonText(), { ...invalid, reason: /schema/ }],
  'score 5': [reply.scores(5, 3, 3), { ...invalid, reason: /schema at fitScore/ }],
  'score 0': [reply.scores(3, 0, 3), { ...invalid, reason: /schema at intentScore/ }],
  'score 2.5': [reply.scores(3, 3, 2.5), { ...invalid, reason: /schema at overallScore/ }],
  'overall two away': [reply.scores(1, 1, 3), { ...invalid, reason: /does not follow/ }],
  'no reasoning': [reply.scores(3, 3, 3, ' \u200b '), { ...invalid, reason: /without reasoning/ }],
  'empty output': [fault.emptyOutput(), { ...invalid, reason: /empty/ }],
  refusal: [fault.refusal(), { ...refused, reason: /refused/, billed: true }],
  'refusal as HTTP 400': [
    fault.status(400, { code: 'invalid_prompt' }),
    { ...refused, reason: /refused/ },
  ],
  'refusal as failure': [
    fault.failed('invalid_prompt'),
    { ...refused, reason: /refused/, billed: true },
  ],
  'content filter': [
    fault.incomplete('content_filter'),
    { ...refused, reason: /filter/, billed: true },
  ],
  'output cut off': [
    fault.incomplete(),
    { outcome: 'incomplete', terminal: false, reason: /limit/, billed: true },
  ],
  'status failed': [fault.failed(), { ...retryable, reason: /server_error/, billed: true }],
  'status failed, rate': [
    fault.failed('rate_limit_exceeded'),
    { ...limited, reason: /rate/, billed: true },
  ],
  'status in_progress': [
    reply.text('{}', { status: 'in_progress' }),
    { ...retryable, reason: /without an end/, billed: true },
  ],
}

for (const [name, [answer, expected]] of Object.entries(matrix)) {
  test(`${name}: ends as ${expected.outcome}${expected.terminal ? ', for good' : ''}`, async () => {
    const { fake, result } = await scoreAfter(answer)
    const { outcome, terminal, reason, retryAfterMs, circuitOpenMs, interactions } = failed(result)
    assert.is(outcome, expected.outcome)
    assert.is(terminal, expected.terminal)
    assert.match(reason, expected.reason)
    assert.is(retryAfterMs, expected.retryAfterMs ?? null)
    assert.is(circuitOpenMs === undefined, expected.circuitOpenMs === undefined)
    const shortMs = (expected.circuitOpenMs ?? 0) - (circuitOpenMs ?? 0)
    assert.ok(shortMs >= 0 && shortMs < GENEROUS_MS, `${circuitOpenMs}`)
    assert.is(fake.calls.length, 1, 'the SDK must not retry')
    assert.is(interactions.length, 1)
    const [interaction] = interactions
    assert.is(interaction?.outcome, expected.outcome)
    assert.is(interaction?.error, reason)
    assert.is(interaction?.inputTokens, expected.billed ? 1200 : null)
    assert.is(interaction?.outputTokens, expected.billed ? 80 : null)
    assert.is(interaction?.costUsd === null, !expected.billed)
  })
}

const stalls: Record<string, FakeAnswer> = {
  headers: fault.stalledHeaders(),
  body: fault.stalledBody(),
  'body of an error': fault.stalledBody(503),
}

for (const [name, answer] of Object.entries(stalls)) {
  test(`stalled ${name}: the time limit ends the call and closes its connection`, async () => {
    const startedAt = performance.now()
    const { fake, result } = await scoreAfter(answer, { timeoutMs: SHORT_MS })
    const elapsed = performance.now() - startedAt
    assert.is(failed(result).outcome, 'timeout')
    assert.is(failed(result).terminal, false)
    assert.ok(elapsed < SHORT_MS + 1000, `${elapsed} ms`)
    await fake.idle()
    assert.is(fake.calls[0]?.abandoned, true)
  })

  test(`stalled ${name}: the caller's signal ends the call at once`, async () => {
    const fake = await open({ script: () => answer })
    const controller = new AbortController()
    const scoring = scorerOf(fake).score(request(), controller.signal)
    await fake.received(1)
    controller.abort()
    const result = failed(await scoring)
    assert.equal([result.outcome, result.reason, result.terminal], ['error', 'aborted', false])
    assert.is(result.interactions.length, 1)
    await fake.idle()
    assert.is(fake.calls[0]?.abandoned, true)
  })
}

test('a fetch that ignores its signal is given up all the same', async () => {
  const fake = await open()
  const deaf = () => new Promise<Response>(() => undefined)
  const scorer = scorerOf(fake, { fetch: deaf, timeoutMs: SHORT_MS })
  assert.is(failed(await scorer.score(request(), never())).outcome, 'timeout')
})

test('a signal aborted before the call leaves no call', async () => {
  const fake = await open()
  const result = failed(await scorerOf(fake).score(request(), AbortSignal.abort()))
  assert.equal([result.outcome, result.reason], ['error', 'aborted'])
  assert.equal(result.interactions, [])
  assert.is(fake.calls.length, 0)
})

test('a server that is not there is a retryable error', async () => {
  const fake = await open()
  await fake.close()
  const result = failed(await scorerOf(fake).score(request(), never()))
  assert.equal([result.outcome, result.terminal], ['error', false])
  assert.match(result.reason, /connection/)
})

test('a wrong key is terminal and calls for a person, once', async () => {
  const fake = await open()
  const events: OpenAiEvent[] = []
  const log = (event: OpenAiEvent) => events.push(event)
  const scorer = scorerOf(fake, { apiKey: 'sk-wrong', log })
  const result = failed(await scorer.score(request(), never()))
  await scorer.score(request(), never())
  assert.equal([result.outcome, result.terminal], ['error', true])
  assert.equal(events, [
    {
      level: 'error',
      event: 'openai.needs_attention',
      model: 'gpt-5-nano',
      cause: 'bad_credentials',
    },
  ])
})

test('a fault is announced again only after a call went well', async () => {
  const wrong = [true, true, false, true]
  const denied = fault.status(401)
  const fake = await open({ script: ({ nth }) => (wrong[nth - 1] ? denied : undefined) })
  const causes: string[] = []
  const scorer = scorerOf(fake, { log: ({ cause }) => causes.push(cause) })
  for (const _ of wrong) await scorer.score(request(), never())
  assert.equal(causes, ['bad_credentials', 'bad_credentials'])
})

for (const [name, gone] of Object.entries({
  'by code': fault.modelNotFound(),
  'by 403 with the code': fault.modelNotFound(403),
  'by 400 with the code': fault.modelNotFound(400),
  'by a bare 404': fault.status(404),
})) {
  test(`a model not found ${name} is replaced in the same call and from then on`, async () => {
    const fake = await open({
      script: ({ model }) => (model === 'gpt-5-nano' ? gone : undefined),
    })
    const events: OpenAiEvent[] = []
    const scorer = scorerOf(fake, { log: (event) => events.push(event) })
    const first = await scorer.score(request(), never())
    const second = await scorer.score(request(), never())
    assert.equal(
      fake.calls.map(({ model, effort }) => [model, effort]),
      [
        ['gpt-5-nano', 'minimal'],
        ['gpt-6-luna', 'none'],
        ['gpt-6-luna', 'none'],
      ],
    )
    assert.is(first.outcome === 'ok' && first.model, 'gpt-6-luna')
    assert.equal(
      first.interactions.map(({ requestedModel, outcome }) => [requestedModel, outcome]),
      [
        ['gpt-5-nano', 'error'],
        ['gpt-6-luna', 'ok'],
      ],
    )
    assert.is(second.interactions.length, 1)
    assert.equal(scorer.inUse(), { model: 'gpt-6-luna', because: 'not_found' })
    const replaced = { model: 'gpt-5-nano', successor: 'gpt-6-luna', cause: 'not_found' }
    assert.equal(events, [{ level: 'warn', event: 'openai.model_replaced', ...replaced }])
  })
}

test('from the shutdown date on the successor is asked at once, with one warning', async () => {
  const fake = await open()
  const events: OpenAiEvent[] = []
  const scorer = scorerOf(fake, {
    now: () => new Date('2026-12-11T00:00:00Z'),
    log: (event) => events.push(event),
  })
  await scorer.score(request(), never())
  await scorer.score(request(), never())
  assert.equal(
    fake.calls.map(({ model }) => model),
    ['gpt-6-luna', 'gpt-6-luna'],
  )
  assert.equal(
    events.map(({ cause }) => cause),
    ['shutdown_date'],
  )
  assert.equal(scorer.inUse(), { model: 'gpt-6-luna', because: 'shutdown_date' })
})

test('with neither model known the failure is terminal and both calls are listed', async () => {
  const fake = await open({ missingModels: ['gpt-5-nano', 'gpt-6-luna'] })
  const scorer = scorerOf(fake)
  const result = failed(await scorer.score(request(), never()))
  assert.equal([result.outcome, result.terminal], ['error', true])
  assert.match(result.reason, /model not found/)
  assert.is(result.interactions.length, 2)
  assert.equal(scorer.inUse(), { model: 'gpt-5-nano', because: 'configured' })
})

test('a model that is its own successor is not asked twice', async () => {
  const fake = await open({ missingModels: ['gpt-5-nano'] })
  const scorer = scorerOf(fake, { successor: 'gpt-5-nano' })
  assert.is(failed(await scorer.score(request(), never())).interactions.length, 1)
})

test('one time limit covers the call to the successor, too', async () => {
  const fake = await open({
    script: ({ model }) => (model === 'gpt-5-nano' ? fault.modelNotFound() : fault.stalledBody()),
  })
  const startedAt = performance.now()
  const scorer = scorerOf(fake, { timeoutMs: SHORT_MS })
  const result = failed(await scorer.score(request(), never()))
  assert.is(result.outcome, 'timeout')
  assert.ok(performance.now() - startedAt < SHORT_MS + 1000)
})

test('the interaction names the model that answered and bills that one', async () => {
  const answer = JSON.stringify({ reasoning: 'x', fitScore: 3, intentScore: 3, overallScore: 3 })
  const dated = { model: 'gpt-6-luna-2026-09-22' }
  const { result } = await scoreAfter(reply.text(answer, dated))
  assert.is(result.outcome === 'ok' && result.model, dated.model)
  const [interaction] = result.interactions
  assert.equal([interaction?.requestedModel, interaction?.model], ['gpt-5-nano', dated.model])
  assert.is(interaction?.costUsd, (176 * 0.1 + 1024 * 0.01 + 80 * 0.5) / 1e6)
})

test('a cost is never guessed: other tiers, unknown models and absent usage have none', async () => {
  const answer = JSON.stringify({ reasoning: 'x', fitScore: 3, intentScore: 3, overallScore: 3 })
  for (const odd of [
    { service_tier: 'priority' },
    { model: 'llama-9' },
    { usage: null },
    { usage: { input_tokens: -1, output_tokens: 'many' } },
  ]) {
    const { result } = await scoreAfter(reply.text(answer, odd))
    assert.is(result.outcome, 'ok')
    assert.is(result.interactions[0]?.costUsd, null)
  }
})

test('a model outside the table is asked without an effort', async () => {
  const bodies: Record<string, unknown>[] = []
  const canned = async (_url: unknown, init?: RequestInit) => {
    bodies.push(JSON.parse(String(init?.body)))
    return Response.json({ status: 'failed', error: { code: 'server_error' } })
  }
  const fake = await open()
  const scorer = scorerOf(fake, { model: 'llama-9', fetch: canned })
  await scorer.score(request(), never())
  assert.is(bodies[0]?.model, 'llama-9')
  assert.not('reasoning' in (bodies[0] ?? {}))
})

test('a departure by one with a reason is accepted', async () => {
  const { result } = await scoreAfter(reply.scores(2, 2, 3, 'A strategic account.'))
  assert.is(result.outcome === 'ok' && result.scores.overallScore, 3)
})

test('a reply never puts the text of an error into a reason', async () => {
  const quote = 'the lead wrote: my password is hunter2'
  const { result } = await scoreAfter(fault.status(400, { code: quote, message: quote }))
  assert.not.match(JSON.stringify(result), 'hunter2')
})

test('a fault of our own is a result as well', async () => {
  const fake = await open()
  const result = failed(await scorerOf(fake, { random: () => 'weak' }).score(request(), never()))
  assert.equal([result.outcome, result.reason], ['error', 'internal error'])
})

test('many calls at once stay apart', async () => {
  const fake = await open()
  const scorer = scorerOf(fake)
  const texts = Array.from({ length: 40 }, (_, n) => (n % 2 ? `Book ${n}` : `not interested ${n}`))
  const results = await Promise.all(
    texts.map((text, n) => scorer.score(request(text, `lead-${n}`), never())),
  )
  for (const [n, result] of results.entries()) {
    const scores = result.outcome === 'ok' ? result.scores : null
    assert.is(scores?.intentScore, n % 2 ? 4 : 1)
    assert.match(scores?.reasoning ?? '', String(texts[n]).toLowerCase())
  }
  assert.is(fake.maxInFlightPerLead(), 1)
})

test('reasoning is shown as plain text', () => {
  assert.is(
    plainReasoning('**Fits** the _ICP_, see [here](https://evil.example)'),
    'Fits the ICP, see here',
  )
  assert.is(plainReasoning('Go to https://evil.example/?q=1 now'), 'Go to link removed now')
  assert.is(plainReasoning('a <img src=x onerror=alert(1)> b'), 'a b')
  assert.is(plainReasoning('<scr<script>ipt>alert(1)'), 'scr ipt>alert(1)')
  assert.is(plainReasoning('<*b onclick=x'), 'b onclick=x')
  assert.is(plainReasoning('<\u200bb>bold'), 'bold')
  assert.is(
    plainReasoning('fit < 3, snake_case stays\n\nas\0 is'),
    'fit < 3, snake_case stays as is',
  )
})

test('a link behind a long word of astral characters leaves no half of one', () => {
  for (const ahead of ['', 'a'])
    assert.is(plainReasoning(`${'𐀀'.repeat(120)}${ahead}https://x.example`).isWellFormed(), true)
})

test('long reasoning ends at a word with an ellipsis', () => {
  const cut = plainReasoning('word '.repeat(200))
  assert.ok(cut.length <= 500)
  assert.match(cut, /word…$/)
  assert.is(plainReasoning('x'.repeat(600)).length, 500)
})

test('no text leaves markup, a link or more than 500 characters', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('<', '>', '*', '_', '](', ')', '[', 'http://', 'www.', 'script', '\u200b', '`'),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 400 }), (pieces) => {
      const plain = plainReasoning(pieces.join(''))
      assert.ok(plain.length <= 500)
      assert.ok(plain.isWellFormed())
      assert.not.match(plain, /<[a-z/!?]|[a-z]:\/\/[^\s…]|[*`\n\0]|\[[^\][]*\]\([^()]*\)/i)
    }),
    { numRuns: 500 },
  )
})

test.run()
