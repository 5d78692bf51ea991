/**
 * Reads the body of a Responses API reply: what it cost and whether it is an answer. Usage is read
 * on its own, because it is billed and recorded even when the rest of the reply is of no use.
 */
import { z } from 'zod'
import { type Failure, failure, failureOfCode, outage } from './openai-failure.ts'

export interface ReplyUsage {
  inputTokens: number | null
  cachedTokens: number | null
  cacheWriteTokens: number | null
  outputTokens: number | null
  reasoningTokens: number | null
}

export interface Billing {
  /** The model that answered; null when the reply does not say. */
  model: string | null
  /** False for flex, priority and other tiers: their prices are not in our table. */
  standardTier: boolean
  usage: ReplyUsage
}

const count = z.int().nonnegative().nullish().catch(null)
const word = z.string().max(200).nullish().catch(null)

const billingSchema = z.object({
  model: word,
  service_tier: word,
  usage: z
    .object({
      input_tokens: count,
      input_tokens_details: z
        .object({ cached_tokens: count, cache_write_tokens: count })
        .nullish()
        .catch(null),
      output_tokens: count,
      output_tokens_details: z.object({ reasoning_tokens: count }).nullish().catch(null),
    })
    .nullish()
    .catch(null),
})

const partSchema = z.object({
  type: z.string(),
  text: z.string().nullish(),
  refusal: z.string().nullish(),
})
const replySchema = z.object({
  status: z.string(),
  error: z.object({ code: z.string().nullish() }).nullish().catch(null),
  incomplete_details: z.object({ reason: z.string().nullish() }).nullish().catch(null),
  output: z
    .array(z.object({ type: z.string(), phase: word, content: z.array(partSchema).nullish() }))
    .nullish(),
})
type Reply = z.output<typeof replySchema>

export function billingOf(body: unknown): Billing {
  const { data } = billingSchema.safeParse(body)
  const usage = data?.usage
  return {
    model: data?.model ?? null,
    standardTier: ['default', 'standard', 'auto', null].includes(data?.service_tier ?? null),
    usage: {
      inputTokens: usage?.input_tokens ?? null,
      cachedTokens: usage?.input_tokens_details?.cached_tokens ?? null,
      cacheWriteTokens: usage?.input_tokens_details?.cache_write_tokens ?? null,
      outputTokens: usage?.output_tokens ?? null,
      reasoningTokens: usage?.output_tokens_details?.reasoning_tokens ?? null,
    },
  }
}

/**
 * What is no JSON although it says so was meant as an answer, and trying for ever would be billed
 * for ever: invalid. A page or nothing comes of a proxy whose server is away: an outage.
 */
export function parseReply(
  text: string,
  contentType: string | null,
): { body: unknown } | { failure: Failure } {
  try {
    return { body: JSON.parse(text) }
  } catch {
    const meant = text.trim() !== '' && /json/i.test(contentType ?? '')
    const reason = 'unreadable reply'
    // A page of a proxy or nothing at all: it was not the model that answered.
    return { failure: meant ? failure('invalid', reason) : outage('error', reason) }
  }
}

/** The text of a completed reply, or why there is none. The status decides before the content. */
export function textOf(body: unknown): { text: string } | { failure: Failure } {
  const parsed = replySchema.safeParse(body)
  if (!parsed.success) return { failure: failure('invalid', 'unreadable reply') }
  const reply = parsed.data
  if (reply.status === 'incomplete') return { failure: incomplete(reply) }
  if (reply.status === 'failed') return { failure: failureOfCode(reply.error?.code ?? null) }
  if (reply.status !== 'completed') return { failure: outage('error', 'reply without an end') }

  const messages = (reply.output ?? []).filter(
    ({ type, phase }) => type === 'message' && phase !== 'commentary',
  )
  const parts = messages.flatMap(({ content }) => content ?? [])
  if (parts.some(({ type }) => type === 'refusal')) {
    return { failure: failure('refused', 'refused by the model', { terminal: true }) }
  }
  const text = parts.map((part) => (part.type === 'output_text' ? (part.text ?? '') : '')).join('')
  return text.trim() === '' ? { failure: failure('invalid', 'empty output') } : { text }
}

function incomplete(reply: Reply): Failure {
  const reason = reply.incomplete_details?.reason
  if (reason === 'content_filter') {
    return failure('refused', 'stopped by the content filter', { terminal: true })
  }
  if (reason === 'max_output_tokens') return failure('incomplete', 'output token limit reached')
  return failure('incomplete', 'incomplete output')
}
