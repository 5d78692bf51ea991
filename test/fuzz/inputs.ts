/** Inputs that nobody sane would send: any bytes, any JSON, and real payloads with something changed. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'

const FIXTURES = join(import.meta.dirname, '../fixtures/webhooks')
const payloads = readdirSync(FIXTURES, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(json|form)$/.test(entry.name))
  .filter(({ name }) => name !== 'expected.json' && name !== 'signatures.json')
  .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))

/** What has broken parsers before. */
const nasty = fc.constantFrom<unknown>(
  null,
  true,
  0,
  -1,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '9'.repeat(400),
  'a@b.example',
  '+12125550187',
  '<!--'.repeat(200),
  '> '.repeat(300),
  '<div>'.repeat(300),
  '\n'.repeat(2000),
  'On Mon, Jan 5, 2026 at 10:00 AM Ann <a@b.example> wrote:\n> x\n'.repeat(20),
  '2026-13-45T99:99:99Z',
  '%E0%A4%A',
  '{{7*7}}',
  "' or 1=1 --",
  [],
  {},
  [[[[[[]]]]]],
  JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
)
const anything = fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 60 }), fc.jsonValue())
const dangerousKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'length',
  '',
)

export const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  nasty.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
  fc.constantFrom(...payloads),
)

/** A real payload: one member replaced, removed, doubled or given a dangerous name. */
const changedPayload = fc
  .record({
    text: fc.constantFrom(...payloads),
    at: fc.nat(200),
    by: anything,
    key: dangerousKey,
    how: fc.constantFrom('replace', 'remove', 'name', 'wrap'),
  })
  .map(({ text, at, by, key, how }) => {
    let count = 0
    const chosen = at % Math.max(1, (text.match(/":/g) ?? []).length)
    const changed = JSON.stringify(parsed(text), (name, member: unknown) => {
      if (name === '' || count++ !== chosen) return member
      if (how === 'replace') return by
      if (how === 'remove') return undefined
      return how === 'wrap' ? [member, by] : { [`${key}x`]: by, member }
    })
    // JSON.stringify would set the prototype; the sender writes what it likes.
    return String(changed)
      .replaceAll('"__proto__x"', '"__proto__"')
      .replaceAll(`"${key}x"`, `"${key}"`)
  })

/** A real payload with a few bytes overwritten, removed or repeated. */
const damagedPayload = fc
  .record({
    text: fc.constantFrom(...payloads),
    at: fc.nat(4000),
    length: fc.nat(40),
    bytes: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ text, at, length, bytes }) => {
    const body = Buffer.from(text)
    const from = at % Math.max(1, body.length)
    return Buffer.concat([body.subarray(0, from), bytes, body.subarray(from + length)])
  })

const form = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom('Body', 'From', 'To', 'MessageSid'), fc.string()),
      fc.string(),
    ),
  )
  .map((pairs) =>
    pairs
      .map(
        ([key, value]) =>
          `${encodeURIComponent(key.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`,
      )
      .join('&'),
  )

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return Object.fromEntries(new URLSearchParams(text))
  }
}

export const anyBody: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: changedPayload.map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: damagedPayload },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: form.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) },
)

export { anything }
