/** `GET /v1/models`: which models the provider serves, and until when. */
import { z } from 'zod'
import type { PublishedModels } from '../domain/ai/model-life.ts'

/** A list of some hundred models is a few ten kilobytes and answered at once. */
const LIST_TIMEOUT_MS = 10_000
const LIST_BYTES_MAX = 4 * 1024 * 1024

/** As a day, a time, or seconds since 1970; what is none of these says nothing. */
const shutdownDate = z
  .union([
    z.string().regex(/^\d{4}-\d{2}-\d{2}/),
    z
      .number()
      .int()
      .positive()
      .transform((seconds) => new Date(seconds * 1000).toISOString()),
  ])
  .transform((text) => text.slice(0, 10))
  .nullish()
  .catch(null)
const listSchema = z.object({
  data: z.array(z.object({ id: z.string(), shutdown_date: shutdownDate })),
})

/** Throws an error that names the status, never the address or the key. */
export async function readModelList(
  of: { baseURL: string; apiKey: string; fetch?: typeof fetch | undefined },
  signal: AbortSignal,
): Promise<PublishedModels> {
  const response = await (of.fetch ?? fetch)(`${of.baseURL}/models`, {
    headers: { authorization: `Bearer ${of.apiKey}`, accept: 'application/json' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]),
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`list of models: HTTP ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > LIST_BYTES_MAX) throw new Error('list of models: too large')
    chunks.push(chunk)
  }
  const parsed = listSchema.safeParse(parse(Buffer.concat(chunks).toString('utf8')))
  if (!parsed.success) throw new Error('list of models: not understood')
  return new Map(parsed.data.data.map(({ id, shutdown_date: date }) => [id, date ?? null]))
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
