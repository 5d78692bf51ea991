/** The circuit breaker around each model, on a clock that moves when the test says so. */
import { type Clock, install } from '@sinonjs/fake-timers'
import * as assert from 'uvu/assert'
import {
  type OpenAiClientOptions,
  type OpenAiEvent,
  openaiClient,
} from '../../src/clients/openai-client.ts'
import type { ModelQuestion } from '../../src/domain/post-process/outside.ts'
import {
  type FakeAnswer,
  type FakeOpenAi,
  fakeOpenAi,
  fault,
  reply,
} from '../support/fake-openai.ts'
import { suite } from '../support/suite.ts'

const test = suite('circuit breaker of a model')
let time: Clock
let fake: FakeOpenAi

test.before.each(async () => {
  time = install({ toFake: ['Date'], now: new Date('2026-11-24T10:00:00Z') }) as Clock
  fake = await fakeOpenAi()
})
test.after.each(async () => {
  Reflect.apply(Reflect.get(time, 'uninstall'), time, [])
  await fake.close()
})

const question: ModelQuestion<string> = {
  promptVersion: 'test.v1',
  workspaceId: 'w',
  instructions: 'Answer.',
  input: [{ role: 'user', content: 'Hello' }],
  format: {
    name: 'answer',
    schema: {
      type: 'object',
      properties: { answer: { type: 'string' } },
      required: ['answer'],
      additionalProperties: false,
    },
  },
  maxOutputTokens: 100,
  read: (text) => (text === 'no' ? { invalid: 'no answer' } : { value: text }),
}
const never = () => new AbortController().signal

function clientOf(options: Partial<OpenAiClientOptions> = {}) {
  const events: OpenAiEvent[] = []
  const client = openaiClient({
    apiKey: fake.apiKey,
    baseURL: fake.url,
    model: 'gpt-5-nano',
    successor: 'gpt-6-luna',
    timeoutMs: 10_000,
    now: () => new Date(),
    log: (event) => events.push(event),
    ...options,
  })
  const ask = async (signal = never()) => {
    const answer = await client.ask(question, signal)
    if (answer.outcome === 'ok') return { outcome: answer.outcome, openMs: null, calls: 1 }
    const { outcome, circuitOpenMs: openMs = null, interactions } = answer
    return { outcome, openMs, calls: interactions.length }
  }
  const times = async (count: number) => {
    const answers = []
    for (let nth = 0; nth < count; nth++) answers.push(await ask())
    return answers
  }
  return { client, events, ask, times }
}
const say = (...answers: FakeAnswer[]) => {
  const before = fake.calls.length
  fake.respondWith(({ nth }) => answers[(nth - before - 1) % answers.length])
}
const sayWell = () => say(reply.text('yes'))

test('five failures of any kind in a row open it, then nothing is called until a probe may be', async () => {
  const { client, events, times } = clientOf({ timeoutMs: 300 })
  say(
    fault.status(500),
    fault.stalledBody(),
    fault.resetMidBody(),
    fault.resetBeforeHeaders(),
    fault.status(503),
  )
  const outage = await times(5)
  assert.equal(
    outage.map(({ openMs }) => openMs),
    [null, null, null, null, 5000],
  )
  assert.equal(await times(3), Array(3).fill({ outcome: 'error', openMs: 5000, calls: 0 }))
  time.tick(4999)
  assert.equal(await times(1), [{ outcome: 'error', openMs: 1, calls: 0 }])
  assert.is(fake.calls.length, 5)
  assert.equal(client.circuit(), { model: 'gpt-5-nano', state: 'open', openMs: 1 })
  assert.equal(events, [
    { level: 'warn', event: 'openai.circuit_opened', model: 'gpt-5-nano', cause: 'outage' },
  ])
})

