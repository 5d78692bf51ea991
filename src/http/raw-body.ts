/**
 * Reads a webhook body as bytes, whatever its Content-Type says: signatures cover exactly these,
 * and some senders give no type, or a wrong one.
 */
import type { Readable } from 'node:stream'
import { Problem } from './problem.ts'

/** Bodies up to here are everyday; larger ones are mail with attachments inline. */
const SMALL_BODY_BYTES = 512 * 1024
/** At most this many large bodies in memory at once: 4 × 36 MiB of buffer plus their parsed form. */
const LARGE_BODIES_MAX = 4

export interface BodyReader {
  /** Throws Problem 413 beyond `bytesMax`, 503 when too many large bodies are being read. */
  read(stream: Readable, bytesMax: number): Promise<Buffer>
}

export function bodyReader(): BodyReader {
  let large = 0
  return {
    async read(stream, bytesMax) {
      const chunks: Buffer[] = []
      let bytes = 0
      let counted = false
      try {
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          bytes += chunk.length
          if (bytes > bytesMax) {
            throw new Problem('payload-too-large', {
              detail: `body: takes at most ${bytesMax} bytes`,
            })
          }
          if (bytes > SMALL_BODY_BYTES && !counted) {
            if (large >= LARGE_BODIES_MAX) throw tooManyLarge()
            large += 1
            counted = true
          }
          chunks.push(chunk)
        }
      } finally {
        if (counted) large -= 1
      }
      return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    },
  }
}

function tooManyLarge(): Problem {
  return new Problem('unavailable', {
    detail: 'too many large bodies at once',
    headers: { 'retry-after': '10' },
  })
}
