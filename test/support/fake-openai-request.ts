/** Reads and checks the requests the fake OpenAI server gets: what the real one would refuse. */

export interface FakeRequest {
  model?: unknown
  instructions?: unknown
  input?: unknown
  store?: unknown
  tools?: unknown
  max_output_tokens?: unknown
  safety_identifier?: unknown
  reasoning?: { effort?: string }
  text?: { format?: Record<string, unknown> }
}

export interface FakeTranscriptMessage {
  direction: 'inbound' | 'outbound'
  channel: string
  at: string
  automatic: boolean
  subject: string
  text: string
}

/** What is wrong with a request; null: nothing. */
export function breachOf(request: FakeRequest, efforts: readonly string[]): string | null {
  const format = request.text?.format
  const effort = request.reasoning?.effort
  if (typeof request.instructions !== 'string') return 'instructions are missing'
  if (!Array.isArray(request.input) || request.input.length === 0) return 'input is no list'
  if (request.store !== false) return 'store is not false'
  if (request.tools !== undefined) return 'tools are offered'
  if (typeof request.max_output_tokens !== 'number') return 'max_output_tokens is missing'
  if (!/^[0-9a-f]{64}$/.test(String(request.safety_identifier))) return 'safety_identifier'
  if (effort !== undefined && !efforts.includes(effort)) return `effort ${effort} is not supported`
  if (format?.type !== 'json_schema' || format.strict !== true) return 'no strict schema'
  if (!/^[\w-]{1,64}$/.test(String(format.name))) return 'schema name'
  return schemaBreach(format.schema)
}

/** The strict subset: objects closed, everything required, no keyword the API does not know. */
function schemaBreach(schema: unknown): string | null {
  if (typeof schema !== 'object' || schema === null) return 'schema is no object'
  const { type, properties, required, additionalProperties } = schema as Record<string, unknown>
  if (type !== 'object' || typeof properties !== 'object' || properties === null) {
    return 'schema root is no object'
  }
  if (additionalProperties !== false) return 'additionalProperties is not false'
  const names = Object.keys(properties)
  if (!Array.isArray(required) || names.some((name) => !required.includes(name))) {
    return 'not every property is required'
  }
  return JSON.stringify(schema).includes('"maxLength"') ? 'maxLength is not supported' : null
}

/** The JSON documents between the markers of a scoring prompt; null and [] for other prompts. */
export function documentsOf(request: FakeRequest): {
  lead: Record<string, unknown> | null
  transcript: FakeTranscriptMessage[]
} {
  const items = Array.isArray(request.input) ? request.input : []
  const found = new Map<string, unknown>()
  for (const { content } of items as { content: unknown }[]) {
    const match = /^BEGIN (\w+) ([0-9a-f]{32,64})\n(.*)\nEND \1 \2$/.exec(String(content))
    if (match?.[1] && match[3] !== undefined) found.set(match[1], JSON.parse(match[3]))
  }
  const transcript = (found.get('transcript') ?? []) as Record<string, string>[]
  return {
    lead: (found.get('lead') ?? null) as Record<string, unknown> | null,
    transcript: transcript.map(({ message, subject, text }) => {
      const [, direction, channel, at, rest] =
        /^\[(\w+) · (\w+) · (\S+)\](.*)$/.exec(message ?? '') ?? []
      return {
        direction: direction === 'inbound' ? 'inbound' : 'outbound',
        channel: channel ?? '',
        at: at ?? '',
        automatic: rest === ' (automatic reply)',
        subject: subject ?? '',
        text: text ?? '',
      }
    }),
  }
}
