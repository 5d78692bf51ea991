import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { channels, providerNames } from '../../../src/domain/channels/inbound-event.ts'
import { providerFor, providers, providersOf } from '../../../src/domain/channels/registry.ts'
import { deliveryOf, expectations, fixtureJson } from '../../support/fixtures.ts'
import { suite } from '../../support/suite.ts'

const test = suite('registry')

test('every provider stands under its own name and takes a channel', () => {
  for (const name of providerNames) {
    assert.is(providers[name].name, name)
    assert.ok(providers[name].channels.length > 0, name)
    assert.ok(providers[name].bodyBytesMax >= 512 * 1024, name)
  }
})

test('each channel takes its own providers and generic', () => {
  assert.equal(providersOf('email'), ['emailbison', 'postmark', 'generic'])
  assert.equal(providersOf('sms'), ['gohighlevel', 'twilio', 'generic'])
  assert.equal(providersOf('linkedin'), ['unipile', 'generic'])
  assert.equal(providersOf('smartlead'), ['smartlead', 'generic'])
  assert.equal(providersOf('instantly'), ['instantly', 'generic'])
})

test('a provider is found on its channel only', () => {
  assert.is(providerFor('sms', 'twilio'), providers.twilio)
  assert.is(providerFor('email', 'twilio'), null)
  for (const channel of channels) assert.is(providerFor(channel, 'generic'), providers.generic)
  for (const name of ['', 'Twilio', 'constructor', '__proto__', 'toString', 'no such']) {
    assert.is(providerFor('sms', name), null, name)
  }
})

test('every fixture names a provider of its channel', () => {
  for (const { provider, channel, file } of expectations()) {
    assert.ok(providerFor(channel, provider), file)
  }
})

test('no JSON and no bytes make any provider throw', () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc.webQueryParameters().map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bodies, (body) => {
      for (const name of providerNames) {
        const { outcome } = providers[name].parse(deliveryOf(body))
        assert.ok(['events', 'ignored', 'rejected', 'malformed'].includes(outcome))
      }
    }),
    { numRuns: 300 },
  )
})

test('a fixture with any one member replaced makes no provider throw and no lead nameless', () => {
  const files = expectations().filter(({ file }) => file.endsWith('.json'))
  const odd = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constant(undefined))
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.nat(),
      odd,
      ({ file, provider, encode }, at, value) => {
        const payload = fixtureJson(file)
        const places = placesIn(payload)
        const [holder, name] = places[at % places.length] ?? [payload, 'type']
        // A form holds texts, and not every object can be one.
        holder[name] = encode === 'form' && typeof value === 'object' ? 'object' : value
        const body = encode === 'form' ? formOf(payload) : payload
        const result = providers[provider].parse(deliveryOf(body))
        if (result.outcome !== 'events') return
        for (const event of result.events) {
          assert.ok(event.lead.identities.length > 0, file)
          assert.ok(event.dedupeKey.length > 0 && event.dedupeKey.length <= 300, file)
          assert.not(JSON.stringify(event).includes('\\u0000'), file)
          assert.ok(event.kind !== 'label' || event.body === null, file)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

function placesIn(value: unknown): [Record<string, unknown>, string][] {
  if (typeof value !== 'object' || value === null) return []
  const holder = value as Record<string, unknown>
  return Object.entries(holder).flatMap(([name, member]) => [
    [holder, name] as [Record<string, unknown>, string],
    ...placesIn(member),
  ])
}

function formOf(fields: Record<string, unknown>): string {
  return new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
}

test.run()
