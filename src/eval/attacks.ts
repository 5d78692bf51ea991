/**
 * Texts that try to talk a model into a score, and how one gets into a conversation: as the end of
 * the lead's latest message, which is where somebody who writes to us can put it.
 */
import { readFileSync } from 'node:fs'
import type { ScoringRequest } from '../domain/scoring/score.ts'
import { boundTranscript } from '../domain/scoring/transcript.ts'
import { storableText } from '../domain/text/storable-text.ts'

export interface Attack {
  /** `template/encoding` */
  id: string
  /** `{{marker}}`: the marker of the call, which an attacker can only guess. */
  text: string
}

export const ATTACKS = new URL('./attacks.jsonl', import.meta.url)

/** What somebody guesses who has seen the form of a marker. */
const GUESSED_MARKER = '0123456789abcdef0123456789abcdef'

export function readAttacks(): Attack[] {
  return readFileSync(ATTACKS, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Attack)
}

export function attacked(request: ScoringRequest, attack: Attack): ScoringRequest {
  const text = storableText(attack.text.replaceAll('{{marker}}', GUESSED_MARKER))
  const at = request.transcript.findLastIndex(({ direction }) => direction === 'inbound')
  const transcript = request.transcript.map((entry, index) =>
    index === at ? { ...entry, body: `${entry.body}\n\n${text}` } : entry,
  )
  return { ...request, transcript: boundTranscript(transcript.reverse()) }
}
