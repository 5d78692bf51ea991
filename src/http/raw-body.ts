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
    read: (stream, bytesMax) =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = []
        let bytes = 0
        let counted = false
        // Listeners, not `for await`: an iterator per request costs more than reading a small body.
        function done(error: Error | null): void {
          stream.off('data', take)
          stream.off('end', onEnd)
          stream.off('error', done)
          stream.off('close', onClose)
          if (counted) large -= 1
          if (error) reject(error)
          else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
        }
        function take(chunk: Buffer): void {
          bytes += chunk.length
          chunks.push(chunk)
          if (bytes > bytesMax) done(tooLarge(bytesMax))
          else if (bytes > SMALL_BODY_BYTES && !counted) {
            if (large >= LARGE_BODIES_MAX) done(tooManyLarge())
            else {
              large += 1
              counted = true
            }
          }
        }
        const onEnd = () => done(null)
        const onClose = () => done(new Error('the sender went away'))
        stream.on('data', take)
        stream.once('end', onEnd)
        stream.once('error', done)
        stream.once('close', onClose)
      }),
  }
}

function tooLarge(bytesMax: number): Problem {
  return new Problem('payload-too-large', { detail: `body: takes at most ${bytesMax} bytes` })
}

function tooManyLarge(): Problem {
  return new Problem('unavailable', {
    detail: 'too many large bodies at once',
    headers: { 'retry-after': '10' },
  })
}
