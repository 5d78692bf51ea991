/**
 * What a scorer reads of a conversation: the most recent messages of all channels, oldest first,
 * bounded, and free of characters that a reader cannot see.
 */
import type { TranscriptEntry } from './score.ts'

/** A conversation's state is in its last weeks; sixty messages hold those of every real lead. */
export const TRANSCRIPT_MESSAGES_MAX = 60
/**
 * About 6,000 tokens of English: bounds the cost of a score ($0.0003 on the default model) and
 * leaves little room to bury a message. Counted in UTF-16 units of subject and body.
 */
export const TRANSCRIPT_CHARACTERS_MAX = 24_000
/** Less than this of the oldest message is dropped: half a sentence misleads more than it tells. */
export const TRUNCATED_CHARACTERS_MIN = 200
/** Mail servers refuse longer header lines; a subject beyond it is no subject. */
export const SUBJECT_CHARACTERS_MAX = 998
/** Stands where text was cut, so that a cut is never taken for the writer's own ending. */
export const TRUNCATION_MARKER = ' […cut]'

export interface TranscriptLimits {
  messages: number
  characters: number
}

const defaultLimits: TranscriptLimits = {
  messages: TRANSCRIPT_MESSAGES_MAX,
  characters: TRANSCRIPT_CHARACTERS_MAX,
}

/**
 * Entries may come in any order; those of the same instant are taken as newest first, which is how
 * the transcript query reads them. The newest are kept whole while they fit; the first that does
 * not is cut, and nothing older is kept.
 */
export function boundTranscript(
  entries: readonly TranscriptEntry[],
  limits: TranscriptLimits = defaultLimits,
): TranscriptEntry[] {
  const newestFirst = sortNewestFirst(entries).slice(0, Math.max(0, limits.messages))
  const kept: TranscriptEntry[] = []
  let room = limits.characters
  for (const entry of newestFirst) {
    const clean = sanitiseEntry(entry)
    const length = clean.body.length + (clean.subject?.length ?? 0)
    if (length > room) {
      if (kept.length === 0 || room >= TRUNCATED_CHARACTERS_MIN) kept.push(cutEntry(clean, room))
      break
    }
    kept.push(clean)
    room -= length
  }
  return kept.reverse()
}

/** "[inbound · email · 2026-01-06T14:03Z]", the minute being all that a score depends on. */
export function labelOf(entry: Pick<TranscriptEntry, 'direction' | 'channel' | 'at' | 'kind'>) {
  const minute = `${entry.at.toISOString().slice(0, 16)}Z`
  const label = `[${entry.direction} · ${entry.channel} · ${minute}]`
  return entry.kind === 'auto_reply' ? `${label} (automatic reply)` : label
}

/**
 * Removes what can hide text from a person who reads along: control characters (NUL among them),
 * zero-width, bidirectional and tag characters, variation selectors, lone surrogates.
 */
export function sanitise(text: string): string {
  return text
    .replace(/\r\n?|\u2028|\u2029/gu, '\n')
    .replace(/(?![\n\t])[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/gu, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** At most `max` UTF-16 units including the marker; never ends in half a character. */
export function truncate(text: string, max: number): string {
  if (text.length <= max) return text
  const room = Math.max(0, max - TRUNCATION_MARKER.length)
  const head = text.slice(0, room).replace(/[\uD800-\uDBFF]$/, '')
  return `${head}${TRUNCATION_MARKER}`.slice(0, Math.max(0, max))
}

function sortNewestFirst(entries: readonly TranscriptEntry[]): TranscriptEntry[] {
  return entries.toSorted((a, b) => b.at.getTime() - a.at.getTime())
}

function sanitiseEntry(entry: TranscriptEntry): TranscriptEntry {
  const subject =
    entry.subject === null ? null : truncate(sanitise(entry.subject), SUBJECT_CHARACTERS_MAX)
  return { ...entry, subject, body: sanitise(entry.body) }
}

function cutEntry(entry: TranscriptEntry, room: number): TranscriptEntry {
  const subject = entry.subject === null ? null : truncate(entry.subject, room)
  return { ...entry, subject, body: truncate(entry.body, room - (subject?.length ?? 0)) }
}
