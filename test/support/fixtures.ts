/**
 * The provider fixtures and what must come of each (`test/fixtures/webhooks/`): reads their exact
 * bytes and holds a provider's parse, followed by the text rules, against `expected.json`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type {
  Channel,
  Delivery,
  InboundEvent,
  ParseResult,
  Provider,
  ProviderName,
} from '../../src/domain/channels/inbound-event.ts'
import { classifyMessage } from '../../src/domain/message-rules.ts'

const FOLDER = join(import.meta.dirname, '../fixtures/webhooks')

export interface Expectation {
  file: string
  provider: ProviderName
  shape?: string
  channel: Channel
  contentType: string
  encode?: 'form'
  expect: 'message' | 'auto_reply' | 'opt_out' | 'bounce' | 'echo' | 'ignored'
  direction: 'inbound' | 'outbound' | null
  lead: { email?: string; phone?: string; linkedinUrl?: string; providerId?: string; name?: string }
  body: string | null
  sentAt: string | null
  dedupeKeyParts: string[]
  duplicateOf?: string
  distinctFrom?: string
  uncertain?: boolean
  note: string
}

export interface SignatureVector {
  name: string
  algorithm: string
  valid: boolean
  header: string
  signature: string
  body?: string
  bodyFile?: string
  url?: string
  secret?: string
  publicKeyPem?: string
  privateKeyPemTestOnly?: string
  timestamp?: number
  now?: number
  toleranceSeconds?: number
}

/** The bytes a provider would send; parameters listed as JSON are form-encoded. */
export function fixture(file: string): Buffer {
  const bytes = readFileSync(join(FOLDER, file))
  if (expectedOf(file).encode !== 'form') return bytes
  const fields = JSON.parse(bytes.toString('utf8')) as Record<string, string>
  return Buffer.from(new URLSearchParams(fields).toString())
}

/** A JSON fixture as an object, for a test that changes it. */
export function fixtureJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Record<string, unknown>
}

export function expectations(): Expectation[] {
  return JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as Expectation[]
}

export function expectedOf(file: string): Expectation {
  const found = expectations().find((expected) => expected.file === file)
  if (!found) throw new Error(`${file}: not in expected.json`)
  return found
}

export function fixturesOf(provider: ProviderName): string[] {
  return expectations()
    .filter((expected) => expected.provider === provider)
    .map((expected) => expected.file)
}

export function signatureVectors(algorithmPrefix: string): SignatureVector[] {
  const { vectors } = JSON.parse(readFileSync(join(FOLDER, 'signatures.json'), 'utf8')) as {
    vectors: SignatureVector[]
  }
  return vectors.filter((vector) => vector.algorithm.startsWith(algorithmPrefix))
}

/** A delivery of these bytes (or of this JSON), received on the fixtures' day unless told otherwise. */
export function deliveryOf(body: unknown, overrides: Partial<Delivery> = {}): Delivery {
  const rawBody = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return {
    rawBody,
    headers: {},
    url: 'https://hooks.example.com/webhooks/channel/token',
    receivedAt: new Date('2026-01-06T14:31:50.000Z'),
    connectionId: '019b0000-0000-7000-8000-000000000001',
    ...overrides,
  }
}

/** The one event of a result that must be of outcome `events`. */
export function eventOf(result: ParseResult): InboundEvent {
  if (result.outcome !== 'events') {
    throw new Error(`expected events, got ${result.outcome}: ${result.reason}`)
  }
  return result.events[0]
}

/**
 * Parses the fixture and compares everything `expected.json` says. `orIgnored` accepts an answer
 * `ignored` too, for an expectation that is marked uncertain.
 */
export function assertMeetsExpectation<Signature>(
  provider: Provider<Signature>,
  file: string,
  { orIgnored = false } = {},
): void {
  const expected = expectedOf(file)
  assert.ok(provider.channels.includes(expected.channel), `${file}: channel`)
  const result = provider.parse(deliveryOf(fixture(file)))
  if (expected.expect === 'ignored' || (orIgnored && result.outcome === 'ignored')) {
    assert.is(result.outcome, 'ignored', `${file}: outcome`)
    assert.ok(result.outcome === 'ignored' && result.reason.length > 0, `${file}: reason`)
    return
  }
  const event = eventOf(result)
  assert.is(finalOutcome(expected.channel, event), expected.expect, `${file}: kind`)
  assert.is(event.direction, expected.direction, `${file}: direction`)
  assert.is(collapsed(event.body), collapsed(expected.body), `${file}: body`)
  assert.is(event.sentAt?.toISOString() ?? null, expected.sentAt, `${file}: sentAt`)
  assertLead(event, expected)
  assertKey(provider, event, expected)
}

function finalOutcome(channel: Channel, event: InboundEvent): string {
  if (event.kind === 'label') return 'label'
  const { direction, subject, body, signals } = event
  const { kind } = classifyMessage({
    channel,
    direction,
    kind: event.kind,
    subject,
    body,
    signals,
  })
  if (direction === 'outbound') return kind === 'text' ? 'echo' : `outbound ${kind}`
  return kind === 'text' ? 'message' : kind
}

function assertLead({ lead }: InboundEvent, { lead: wanted, file, note }: Expectation): void {
  const values = (kind: string) =>
    lead.identities.filter((identity) => identity.kind === kind).map(({ value }) => value)
  assert.equal(values('email'), wanted.email ? [wanted.email] : [], `${file}: lead.email`)
  assert.equal(values('phone'), wanted.phone ? [wanted.phone] : [], `${file}: lead.phone`)
  const urls = values('linkedin')
  const isOptional = /linkedinUrl .*optional/.test(note) && urls.length === 0
  if (!isOptional) {
    assert.equal(urls, wanted.linkedinUrl ? [wanted.linkedinUrl] : [], `${file}: lead.linkedinUrl`)
  }
  const ids = values('provider')
  assert.is(ids.length, wanted.providerId ? 1 : 0, `${file}: lead.providerId`)
  if (wanted.providerId) assert.ok(ids[0]?.endsWith(`:${wanted.providerId}`), `${file}: ${ids[0]}`)
  const name = [lead.firstName, lead.lastName].filter((part) => part !== null).join(' ')
  assert.is(name, wanted.name ?? '', `${file}: lead.name`)
}

function assertKey<Signature>(
  provider: Provider<Signature>,
  event: InboundEvent,
  expected: Expectation,
): void {
  const { file, duplicateOf, distinctFrom } = expected
  const key = event.dedupeKey.toLowerCase()
  for (const part of expected.dedupeKeyParts) {
    if (part === 'receipt time') {
      assert.ok(event.dedupeAliases.length > 0, `${file}: no alias for the previous time bucket`)
    } else {
      assert.ok(key.includes(part.toLowerCase()), `${file}: ${part} is not in ${event.dedupeKey}`)
    }
  }
  const keyOf = (other: string) => eventOf(provider.parse(deliveryOf(fixture(other)))).dedupeKey
  if (duplicateOf) assert.is(event.dedupeKey, keyOf(duplicateOf), `${file}: duplicateOf`)
  if (distinctFrom) assert.is.not(event.dedupeKey, keyOf(distinctFrom), `${file}: distinctFrom`)
}

function collapsed(text: string | null): string | null {
  return text === null ? null : text.replace(/\s+/g, ' ').trim()
}
