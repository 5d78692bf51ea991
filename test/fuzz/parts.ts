/** What is fuzzed without a server: parsers, signatures, frames, filters, text rules, configuration. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { billingOf, parseReply, textOf } from '../../src/clients/openai-reply.ts'
import { ConfigError, readConfig } from '../../src/config.ts'
import { providerNames } from '../../src/domain/channels/inbound-event.ts'
import { providers } from '../../src/domain/channels/registry.ts'
import { contactsIn } from '../../src/domain/contacts.ts'
import { filterKey, readClientFrame } from '../../src/domain/feed-protocol.ts'
import { normalizeEmail, normalizeLinkedinUrl, normalizePhone } from '../../src/domain/identity.ts'
import { classifyMessage } from '../../src/domain/message-rules.ts'
import { intentOfText } from '../../src/domain/scoring/rules-intent.ts'
import { sentimentByRules } from '../../src/domain/sentiment.ts'
import { htmlToPlainText } from '../../src/domain/text/plain-text.ts'
import { newTextOf, stripQuotedThread } from '../../src/domain/text/quoted-thread.ts'
import { callbackTokens } from '../support/api.ts'
import { deliveryOf } from '../support/fixtures.ts'
import { formMeaning, signatureCases } from '../support/signature-cases.ts'
import { anyBody, anyText, anything } from './inputs.ts'

export interface Part {
  name: string
  /** Of all runs, this many of a hundred. */
  percent: number
  /** Throws when the part does what it must not. */
  property: fc.IProperty<[unknown]> | fc.IAsyncProperty<[unknown]>
}

/** How long the longest single input held the event loop, by part. */
export const longestMs = new Map<string, number>()
/** The first ones of a process compile and load what they call, whatever they are. */
const UNCOUNTED = 200

function part<T>(
  name: string,
  percent: number,
  input: fc.Arbitrary<T>,
  check: (value: T) => void,
): Part {
  let inputs = 0
  function cpuMs(value: T): number {
    // Of this thread, so that other work of the machine does not count.
    const before = process.threadCpuUsage()
    check(value)
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1000
  }
  const property = fc.property(input, (value) => {
    const ms = cpuMs(value)
    const longest = longestMs.get(name) ?? 0
    inputs += 1
    // Once more: a collection of garbage that fell into the first time is not the input's doing.
    if (inputs > UNCOUNTED && ms > longest) {
      longestMs.set(name, Math.max(longest, Math.min(ms, cpuMs(value))))
    }
    assertUnpolluted()
  })
  return { name, percent, property: property as unknown as Part['property'] }
}

export function assertUnpolluted(): void {
  const { polluted } = {} as { polluted?: unknown }
  if (polluted !== undefined || Object.keys(Object.prototype).length > 0) {
    throw new Error('Object.prototype was changed')
  }
}

/** What PostgreSQL refuses: U+0000 and half a surrogate pair. */
function assertStorable(value: unknown): void {
  const text = JSON.stringify(value)
  assert.not.match(text, /(?<!\\)(?:\\\\)*\\u0000/)
  assert.not.match(text, /(?<!\\)(?:\\\\)*\\ud[89a-f]/)
}

const outcomes = ['events', 'ignored', 'rejected', 'malformed']
const parsers = providerNames.map((name) =>
  part(`parser ${name}`, 6, anyBody, (rawBody) => {
    const provider = providers[name]
    const result = provider.parse(deliveryOf(rawBody))
    assert.ok(outcomes.includes(result.outcome), result.outcome)
    if (result.outcome !== 'events') {
      assert.ok(result.reason.length > 0)
      return
    }
    for (const event of result.events) {
      assertStorable(event)
      assert.ok(event.dedupeKey.length > 0 && event.dedupeKey.length <= 300)
      assert.ok(event.sentAt === null || !Number.isNaN(event.sentAt.getTime()))
      if (event.kind !== 'label') {
        const [channel] = provider.channels
        assert.ok(channel)
        classifyMessage({ ...event, channel, kind: event.kind })
      }
    }
  }),
)

