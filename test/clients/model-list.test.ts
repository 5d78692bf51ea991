import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { type OpenAiEvent, openaiClient } from '../../src/clients/openai-client.ts'
import { type FakeOpenAi, fakeOpenAi } from '../support/fake-openai.ts'
import { suite } from '../support/suite.ts'

const test = suite('how long a model lives')
const fakes: FakeOpenAi[] = []

test.after(async () => {
  await Promise.all(fakes.map((fake) => fake.close()))
})

async function open(
  options: Parameters<typeof fakeOpenAi>[0] = {},
  start = '2026-11-24T10:00:00Z',
) {
  const fake = await fakeOpenAi(options)
  fakes.push(fake)
  const events: OpenAiEvent[] = []
  const clock = { now: new Date(start) }
  const client = openaiClient({
    apiKey: fake.apiKey,
    baseURL: fake.url,
    model: 'gpt-5-nano',
    successor: 'gpt-6-luna',
    timeoutMs: 2000,
    now: () => clock.now,
    log: (event) => events.push(event),
  })
  return { client, events, clock }
}
const check = (client: { check(signal: AbortSignal): Promise<void> }) =>
  client.check(new AbortController().signal)

test('without a list the table tells when the configured model ends', async () => {
  const { client } = await open()
  assert.equal(client.life(), {
    configured: 'gpt-5-nano',
    inUse: 'gpt-5-nano',
    because: 'configured',
    checkedAt: null,
    models: [
      { id: 'gpt-5-nano', shutdownDate: '2026-12-11', daysUntilShutdown: 17, listed: null },
      { id: 'gpt-6-luna', shutdownDate: null, daysUntilShutdown: null, listed: null },
    ],
  })
})

test('each check within 30 days warns, and says how many are left', async () => {
  const { client, events, clock } = await open()
  await check(client)
  clock.now = new Date('2026-12-10T23:00:00Z')
  await check(client)
  const of = { model: 'gpt-5-nano', successor: 'gpt-6-luna', shutdownDate: '2026-12-11' }
  const warning = { level: 'warn', event: 'openai.model_ending', cause: 'shutdown_date', ...of }
  assert.equal(events, [
    { ...warning, daysUntilShutdown: 17 },
    { ...warning, daysUntilShutdown: 1 },
  ])
  assert.equal(client.life().checkedAt, clock.now)
})

for (const date of ['2026-11-20', '2026-11-20T12:00:00Z', Date.parse('2026-11-20') / 1000]) {
  test(`a day of shutdown that the list moves up (${date}) counts before the table`, async () => {
    const { client, events } = await open({ shutdownDates: { 'gpt-5-nano': date } })
    assert.is(client.inUse().model, 'gpt-5-nano')
    await check(client)
    assert.equal(client.inUse(), { model: 'gpt-6-luna', because: 'shutdown_date' })
    assert.equal(
      events.map(({ event }) => event),
      ['openai.model_replaced'],
    )
    assert.is(client.life().models[0]?.daysUntilShutdown, -4)
  })
}

test('a day that the list puts off keeps the configured model', async () => {
  const dates = { 'gpt-5-nano': '2027-06-01' }
  const { client, events } = await open({ shutdownDates: dates }, '2026-12-20T00:00:00Z')
  assert.is(client.inUse().model, 'gpt-6-luna')
  await check(client)
  assert.equal(client.inUse(), { model: 'gpt-5-nano', because: 'configured' })
  assert.equal(events, [])
})

for (const said of [null, 'soon', {}]) {
  test(`a list that says ${JSON.stringify(said)} does not take the known day back`, async () => {
    const { client } = await open({ shutdownDates: { 'gpt-5-nano': said } })
    await check(client)
    assert.is(client.life().models[0]?.shutdownDate, '2026-12-11')
  })
}

test('a model that the list leaves out is shown as such and asked all the same', async () => {
  const { client } = await open({ missingModels: ['gpt-5-nano'] })
  await check(client)
  assert.is(client.life().models[0]?.listed, false)
  assert.is(client.inUse().model, 'gpt-5-nano')
})

const answers: Record<string, [(response: ServerResponse) => void, RegExp]> = {
  'no such route': [(response) => response.writeHead(404).end(), /^list of models: HTTP 404$/],
  'a page': [(response) => response.end('<html>'), /^list of models: not understood$/],
  'another shape': [(response) => response.end('[]'), /^list of models: not understood$/],
  'too much': [
    (response) => response.end(Buffer.alloc(5 * 1024 * 1024, 32)),
    /^list of models: too large$/,
  ],
}
for (const [name, [answer, reason]] of Object.entries(answers)) {
  test(`${name} instead of a list is an error, and the client goes on as before`, async () => {
    const server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = openaiClient({
      apiKey: 'sk-secret-key',
      baseURL: `http://127.0.0.1:${port}/v1`,
      model: 'gpt-5-nano',
      successor: 'gpt-6-luna',
      timeoutMs: 2000,
      now: () => new Date('2026-11-24T10:00:00Z'),
    })
    try {
      await check(client)
      assert.unreachable('a list was understood')
    } catch (error) {
      assert.match((error as Error).message, reason)
    } finally {
      server.closeAllConnections()
      server.close()
    }
    assert.is(client.life().checkedAt, null)
    assert.is(client.inUse().model, 'gpt-5-nano')
  })
}

test.run()
