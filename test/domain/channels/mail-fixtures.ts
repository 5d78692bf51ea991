/** Runs the recorded deliveries of a provider against what `expected.json` says of each. */
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type {
  Delivery,
  InboundEvent,
  ParseResult,
  Provider,
} from '../../../src/domain/channels/inbound-event.ts'
import { type Classification, classifyMessage } from '../../../src/domain/message-rules.ts'

interface Expected {
  file: string
  provider: string
  channel: 'email'
  expect: 'message' | 'auto_reply' | 'opt_out' | 'bounce' | 'echo' | 'ignored'
  direction: 'inbound' | 'outbound' | null
  lead: { email?: string; name?: string; providerId?: string; linkedinUrl?: string }
  body: string | null
  sentAt: string | null
  dedupeKeyParts: string[]
}

const folder = new URL('../../fixtures/webhooks/', import.meta.url)

export function fixturesOf(provider: string): Expected[] {
  const all = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as Expected[]
  return all.filter((expected) => expected.provider === provider)
}

export function fixture(file: string): Buffer {
  return readFileSync(new URL(file, folder))
}

/** A fixture as an object, to change one thing of. */
export function fixtureObject<T>(file: string): T {
  return JSON.parse(fixture(file).toString('utf8')) as T
}

export function delivery(body: unknown, headers: Delivery['headers'] = {}): Delivery {
  const rawBody = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return {
    rawBody,
    headers,
    url: 'https://leadpulse.example/webhooks/email/token',
    receivedAt: new Date('2026-01-06T16:00:00Z'),
    connectionId: '0197-connection',
  }
}

export function eventOf(result: ParseResult): InboundEvent {
  assert.is(result.outcome, 'events', JSON.stringify(result))
  if (result.outcome !== 'events') throw new Error('unreachable')
  assert.is(result.events.length, 1)
  return result.events[0]
}

export function classified(event: InboundEvent): Classification {
  const { kind } = event
  if (kind === 'label') throw new Error('a label is no message')
  return classifyMessage({ ...event, kind, channel: 'email' })
}

export function identity(event: InboundEvent, kind: string): string | undefined {
  return event.lead.identities.find((known) => known.kind === kind)?.value
}

/** Everything `expected.json` says of one recorded delivery. */
export function assertFixture(provider: Provider, expected: Expected): void {
  const result = provider.parse(delivery(fixture(expected.file)))
  if (expected.expect === 'ignored' || Object.keys(expected.lead).length === 0) {
    assert.is(result.outcome, 'ignored')
    assert.is('keep' in result ? result.keep : false, expected.expect !== 'ignored')
    return
  }
  const event = eventOf(result)
  const kinds = { message: 'text', echo: 'text', ignored: 'text' } as const
  const kind = kinds[expected.expect as keyof typeof kinds] ?? expected.expect
  assert.is(classified(event).kind, kind)
  assert.is(event.direction, expected.direction)
  assert.is(identity(event, 'email'), expected.lead.email)
  const name = [event.lead.firstName, event.lead.lastName].filter(Boolean).join(' ')
  assert.is(name, expected.lead.name ?? '')
  if (expected.lead.providerId) {
    assert.ok(identity(event, 'provider')?.endsWith(`:${expected.lead.providerId}`))
  }
  assert.is(identity(event, 'linkedin'), expected.lead.linkedinUrl)
  assert.is(collapsed(event.body), collapsed(expected.body))
  assert.is(event.sentAt?.toISOString() ?? null, expected.sentAt)
  for (const part of expected.dedupeKeyParts) assert.ok(event.dedupeKey.includes(part), part)
}

function collapsed(text: string | null): string | null {
  return text === null ? null : text.replace(/\s+/g, ' ').trim()
}