const cases = signatureCases().filter(({ vector }) => vector.valid)
const signatures = part(
  'mutated signatures',
  20,
  fc.record({
    index: fc.nat(),
    what: fc.constantFrom('signature', 'body', 'url'),
    at: fc.nat(),
    length: fc.nat(3),
    text: fc.string({ maxLength: 4 }),
  }),
  ({ index, what, at, length, text }) => {
    const { vector, delivery, verify } = cases[index % cases.length] as (typeof cases)[number]
    const edit = (whole: string) => {
      const from = at % (whole.length + 1)
      return whole.slice(0, from) + text + whole.slice(from + length)
    }
    const signature = what === 'signature' ? edit(vector.signature) : vector.signature
    const body = delivery.rawBody.toString('latin1')
    const rawBody = Buffer.from(what === 'body' ? edit(body) : body, 'latin1')
    const url = what === 'url' && vector.url ? edit(delivery.url) : delivery.url
    const same =
      signature.trim() === vector.signature.trim() &&
      url === delivery.url &&
      (rawBody.equals(delivery.rawBody) ||
        (vector.algorithm.startsWith('twilio') &&
          formMeaning(rawBody) === formMeaning(delivery.rawBody)))
    const changed = { ...delivery, rawBody, url, headers: { [vector.header]: signature } }
    if (!same) assert.is(verify(changed).ok, false, `false accept: ${vector.name} ${what}`)
  },
)

const frames = part('feed frames', 14, fc.oneof(anyText, frameLike()), (text) => {
  const frame = readClientFrame(text)
  assert.ok(['subscribe', 'unknown', 'invalid'].includes(frame.type))
  if (frame.type === 'invalid') assert.ok(frame.reason.length > 0)
  if (frame.type === 'subscribe' && frame.subscribe.filter) {
    const { filter } = frame.subscribe
    assert.is(filterKey(filter), filterKey({ ...filter }))
  }
})

function frameLike(): fc.Arbitrary<string> {
  const filter = fc.record({ leadId: anything, minOverall: anything, channel: anything })
  const since = fc.record({ epoch: anything, seq: anything })
  return fc
    .record({
      type: fc.constant('subscribe'),
      since: fc.oneof(since, anything),
      filter,
      snapshot: anything,
    })
    .map((frame) => JSON.stringify(frame))
}

const texts = part('text rules', 4, anyText, (text) => {
  htmlToPlainText(text)
  stripQuotedThread(text)
  newTextOf({ text, html: text })
  contactsIn(text)
  intentOfText(text)
  sentimentByRules({ channel: 'email', kind: 'text', subject: text.slice(0, 100), body: text })
  normalizeEmail(text)
  normalizePhone(text)
  normalizeLinkedinUrl(text)
  assert.is(callbackTokens.read(text), null)
})

const replies = part(
  'replies of a model',
  4,
  fc.oneof(anything, fc.record({ status: anything, output: fc.array(anything), usage: anything })),
  (body) => {
    assert.ok(textOf(body))
    assert.ok(billingOf(body))
    assert.ok(parseReply(JSON.stringify(body) ?? '', 'application/json'))
  },
)

const configuration = part(
  'configuration',
  4,
  fc.dictionary(
    fc.constantFrom(
      'PORT',
      'HOST',
      'ROLE',
      'SECRETS_KEY',
      'ALLOWED_ORIGINS',
      'TRUSTED_PROXIES',
      'DATABASE_URL',
      'PUBLIC_URL',
      'LLM_CONCURRENCY',
      'ADMIN_TOKEN',
    ),
    fc.string({ unit: 'binary', maxLength: 60 }),
  ),
  (env) => {
    try {
      readConfig(env as NodeJS.ProcessEnv)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      assert.ok(error.lines.length > 0)
    }
  },
)

export const parts: Part[] = [...parsers, signatures, frames, texts, replies, configuration]
