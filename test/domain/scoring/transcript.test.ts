/** The bounded transcript: which messages are read, how much of them, and what is taken out. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { TranscriptEntry } from '../../../src/domain/scoring/score.ts'
import {
  boundTranscript,
  labelOf,
  sanitise,
  TRANSCRIPT_CHARACTERS_MAX,
  TRANSCRIPT_MESSAGES_MAX,
  TRUNCATION_MARKER,
  truncate,
} from '../../../src/domain/scoring/transcript.ts'
import { suite } from '../../support/suite.ts'

const test = suite('transcript')
const start = Date.parse('2026-01-06T14:03:27Z')

function entry(minute: number, body: string, rest: Partial<TranscriptEntry> = {}): TranscriptEntry {
  const at = new Date(start + minute * 60_000)
  return {
    direction: 'inbound',
    channel: 'email',
    kind: 'text',
    subject: null,
    body,
    at,
    ...rest,
  }
}

const bodies = (entries: TranscriptEntry[]) => entries.map(({ body }) => body)
const lengthOf = (entries: TranscriptEntry[]) =>
  entries.reduce((sum, { body, subject }) => sum + body.length + (subject?.length ?? 0), 0)

test('messages come out oldest first, whatever order they came in', () => {
  const mixed = [entry(2, 'b'), entry(3, 'c', { channel: 'sms' }), entry(1, 'a')]
  assert.equal(bodies(boundTranscript(mixed)), ['a', 'b', 'c'])
})

test('messages of one instant are taken as newest first', () => {
  assert.equal(bodies(boundTranscript([entry(1, 'second'), entry(1, 'first')])), [
    'first',
    'second',
  ])
})

test('only the most recent sixty are kept', () => {
  const many = Array.from({ length: 100 }, (_, minute) => entry(minute, `m${minute}`))
  const kept = bodies(boundTranscript(many))
  assert.is(kept.length, TRANSCRIPT_MESSAGES_MAX)
  assert.is(kept[0], 'm40')
  assert.is(kept.at(-1), 'm99')
})

test('the newest stay whole, the one that crosses the limit is cut, older ones are dropped', () => {
  const kept = boundTranscript([
    entry(1, 'oldest'),
    entry(2, 'x'.repeat(TRANSCRIPT_CHARACTERS_MAX)),
    entry(3, 'the newest message'),
  ])
  assert.is(kept.length, 2)
  assert.is(kept[1]?.body, 'the newest message')
  assert.ok(kept[0]?.body.endsWith(TRUNCATION_MARKER))
  assert.is(lengthOf(kept), TRANSCRIPT_CHARACTERS_MAX)
})

test('a newest message above the limit is cut, never dropped', () => {
  const kept = boundTranscript([entry(1, 'y'.repeat(100_000)), entry(0, 'before')])
  assert.is(kept.length, 1)
  assert.is(lengthOf(kept), TRANSCRIPT_CHARACTERS_MAX)
  assert.ok(kept[0]?.body.endsWith(TRUNCATION_MARKER))
})

test('a scrap of an older message is dropped rather than shown', () => {
  const entries = [entry(2, 'z'.repeat(TRANSCRIPT_CHARACTERS_MAX - 50)), entry(1, 'q'.repeat(300))]
  assert.is(boundTranscript(entries).length, 1)
})

test('the limits hold for any conversation, and the newest message is always there', () => {
  const anyEntry = fc
    .record({
      minute: fc.integer({ min: 0, max: 500 }),
      body: fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 20 })),
      times: fc.constantFrom(1, 1, 400, 4000),
      subject: fc.option(fc.string({ unit: 'binary', maxLength: 2000 }), { nil: null }),
    })
    .map(({ minute, body, times, subject }) => entry(minute, body.repeat(times), { subject }))
  fc.assert(
    fc.property(fc.array(anyEntry, { minLength: 1, maxLength: 90 }), (entries) => {
      const kept = boundTranscript(entries)
      const newest = Math.max(...entries.map(({ at }) => at.getTime()))
      assert.ok(kept.length >= 1 && kept.length <= TRANSCRIPT_MESSAGES_MAX)
      assert.ok(lengthOf(kept) <= TRANSCRIPT_CHARACTERS_MAX)
      assert.is(kept.at(-1)?.at.getTime(), newest)
      for (const { body } of kept) assert.ok(body.isWellFormed())
    }),
    { numRuns: 150 },
  )
})

test('the input is left as it was', () => {
  const entries = [entry(2, 'b\u200b'), entry(1, 'a')]
  boundTranscript(entries)
  assert.is(entries[0]?.body, 'b\u200b')
})

test('invisible and controlling characters are taken out, visible ones stay', () => {
  const hidden = 'a\0b\u0007c\u200bd\u202ee\u2066f\ufeffg\u00adh\ud800i\u{e0041}j\ufe0fk\ufff9l'
  assert.is(sanitise(hidden), 'abcdefghijkl')
  assert.is(sanitise('Grüße 你好 🙂 שלום\tx'), 'Grüße 你好 🙂 שלום\tx')
  assert.is(sanitise('a\r\nb\rc\u2028d\n\n\n\n\ne  '), 'a\nb\nc\nd\n\ne')
})

test('sanitising twice changes nothing more', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.is(sanitise(sanitise(text)), sanitise(text))
    }),
  )
})

test('a cut never leaves half a character', () => {
  const text = '🙂'.repeat(30)
  for (let max = 0; max < 60; max += 1) {
    const cut = truncate(text, max)
    assert.ok(cut.length <= max)
    assert.ok(cut.isWellFormed())
  }
})

test('a label names direction, channel, minute and automatic replies', () => {
  assert.is(labelOf(entry(0, '')), '[inbound · email · 2026-01-06T14:03Z]')
  assert.is(
    labelOf(entry(0, '', { direction: 'outbound', channel: 'sms', kind: 'auto_reply' })),
    '[outbound · sms · 2026-01-06T14:03Z] (automatic reply)',
  )
})

test.run()
