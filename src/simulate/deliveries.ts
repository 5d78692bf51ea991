/** A stream rendered into the bytes that providers would send: people, ids and times added. */
import type { Happening } from './happening.ts'
import { createIds } from './ids.ts'
import type { Facts, Format, FormatName, Outcome } from './payloads/format.ts'
import { formats } from './payloads/formats.ts'
import { identify, type Person } from './people.ts'
import type { Stream, StreamOptions } from './schedule.ts'

export interface Delivery {
  happening: Happening
  person: Person
  format: FormatName
  atMs: number
  /** What a right service makes of it. */
  outcome: Outcome
  contentType: string | null
  body: string
  /** The provider's id of the message, where the answer cannot name ours. */
  externalId: string | null
}

/**
 * `nonce` keeps two runs apart: without it a second run would be all duplicates. `startedAt` is when
 * the first moment of the stream is told to have been.
 */
export interface Rendering {
  nonce: string
  startedAt: Date
}

/** What `--replay` uses: the same bytes on every day. */
export function replayRendering({ leads, rate, seconds }: StreamOptions): Rendering {
  // Other options give other messages under the same numbers, so they are part of the nonce.
  const nonce = `replay ${leads} ${rate} ${seconds}`
  return { nonce, startedAt: new Date('2026-01-05T15:00:00.000Z') }
}

export function renderStream(stream: Stream, seed: number, rendering: Rendering): Delivery[] {
  const ids = createIds(seed, rendering.nonce)
  const people = stream.personas.map((persona) => identify(persona, ids))
  const byId = new Map(stream.happenings.map((happening) => [happening.id, happening]))
  const timeOf = ({ atMs }: Happening) => new Date(rendering.startedAt.getTime() + atMs)

  function factsOf(happening: Happening): Facts {
    const person = people[happening.person]
    if (!person) throw new RangeError(`no person ${happening.person}`)
    const ours = happening.answers === null ? undefined : byId.get(happening.answers)
    // A second event tells of the message as it was, also of its time.
    const first = happening.as === 'second' ? byId.get(happening.original ?? -1) : undefined
    return {
      person,
      message: happening.message,
      delivery: happening.id,
      at: timeOf(first ?? happening),
      text: happening.text,
      subject: happening.subject,
      quoted: ours ? { text: ours.text, at: timeOf(ours) } : null,
      ids,
    }
  }

  return stream.happenings.map((happening) => {
    const source =
      happening.as === 'again' ? (byId.get(happening.original ?? -1) ?? happening) : happening
    const facts = factsOf(source)
    const format = formats[happening.format]
    const fields = payloadOf(source).make(facts)
    return {
      happening,
      person: facts.person,
      format: happening.format,
      atMs: happening.atMs,
      outcome: happening.outcome,
      contentType: format.contentType,
      body: encodeBody(format, fields),
      externalId: format.externalId?.(facts) ?? null,
    }
  })
}

function payloadOf({ format, occasion, as, variant }: Happening) {
  const { payloads, second, noise } = formats[format]
  const kinds = as === 'second' ? second : payloads
  const payload = occasion === 'noise' ? noise[variant] : kinds[occasion]
  if (!payload) throw new RangeError(`${format} has no payload for ${occasion}`)
  return payload
}

export function encodeBody({ encoding }: Format, fields: Record<string, unknown>): string {
  return encoding === 'form' ? formBody(fields) : JSON.stringify(fields)
}

function formBody(fields: Record<string, unknown>): string {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value))
  return form.toString()
}
