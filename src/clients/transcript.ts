/** What the transcript clients share: a base address, ids in a path, and pages that end. */
import { textOrNull } from '../domain/channels/decode.ts'
import { OutsideError, type SentMessage } from '../domain/post-process/outside.ts'
import { storableText } from '../domain/text/storable-text.ts'

/** Each page is a call with its own time limit; a conversation rarely has a second one. */
const PAGES_MAX = 3

/** `base` + path; each segment is encoded, so an id cannot leave its place. */
export function urlOf(
  base: string,
  segments: readonly string[],
  query: Record<string, string | null> = {},
): URL {
  const path = segments.map((segment) => encodeURIComponent(segment)).join('/')
  const url = new URL(`${base.replace(/\/+$/, '')}/${path}`)
  for (const [name, value] of Object.entries(query)) {
    if (value !== null) url.searchParams.set(name, value)
  }
  return url
}

/** A segment that walks up (`..`) would survive the encoding. */
export function idOf(raw: unknown): string | null {
  const id = textOrNull(raw)
  return id && id.length <= 200 && !/^\.{1,2}$/.test(id) ? id : null
}

export function requiredBase(base: string | null, provider: string): string {
  if (!base) throw new OutsideError(`${provider} needs apiBaseUrl on the connection`)
  return base
}

/** Asks for page after page until there is no next one. */
export async function pages<Cursor>(
  read: (cursor: Cursor | null) => Promise<{ messages: SentMessage[]; next: Cursor | null }>,
): Promise<SentMessage[]> {
  const all: SentMessage[] = []
  let cursor: Cursor | null = null
  for (let page = 0; page < PAGES_MAX; page++) {
    const { messages, next } = await read(cursor)
    all.push(...messages)
    if (next === null) break
    cursor = next
  }
  return all
}

export function sentMessage(raw: {
  dedupeKey: string
  externalId: string | null
  subject: string | null
  body: string | null
  sentAt: Date | null
}): SentMessage[] {
  const body = storableText(raw.body ?? '').trim()
  if (body === '' || raw.sentAt === null) return []
  const subject = raw.subject === null ? null : storableText(raw.subject)
  return [{ ...raw, subject, body, sentAt: raw.sentAt }]
}
