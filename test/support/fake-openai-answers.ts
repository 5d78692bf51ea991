/** What the fake OpenAI server can say: sound replies, and every way a call is known to go wrong. */
import type { ServerResponse } from 'node:http'
import type { FakeRequest, FakeTranscriptMessage } from './fake-openai-request.ts'

export interface FakeCall {
  /** Counts the calls of the server, from 1. */
  nth: number
  model: string
  effort: string | null
  /** null: no scoring prompt. */
  leadRef: string | null
  lead: Record<string, unknown> | null
  transcript: FakeTranscriptMessage[]
  request: FakeRequest
  headers: Record<string, string | string[] | undefined>
  /** Null until the reply's headers were sent. */
  status: number | null
  /** The client went away before the reply was complete. */
  abandoned: boolean
}

/** One way to answer; see `reply` and `fault`. */
export type FakeAnswer = (exchange: {
  call: FakeCall
  response: ServerResponse
}) => void | Promise<void>
/** What every reply that was computed reports, whole or not: it is billed. */
export const usage = {
  input_tokens: 1200,
  input_tokens_details: { cached_tokens: 1024, cache_write_tokens: 0 },
  output_tokens: 80,
  output_tokens_details: { reasoning_tokens: 16 },
  total_tokens: 1280,
}

/** Well-formed answers. */
export const reply = {
  predicted:
    (): FakeAnswer =>
    ({ call, response }) => {
      sendReply(call, response, {
        output: [message(outputText(JSON.stringify(predictedAnswer(call))))],
      })
    },
  scores: (fitScore: number, intentScore: number, overallScore: number, reasoning = 'Because.') =>
    reply.text(JSON.stringify({ reasoning, fitScore, intentScore, overallScore })),
  /** A completed reply whose output text is exactly this. */
  text:
    (text: string, extra: Record<string, unknown> = {}): FakeAnswer =>
    ({ call, response }) =>
      sendReply(call, response, { output: [message(outputText(text))], ...extra }),
}

/** Every way the notes and the SDK's tests know a call to go wrong. */
export const fault = {
  status:
    (
      status: number,
      error: { code?: string | null; type?: string; message?: string } = {},
      headers: Record<string, string> = {},
    ): FakeAnswer =>
    ({ response }) =>
      sendJson(response, status, { error: { message: `fault ${status}`, ...error } }, headers),
  modelNotFound:
    (status = 404): FakeAnswer =>
    ({ call, response }) => {
      const error = { code: 'model_not_found', type: 'invalid_request_error', param: null }
      const said = `The model \`${call.model}\` does not exist or you do not have access to it.`
      sendJson(response, status, { error: { ...error, message: said } })
    },
  insufficientQuota: () => fault.status(429, { code: 'insufficient_quota' }),
  resetBeforeHeaders:
    (): FakeAnswer =>
    ({ response }) => {
      response.socket?.resetAndDestroy()
    },
  resetMidBody:
    (): FakeAnswer =>
    ({ response }) => {
      response.writeHead(200, { ...jsonHeaders, 'content-length': '1000' })
      response.write('{"id":"resp_', () => response.socket?.resetAndDestroy())
    },
  stalledHeaders: (): FakeAnswer => () => undefined,
  stalledBody:
    (status = 200): FakeAnswer =>
    ({ response }) => {
      response.writeHead(status, { ...jsonHeaders, 'content-length': '1000' })
      response.write('{"id":"resp_')
    },
  body:
    (body: string, contentType = 'application/json'): FakeAnswer =>
    ({ response }) => {
      response.writeHead(200, { ...jsonHeaders, 'content-type': contentType }).end(body)
    },
  invalidJson: () => fault.body('{"id":"resp_1","output":['),
  html: () => fault.body('<!doctype html><title>Bad gateway</title>', 'text/html'),
  emptyBody: () => fault.body(''),
  /** A body that never ends, as fast as the client reads it. */
  endlessBody:
    (): FakeAnswer =>
    ({ response }) => {
      response.writeHead(200, jsonHeaders)
      const chunk = 'x'.repeat(64 * 1024)
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    },
  /** A body that never ends, a blank at a time: the connection is alive, the answer never comes. */
  drippingBody:
    (everyMs = 20): FakeAnswer =>
    ({ response }) => {
      response.writeHead(200, jsonHeaders)
      const timer = setInterval(() => response.write(' '), everyMs)
      response.once('close', () => clearInterval(timer))
    },
  refusal:
    (): FakeAnswer =>
    ({ call, response }) =>
      sendReply(call, response, { output: [message({ type: 'refusal', refusal: 'I cannot.' })] }),
  incomplete:
    (reason = 'max_output_tokens'): FakeAnswer =>
    ({ call, response }) =>
      sendReply(call, response, {
        status: 'incomplete',
        incomplete_details: { reason },
        output: [message(outputText('{"reasoning":"Bec'))],
      }),
  emptyOutput:
    (): FakeAnswer =>
    ({ call, response }) =>
      sendReply(call, response, { output: [] }),
  failed:
    (code = 'server_error'): FakeAnswer =>
    ({ call, response }) =>
      sendReply(call, response, { status: 'failed', error: { code, message: 'x' }, output: [] }),
  wrongSchema: () => reply.text('{"score":4}'),
  notJsonText: () => reply.text('I would say four out of four.'),
}

