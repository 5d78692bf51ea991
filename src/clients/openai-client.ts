/**
 * One question to the OpenAI Responses API, or a compatible server: a hard time limit, no retries
 * in the process (the job is the retry), the successor of a retired model, a circuit breaker per model, and
 * an accounting entry for every call. It guarantees an end within `timeoutMs` and that failure is a value; it does not
 * limit how many questions run at once.
 */
import { createHash } from 'node:crypto'
import OpenAI from 'openai'
import type { ResponseCreateParamsNonStreaming } from 'openai/resources/responses/responses'
import type { ModelWatch } from '../domain/ai/model-life.ts'
import type { ModelQuestion } from '../domain/post-process/outside.ts'
import { effortFor, factsOf } from '../domain/scoring/models.ts'
import type { Interaction, InteractionOutcome } from '../domain/scoring/score.ts'
import { type CircuitEvent, type ModelBreaker, modelBreaker } from './model-breaker.ts'
import {
  type ModelChoice,
  type ModelEnding,
  type ModelReplaced,
  modelChoice,
} from './model-choice.ts'
import { readModelList } from './model-list.ts'
import { type Failure, failure, failureOfError } from './openai-failure.ts'
import { interactionOf } from './openai-interaction.ts'
import { type Billing, billingOf, parseReply, textOf } from './openai-reply.ts'
import { type TimeLimit, timeLimit } from './time-limit.ts'

/** A reply is a few kilobytes and repeats our instructions; more than this is not a reply. */
const REPLY_BYTES_MAX = 1024 * 1024
/** Behind our own time limit, which also covers the body; only stands if that one were broken. */
const SDK_TIMEOUT_EXTRA_MS = 1000

export interface OpenAiClientOptions {
  apiKey: string
  /** Absent: OpenAI itself. */
  baseURL?: string | undefined
  model: string
  successor: string
  /** For one question, including a second call to the successor. */
  timeoutMs: number
  now: () => Date
  log?: ((event: OpenAiEvent) => void) | undefined
  fetch?: typeof fetch | undefined
}

/** What a person should hear of: a replaced model once, a fault again only after a good call. */
export type OpenAiEvent =
  | ModelReplaced
  | ModelEnding
  | CircuitEvent
  | { level: 'warn'; event: 'openai.unknown_price'; model: string; cause: 'not_in_price_table' }
  | {
      level: 'error'
      event: 'openai.needs_attention'
      model: string
      cause: (typeof attentionCauses)[number]
    }
const attentionCauses = ['model_not_found', 'insufficient_quota', 'bad_credentials'] as const

export type Answer<Value> =
  | { outcome: 'ok'; value: Value; model: string; interactions: Interaction[] }
  | {
      outcome: Exclude<InteractionOutcome, 'ok'>
      reason: string
      terminal: boolean
      retryAfterMs: number | null
      /** The model's circuit is open and lets the next call through after this. */
      circuitOpenMs?: number
      interactions: Interaction[]
    }

export interface OpenAiClient extends ModelWatch {
  /** What the next question will be put to, and why. */
  inUse(): ReturnType<ModelChoice['inUse']>
  ask<Value>(question: ModelQuestion<Value>, signal: AbortSignal): Promise<Answer<Value>>
}

interface Call<Value> {
  result: { value: Value } | { failure: Failure }
  /** That of `result`. */
  failure: Failure | null
  interaction: Interaction
}

export function openaiClient(options: OpenAiClientOptions): OpenAiClient {
  const sdk = connect(options)
  const announced = new Set<string>()
  const announce = (event: OpenAiEvent) => {
    // An ending is told each day, a circuit each time it opens; another model without a price is another piece of news.
    if (isNewsEachTime(event)) return options.log?.(event)
    const about = event.event === 'openai.unknown_price' ? event.model : event.cause
    const key = `${event.event} ${about}`
    if (announced.has(key)) return
    announced.add(key)
    options.log?.(event)
  }
  const choice = modelChoice({ ...options, announce })
  const breakers = new Map<string, ModelBreaker>()
  /** There are two at most: the configured model and its successor. */
  const breakerOf = (model: string): ModelBreaker => {
    const breaker = breakers.get(model) ?? modelBreaker(model, announce)
    breakers.set(model, breaker)
    return breaker
  }

  async function ask<Value>(question: ModelQuestion<Value>, signal: AbortSignal) {
    const limit = timeLimit(signal, options.timeoutMs)
    const interactions: Interaction[] = []
    try {
      let model = choice.current()
      while (true) {
        if (signal.aborted) return failed(failure('error', 'aborted'), interactions)
        const asked = model
        const breaker = breakerOf(asked)
        const call = await breaker.run(() =>
          callOnce({ sdk, options, question, model: asked, limit }),
        )
        if (call === 'refused') return failed(circuitOpen, interactions, breaker)
        interactions.push(call.interaction)
        announceUnpriced(call.interaction, announce)
        if ('value' in call.result) {
          for (const cause of attentionCauses) announced.delete(`openai.needs_attention ${cause}`)
          const { value } = call.result
          return { outcome: 'ok' as const, value, model: call.interaction.model, interactions }
        }
        const { cause } = call.result.failure
        const next = cause === 'model_not_found' ? choice.afterMissing(model) : null
        if (next === null) {
          if (isForPeople(cause)) announce(attention(model, cause))
          return failed(call.result.failure, interactions, breaker)
        }
        model = next
      }
    } finally {
      limit.close()
    }
  }
  return {
    inUse: choice.inUse,
    ask,
    life: choice.life,
    circuit() {
      const { model } = choice.inUse()
      const breaker = breakerOf(model)
      return { model, state: breaker.state(), openMs: breaker.openMs() }
    },
    check: async (stop) => {
      const { apiKey, fetch } = options
      choice.learn(await readModelList({ baseURL: baseUrlOf(options), apiKey, fetch }, stop))
    },
  }
}

