/**
 * A fake OpenAI server over real HTTP: speaks the Responses API's wire format, refuses what the
 * real one refuses (credentials, unknown models, efforts a model does not take, loose schemas), and
 * misbehaves on request. Answers scoring calls by `predictedScores`, so a test can tell the result.
 *
 *   const fake = await fakeOpenAi()
 *   fake.respondWith((call) => call.nth === 1 ? fault.status(503) : undefined)   // else default
 *   … openaiScorer({ baseURL: fake.url, apiKey: fake.apiKey, … })
 *   await fake.close()
 *
 * A call belongs to a lead by `reference` in the prompt's lead document (`leadReference(leadId)`).
 * A call is in flight from its request until the reply has been sent or the client has gone.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type FakeAnswer, type FakeCall, fault, reply, sendJson } from './fake-openai-answers.ts'
import { breachOf, documentsOf, type FakeRequest } from './fake-openai-request.ts'

export {
  type FakeAnswer,
  type FakeCall,
  fault,
  predictedScores,
  reply,
  usage,
} from './fake-openai-answers.ts'
export type { FakeTranscriptMessage } from './fake-openai-request.ts'

/** Undefined: the default answer. May wait for whatever the test holds back. */
export type Responder = (call: FakeCall) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>

export interface FakeOpenAi {
  /** Base URL for the client, with /v1. */
  url: string
  apiKey: string
  calls: FakeCall[]
  /** Shapes the client got wrong; each was answered 400 as well. A test asserts it is empty. */
  breaches: string[]
  respondWith(responder: Responder): void
  /** Resolves when the server has received `count` calls in all. */
  received(count: number): Promise<void>
  /** Resolves when no call is in flight. */
  idle(): Promise<void>
  inFlight(leadRef?: string): number
  /** Most calls in flight at once for any single lead, and over all. */
  maxInFlightPerLead(): number
  maxInFlight(): number
  /** From now on connections are refused, until `accept`. */
  refuse(): Promise<void>
  accept(): Promise<void>
  close(): Promise<void>
}

const lunaEfforts = ['none', 'low', 'medium', 'high', 'xhigh', 'max']
/** Models the fake serves, with the efforts each takes, as the real ones do. */
const servedModels: Record<string, { efforts: string[]; shutdownDate: string | null }> = {
  'gpt-5-nano': { efforts: ['minimal', 'low', 'medium', 'high'], shutdownDate: '2026-12-11' },
  'gpt-6-luna': { efforts: lunaEfforts, shutdownDate: null },
  'gpt-5.6-luna': { efforts: lunaEfforts, shutdownDate: null },
}

export async function fakeOpenAi(
  options: {
    apiKey?: string
    script?: Responder
    /** Models answered with 404 model_not_found although the list above names them. */
    missingModels?: string[]
    /** What the list of models says of these ids instead of the real dates. */
    shutdownDates?: Record<string, unknown>
    /** Delay of every default answer, for load tests. */
    latencyMs?: number
  } = {},
): Promise<FakeOpenAi> {
  const apiKey = options.apiKey ?? 'sk-fake-0123456789abcdef'
  const calls: FakeCall[] = []
  const breaches: string[] = []
  const flights = tracker()
  const timers = new Set<NodeJS.Timeout>()
  const waits: { count: number; resolve: () => void }[] = []
  let responder: Responder = options.script ?? (() => undefined)

  function delay(): Promise<void> {
    if (!options.latencyMs) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        resolve()
      }, options.latencyMs)
      timers.add(timer)
    })
  }

  async function respond(
    request: FakeRequest,
    incoming: IncomingMessage,
    response: ServerResponse,
  ) {
    const documents = documentsOf(request)
    const leadRef = typeof documents.lead?.reference === 'string' ? documents.lead.reference : null
    const call: FakeCall = {
      nth: calls.length + 1,
      model: String(request.model),
      effort: request.reasoning?.effort ?? null,
      leadRef,
      lead: documents.lead,
      transcript: documents.transcript,
      request,
      headers: incoming.headers,
      status: null,
      abandoned: false,
    }
    calls.push(call)
    const land = flights.start(leadRef)
    response.once('close', () => {
      call.abandoned = !response.writableFinished
      call.status = response.headersSent ? response.statusCode : null
      land()
    })
    for (const wait of waits) if (calls.length >= wait.count) wait.resolve()

    const served = options.missingModels?.includes(call.model)
      ? undefined
      : servedModels[call.model]
    if (!served) return fault.modelNotFound()({ call, response })
    const breach = breachOf(request, served.efforts)
    if (breach) {
      breaches.push(breach)
      return fault.status(400, { code: 'invalid_value', message: breach })({ call, response })
    }
    const chosen = await responder(call)
    if (!chosen) await delay()
    if (!response.destroyed) await (chosen ?? reply.predicted())({ call, response })
  }

  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: unknown) => response.destroy(error as Error))
  })
  async function serve(incoming: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    if (incoming.headers.authorization !== `Bearer ${apiKey}`) {
      return sendJson(response, 401, { error: { code: 'invalid_api_key', message: 'no' } })
    }
    const route = `${incoming.method} ${incoming.url}`
    if (route === 'GET /v1/models') return sendJson(response, 200, modelList(options))
    if (route !== 'POST /v1/responses')
      return sendJson(response, 404, { error: { message: route } })
    await respond(JSON.parse(Buffer.concat(chunks).toString('utf8')), incoming, response)
  }
  async function listen(at: number) {
    server.listen(at, '127.0.0.1')
    await once(server, 'listening')
  }
  async function refuse() {
    if (!server.listening) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await listen(0)
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}/v1`,
    apiKey,
    calls,
    breaches,
    respondWith(next) {
      responder = next
    },
    received: (count) =>
      calls.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => waits.push({ count, resolve })),
    idle: flights.idle,
    inFlight: flights.now,
    maxInFlightPerLead: flights.maxPerLead,
    maxInFlight: flights.max,
    refuse,
    accept: () => listen(port),
    async close() {
      for (const timer of timers) clearTimeout(timer)
      await refuse()
    },
  }
}

function modelList(options: { missingModels?: string[]; shutdownDates?: Record<string, unknown> }) {
  const { missingModels: missing = [], shutdownDates = {} } = options
  const data = Object.entries(servedModels)
    .filter(([id]) => !missing.includes(id))
    .map(([id, { shutdownDate }]) => {
      const date = id in shutdownDates ? shutdownDates[id] : shutdownDate
      return { id, object: 'model', created: 0, owned_by: 'openai', shutdown_date: date }
    })
  return { object: 'list', data }
}

function tracker() {
  const byLead = new Map<string, number>()
  const idlers: (() => void)[] = []
  let total = 0
  let maxTotal = 0
  let maxLead = 0
  return {
    start(leadRef: string | null) {
      const key = leadRef ?? 'no lead'
      const count = (byLead.get(key) ?? 0) + 1
      byLead.set(key, count)
      total += 1
      maxTotal = Math.max(maxTotal, total)
      if (leadRef !== null) maxLead = Math.max(maxLead, count)
      return () => {
        total -= 1
        const left = (byLead.get(key) ?? 1) - 1
        if (left === 0) byLead.delete(key)
        else byLead.set(key, left)
        if (total === 0) for (const resolve of idlers.splice(0)) resolve()
      }
    },
    now: (leadRef?: string) => (leadRef === undefined ? total : (byLead.get(leadRef) ?? 0)),
    max: () => maxTotal,
    maxPerLead: () => maxLead,
    idle: () =>
      total === 0 ? Promise.resolve() : new Promise<void>((resolve) => idlers.push(resolve)),
  }
}