/** By the name of the schema that the question asks for. */
function predictedAnswer(call: FakeCall): unknown {
  const { name } = call.request.text?.format ?? {}
  if (name === 'message_sentiment') return { sentiment: 'Interested' }
  if (name === 'reply_draft') return { reply: 'Thank you. When would suit you?' }
  return predictedScores(call.transcript)
}

/**
 * The default scores, from the last inbound message that a person wrote: intent 1 "not interested"
 * or "unsubscribe", 4 "price" or "book", 3 any question mark, else 2; fit 1 if any inbound message
 * says "wrong person", 4 if one says "ideal", else 3. The reasoning tells what was seen.
 */
export function predictedScores(transcript: readonly FakeTranscriptMessage[]) {
  const inbound = transcript.filter((entry) => entry.direction === 'inbound' && !entry.automatic)
  const last = inbound.at(-1)?.text.toLowerCase() ?? ''
  const all = inbound.map(({ text }) => text.toLowerCase()).join('\n')
  const fitScore = /wrong person/.test(all) ? 1 : /ideal/.test(all) ? 4 : 3
  const intentScore = predictedIntent(last)
  const overallScore = overallTable[fitScore][intentScore]
  const reasoning = `Saw ${transcript.length} messages, the last inbound: ${last.slice(0, 80)}`
  return { reasoning, fitScore, intentScore, overallScore }
}

/** By fit, then intent; written out here so that the fake does not lean on the code under test. */
const overallTable = {
  1: { 1: 1, 2: 1, 3: 1, 4: 1 },
  3: { 1: 1, 2: 2, 3: 3, 4: 4 },
  4: { 1: 1, 2: 3, 3: 3, 4: 4 },
}

function predictedIntent(last: string) {
  if (/not interested|unsubscribe/.test(last)) return 1
  if (/price|book/.test(last)) return 4
  return last.includes('?') ? 3 : 2
}

const jsonHeaders = { 'content-type': 'application/json', 'x-request-id': 'req_fake' }

function outputText(text: string) {
  return { type: 'output_text', text, annotations: [] }
}

function message(part: Record<string, unknown>) {
  return { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [part] }
}

function sendReply(call: FakeCall, response: ServerResponse, rest: Record<string, unknown>) {
  sendJson(response, 200, {
    id: `resp_${call.nth}`,
    object: 'response',
    created_at: 1_767_225_600,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: call.model,
    service_tier: 'default',
    usage,
    ...rest,
  })
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { ...jsonHeaders, ...headers }).end(JSON.stringify(body))
}