/**
 * What the SDK would otherwise take from the environment is set: config.ts alone reads that. (It
 * has no option against OPENAI_CUSTOM_HEADERS.)
 */
function connect(options: OpenAiClientOptions): OpenAI {
  return new OpenAI({
    apiKey: options.apiKey,
    baseURL: baseUrlOf(options),
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    maxRetries: 0,
    timeout: options.timeoutMs + SDK_TIMEOUT_EXTRA_MS,
    fetch: options.fetch,
  })
}

const baseUrlOf = ({ baseURL }: OpenAiClientOptions) => baseURL ?? 'https://api.openai.com/v1'

/** Said once per model: its calls cost an unknown amount, and no budget can count them. */
function announceUnpriced(
  { model, inputTokens }: Interaction,
  announce: (it: OpenAiEvent) => void,
) {
  if (inputTokens === null || factsOf(model)) return
  announce({ level: 'warn', event: 'openai.unknown_price', model, cause: 'not_in_price_table' })
}

async function callOnce<Value>(of: {
  sdk: OpenAI
  options: OpenAiClientOptions
  question: ModelQuestion<Value>
  model: string
  limit: TimeLimit
}): Promise<Call<Value>> {
  const { question, model, limit } = of
  const startedAt = of.options.now()
  let requestId: string | null = null
  let billing: Billing = billingOf(null)
  let result: Call<Value>['result']
  try {
    const request = of.sdk.responses.create(body(question, model), { signal: limit.signal })
    const response = await limit.race(request.asResponse())
    requestId = response.headers.get('x-request-id')
    const text = await limit.race(readText(response))
    const reply = parseReply(text, response.headers.get('content-type'))
    if ('body' in reply) {
      billing = billingOf(reply.body)
      result = read(textOf(reply.body), question)
    } else result = reply
  } catch (error) {
    if (error instanceof OpenAI.APIError) requestId = error.requestID ?? requestId
    result = { failure: limit.failure() ?? failureOfError(error, of.options.now()) }
  }
  const latencyMs = Math.max(0, of.options.now().getTime() - startedAt.getTime())
  const { promptVersion } = question
  const made = { model, promptVersion, latencyMs, requestId }
  const failure = 'failure' in result ? result.failure : null
  return { result, failure, interaction: interactionOf(made, billing, failure) }
}

function body(question: ModelQuestion<unknown>, model: string): ResponseCreateParamsNonStreaming {
  const effort = effortFor(model)
  const workspace = createHash('sha256').update(question.workspaceId).digest('hex')
  return {
    model,
    instructions: question.instructions,
    input: question.input,
    text: { format: { type: 'json_schema', strict: true, ...question.format } },
    ...(effort === undefined ? {} : { reasoning: { effort } }),
    max_output_tokens: question.maxOutputTokens,
    store: false,
    // The project's own default may be a dearer tier than the one our prices are of.
    service_tier: 'default',
    safety_identifier: workspace,
    prompt_cache_key: workspace,
  }
}

function read<Value>(reply: ReturnType<typeof textOf>, question: ModelQuestion<Value>) {
  if ('failure' in reply) return reply
  const answer = question.read(reply.text)
  return 'value' in answer ? answer : { failure: failure('invalid', answer.invalid) }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > REPLY_BYTES_MAX) throw new RangeError('reply is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const circuitOpen = failure('error', 'the model’s circuit is open')

/** The call that opened a circuit says so as well: nobody else has to run into it. */
function failed(
  { outcome, reason, terminal, retryAfterMs }: Failure,
  interactions: Interaction[],
  breaker?: ModelBreaker,
) {
  const isOpen = breaker !== undefined && breaker.state() !== 'closed'
  const open = isOpen ? { circuitOpenMs: breaker.openMs() } : {}
  return { outcome, reason, terminal, retryAfterMs, interactions, ...open }
}

const isNewsEachTime = ({ event }: OpenAiEvent) =>
  event === 'openai.model_ending' ||
  event === 'openai.circuit_opened' ||
  event === 'openai.circuit_closed'

const isForPeople = (cause: Failure['cause']): cause is (typeof attentionCauses)[number] =>
  attentionCauses.some((known) => known === cause)

function attention(model: string, cause: (typeof attentionCauses)[number]): OpenAiEvent {
  return { level: 'error', event: 'openai.needs_attention', model, cause }
}