test('each probe that fails doubles the pause up to a minute; a good one closes it', async () => {
  const { client, events, ask, times } = clientOf()
  say(fault.status(500))
  await times(5)
  const pauses: unknown[] = []
  for (let pause = 5000; pauses.length < 6; pause = Number(pauses.at(-1))) {
    time.tick(pause)
    pauses.push((await ask()).openMs)
  }
  assert.equal(pauses, [10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
  assert.is(fake.calls.length, 11)
  time.tick(60_000)
  sayWell()
  assert.is((await ask()).outcome, 'ok')
  assert.equal(client.circuit(), { model: 'gpt-5-nano', state: 'closed', openMs: 0 })
  assert.equal(
    events.map(({ event }) => event),
    ['openai.circuit_opened', 'openai.circuit_closed'],
  )
  say(fault.status(500))
  const again = await times(5)
  assert.equal(
    again.map(({ openMs }) => openMs),
    [null, null, null, null, 5000],
    'it counts from the start',
  )
})

test('while a probe is under way every other call is refused at once', async () => {
  const { client, ask, times } = clientOf()
  say(fault.status(500))
  await times(5)
  time.tick(5000)
  const held = Promise.withResolvers<void>()
  fake.respondWith(async () => {
    await held.promise
    return reply.text('yes')
  })
  const probe = ask()
  await fake.received(6)
  assert.is(client.circuit().state, 'half_open')
  assert.equal(await times(3), Array(3).fill({ outcome: 'error', openMs: 1000, calls: 0 }))
  held.resolve()
  assert.is((await probe).outcome, 'ok')
  assert.is(fake.calls.length, 6)
  assert.is(client.circuit().state, 'closed')
})

test('a provider that asks to wait longer than the pause is left alone for as long', async () => {
  const { times } = clientOf()
  say(fault.status(503, {}, { 'retry-after': '90' }))
  assert.is((await times(5)).at(-1)?.openMs, 90_000)
})

for (const [name, answer] of Object.entries({
  'a bad request': fault.status(400),
  'wrong credentials': fault.status(401),
  'a rate limit': fault.status(429),
  'a conflict': fault.status(409),
  'a refusal': fault.refusal(),
  'an answer of no use': reply.text('no'),
  'cut-off output': fault.incomplete(),
})) {
  test(`${name} never opens it, and ends a row of failures`, async () => {
    const { client, times } = clientOf()
    say(answer)
    await times(8)
    const failing = fault.status(500)
    say(failing, failing, failing, failing, answer)
    await times(10)
    assert.is(fake.calls.length, 18)
    assert.is(client.circuit().state, 'closed')
  })
}

test('an account without quota opens it at once and calls for a person', async () => {
  const { client, events, ask, times } = clientOf()
  say(fault.insufficientQuota())
  assert.equal(await ask(), { outcome: 'rate_limited', openMs: 900_000, calls: 1 })
  assert.equal(await times(2), Array(2).fill({ outcome: 'error', openMs: 900_000, calls: 0 }))
  const about = { model: 'gpt-5-nano', cause: 'insufficient_quota' }
  assert.equal(events, [
    { level: 'warn', event: 'openai.circuit_opened', ...about },
    { level: 'error', event: 'openai.needs_attention', ...about },
  ])
  time.tick(900_000)
  assert.equal(await ask(), { outcome: 'rate_limited', openMs: 900_000, calls: 1 })
  time.tick(900_000)
  sayWell()
  assert.is((await ask()).outcome, 'ok')
  assert.is(client.circuit().state, 'closed')
  assert.is(events.length, 3, 'a person is told once')
})

test('a call that our side ended counts for nothing, and as a probe closes nothing', async () => {
  const { client, ask, times } = clientOf()
  const aborted = async () => {
    fake.respondWith(() => fault.stalledHeaders())
    const stop = new AbortController()
    const asking = ask(stop.signal)
    await fake.received(fake.calls.length + 1)
    stop.abort()
    await asking
  }
  for (let nth = 0; nth < 6; nth++) await aborted()
  assert.is(client.circuit().state, 'closed')
  say(fault.status(500))
  await times(4)
  await aborted()
  say(fault.status(500))
  assert.is((await ask()).openMs, 5000, 'the fifth of the provider')
  time.tick(5000)
  await aborted()
  assert.equal(client.circuit(), { model: 'gpt-5-nano', state: 'open', openMs: 10_000 })
})

test('each model has its own: the successor is asked although the other one is down', async () => {
  const { client, ask, times } = clientOf()
  say(fault.status(500))
  await times(5)
  assert.is(client.circuit().state, 'open')
  time.setSystemTime(new Date('2026-12-11T00:00:00Z'))
  time.tick(1)
  sayWell()
  assert.is((await ask()).outcome, 'ok')
  assert.equal(client.circuit(), { model: 'gpt-6-luna', state: 'closed', openMs: 0 })
})

test.run()
