/**
 * What is kept of a delivery beside the message: its facts, small. Attachments, raw MIME and long
 * HTML are dropped by name or by size, whatever else a provider sends is cut to a budget.
 */

import { storableText } from '../text/storable-text.ts'

const STRING_CHARACTERS_MAX = 16_000
const PAYLOAD_CHARACTERS_MAX = 64_000
const ARRAY_ENTRIES_MAX = 100
const DEPTH_MAX = 8

/** A copy without the members called `dropped` (at any depth), cut to 64,000 characters in all. */
export function keptPayload(payload: unknown, dropped: readonly string[] = []): unknown {
  const names = new Set(dropped)
  let left = PAYLOAD_CHARACTERS_MAX

  function kept(value: unknown, depth: number): unknown {
    if (typeof value === 'string') {
      const room = Math.max(0, Math.min(STRING_CHARACTERS_MAX, left))
      left -= Math.min(value.length, room)
      return value.length <= room ? value : value.slice(0, room).toWellFormed()
    }
    if (typeof value !== 'object' || value === null) return value
    if (depth >= DEPTH_MAX) return null
    if (Array.isArray(value)) {
      const entries = (value as unknown[]).slice(0, ARRAY_ENTRIES_MAX)
      return entries.filter(spend).map((entry) => kept(entry, depth + 1))
    }
    const copy: Record<string, unknown> = {}
    for (const rawName in value) {
      const member = (value as Record<string, unknown>)[rawName]
      // Values are cleaned while decoding, names are not; jsonb refuses U+0000 in both.
      const name = storableText(rawName)
      if (names.has(name) || name === '__proto__') continue
      left -= name.length
      if (left <= 0) break
      copy[name] = kept(member, depth + 1)
    }
    return copy
  }

  function spend(): boolean {
    left -= 4
    return left > 0
  }

  return kept(payload, 0)
}
