/** The service as a process, traced: what a collector that speaks OTLP over real HTTP is sent of a message. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { FEED_PROTOCOL } from '../src/domain/feed-protocol.ts'
import { testStorage } from './support/database.ts'
import { fakeOpenAi } from './support/fake-openai.ts'
import { startService } from './support/service.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

const test = suite('traces')

interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  startTimeUnixNano: string
  endTimeUnixNano: string
}

interface Collector {
  url: string
  spans: OtlpSpan[]
  /** Every request, as it came. */
  bodies: string[]
  /** From now on it refuses everything. */
  refuse(): void
  close(): Promise<void>
}

async function collector(): Promise<Collector> {
  const spans: OtlpSpan[] = []
  const bodies: string[] = []
  let status = 200
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    bodies.push(body)
    if (status === 200) spans.push(...spansIn(body))
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    refuse() {
      status = 400
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function spansIn(body: string): OtlpSpan[] {
  const { resourceSpans } = JSON.parse(body) as {
    resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[]
  }
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}

async function tracedService(env: NodeJS.ProcessEnv) {
  const place = await testStorage()
  const service = await startService({
    DATA_DIR: place.dataDir,
    SCORING_QUIET_MS: '200',
    LOG_LEVEL: 'debug',
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
    ...env,
  })
  return {
    service,
    async send(externalId: string, body: string): Promise<string> {
      const response = await fetch(service.webhooks.email as string, {
        method: 'POST',
        body: JSON.stringify({ externalId, body, lead: { email: 'gilda@trace.example' } }),
      })
      return ((await response.json()) as { messageId: string }).messageId
    },
    async end() {
      const code = await service.end('SIGTERM')
      await place.remove()
      return code
    },
  }
}

test('each message of a burst has one trace, from its webhook to the feed, under its own id', async () => {
  const found = await collector()
  const fake = await fakeOpenAi()
  const { service, send, end } = await tracedService({
    OTEL_EXPORTER_OTLP_ENDPOINT: found.url,
    OPENAI_API_KEY: fake.apiKey,
    OPENAI_BASE_URL: fake.url,
  })
  const socket = new WebSocket(
    `${service.url.replace('http', 'ws')}/api/v1/feed/ws`,
    FEED_PROTOCOL,
    {
      headers: { authorization: `Bearer ${service.adminToken}` },
    },
  )
  await new Promise((resolve) => socket.once('message', resolve))
  socket.send(JSON.stringify({ type: 'subscribe', snapshot: true }))
  await new Promise((resolve) => socket.once('message', resolve))
  const ids = [await send('1', 'A word of Gilda'), await send('2', 'Another word of Gilda')]
  const wanted = [
    'feed',
    'post-process',
    'scoring commit',
    'scoring gate',
    'scoring llm',
    'scoring waiting',
    'webhook',
  ]
  for (const id of ids) {
    const traceId = id.replaceAll('-', '')
    const spans = await until(
      async () => found.spans.filter((span) => span.traceId === traceId),
      (all) => wanted.every((name) => all.some((span) => span.name === name)),
    )
    const root = spans.find(({ name }) => name === 'webhook') as OtlpSpan
    assert.not.ok(root.parentSpanId)
    for (const span of spans) {
      assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano), span.name)
      if (span !== root) assert.is(span.parentSpanId, root.spanId, span.name)
    }
    assert.match(service.output(), `"outcome":"accepted","messageId":"${id}"`)
    const ownIds = new Set(spans.map(({ spanId }) => spanId))
    assert.is(ownIds.size, spans.length)
  }
  assert.is(await send('2', 'Another word of Gilda'), ids[1])
  await until(
    async () => found.spans,
    (all) => all.some(({ name }) => name === 'webhook duplicate'),
  )
  for (const body of found.bodies) assert.not.match(body, /Gilda|trace\.example/i)
  socket.close()
  assert.is(await end(), 0)
  await fake.close()
  await found.close()
})

test('a collector that takes nothing is warned of once and holds nothing up', async () => {
  const found = await collector()
  found.refuse()
  const { service, send, end } = await tracedService({ OTEL_EXPORTER_OTLP_ENDPOINT: found.url })
  await send('1', 'Hello')
  await until(
    async () => service.output(),
    (output) => output.includes('spans were dropped'),
  )
  await until(
    () => service.api<{ items: { state: string }[] }>('GET', '/api/v1/leads'),
    ({ items }) => items[0]?.state === 'scored',
  )
  assert.is(await end(), 0)
  assert.is(service.output().match(/spans were dropped/g)?.length, 1)
  assert.not.match(service.output(), found.url)
  await found.close()
})

test('nothing is traced with a share of 0', async () => {
  const found = await collector()
  const { service, send, end } = await tracedService({
    OTEL_EXPORTER_OTLP_ENDPOINT: found.url,
    OTEL_TRACES_SAMPLER_ARG: '0',
  })
  await send('1', 'Hello')
  await until(
    () => service.api<{ items: { state: string }[] }>('GET', '/api/v1/leads'),
    ({ items }) => items[0]?.state === 'scored',
  )
  // A stop sends what is left.
  assert.is(await end(), 0)
  assert.equal(found.spans, [])
  await found.close()
})

test.run()
