/** The simulated stream: the same for a seed, of all kinds, and understood by every provider. */
import * as assert from 'uvu/assert'
import {
  type Channel,
  channels,
  type InboundEvent,
} from '../../src/domain/channels/inbound-event.ts'
import { providers } from '../../src/domain/channels/registry.ts'
import { classifyMessage } from '../../src/domain/message-rules.ts'
import { type Delivery, renderStream, replayRendering } from '../../src/simulate/deliveries.ts'
import { formatNames, type Outcome } from '../../src/simulate/payloads/format.ts'
import { formats } from '../../src/simulate/payloads/formats.ts'
import { planStream, type StreamOptions } from '../../src/simulate/schedule.ts'
import { suite } from '../support/suite.ts'

const test = suite('simulated stream')
const defaults: StreamOptions = { leads: 40, rate: 10, seconds: 20, seed: 1 }
const startedAt = new Date('2026-11-20T09:30:00.000Z')

function render(options: Partial<StreamOptions> = {}, nonce = 'a'): Delivery[] {
  const merged = { ...defaults, ...options }
  return renderStream(planStream(merged), merged.seed, { nonce, startedAt })
}

/** Reads a delivery as the service would; answers its outcome after the text rules, and its keys. */
function understood(delivery: Delivery) {
  const { provider, channel } = formats[delivery.format]
  const result = providers[provider].parse({
    rawBody: Buffer.from(delivery.body),
    headers: {},
    url: 'https://hooks.example.com/webhooks/channel/token',
    receivedAt: new Date(startedAt.getTime() + delivery.atMs),
    connectionId: '019b0000-0000-7000-8000-000000000001',
  })
  if (result.outcome !== 'events') return { outcome: result.outcome, result }
  return { outcome: outcomeOf(channel, result.events[0]), result, event: result.events[0] }
}

function outcomeOf(channel: Channel, event: InboundEvent): Outcome {
  const { kind: declared, direction, subject, body, signals } = event
  if (declared === 'label') return 'label'
  if (direction === 'outbound') return 'echo'
  const { kind } = classifyMessage({ channel, kind: declared, direction, subject, body, signals })
  if (kind === 'opt_in') throw new Error('nobody opts in')
  return kind === 'text' ? 'message' : kind
}

test('the same seed and options give the same stream', () => {
  assert.equal(planStream(defaults), planStream(defaults))
  assert.equal(render(), render())
})

test('another seed gives another stream', () => {
  const texts = (seed: number) => planStream({ ...defaults, seed }).happenings.map((h) => h.text)
  assert.not.equal(texts(1), texts(2))
})

test('a nonce changes ids and addresses and nothing of who says what when', () => {
  const one = render({}, 'a')
  const two = render({}, 'b')
  assert.equal(
    one.map(({ happening }) => happening),
    two.map(({ happening }) => happening),
  )
  const keys = (deliveries: Delivery[]) =>
    new Set(deliveries.map((delivery) => understood(delivery).event?.dedupeKey).filter(Boolean))
  assert.is(keys(one).intersection(keys(two)).size, 0)
  const identities = (deliveries: Delivery[]) =>
    new Set(deliveries.flatMap(({ person }) => [person.email, person.phone, person.linkedinId]))
  assert.is(identities(one).intersection(identities(two)).size, 0)
})

test('a replay is the same bytes whenever it is made', () => {
  const bytes = () =>
    renderStream(planStream(defaults), 1, replayRendering(defaults)).map(({ body }) => body)
  assert.equal(bytes(), bytes())
})

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: each payload comes to what the schedule intends`, () => {
    const keys = new Set<string>()
    for (const delivery of render({ seed })) {
      const { outcome, result, event } = understood(delivery)
      const label = `${delivery.format} ${delivery.happening.occasion}: ${JSON.stringify(result)}`
      if (delivery.outcome === 'duplicate') {
        assert.ok(event && keys.has(event.dedupeKey), `no duplicate: ${label}`)
        continue
      }
      assert.is(outcome, delivery.outcome, label)
      if (!event || outcome === 'label') continue
      assert.not.ok(keys.has(event.dedupeKey), `unintended duplicate: ${label}`)
      keys.add(event.dedupeKey)
    }
  })

  test(`seed ${seed}: messages arrive with the text, the lead and the time of the script`, () => {
    for (const delivery of render({ seed })) {
      const { event } = understood(delivery)
      if (!event || delivery.outcome !== 'message') continue
      assert.is(event.body?.replace(/\s+/g, ' '), delivery.happening.text, delivery.format)
      const { email, phone, linkedinUrl } = delivery.person
      const mine = new Set([email, phone, linkedinUrl])
      const values = event.lead.identities.filter(({ kind }) => kind !== 'provider')
      assert.ok(values.length > 0, delivery.format)
      for (const { value } of values) assert.ok(mine.has(value), `${delivery.format} ${value}`)
      // A mail's Date knows seconds only.
      const lateMs = delivery.atMs - (+(event.sentAt ?? startedAt) - +startedAt)
      if (event.sentAt) assert.ok(lateMs >= 0 && lateMs < 1000, `${delivery.format} ${lateMs}`)
    }
  })

  test(`seed ${seed}: the mix holds all channels, formats and outcomes, and bursts`, () => {
    const deliveries = render({ seed })
    assert.is(deliveries.length, 200)
    assert.equal(new Set(deliveries.map(({ format }) => format)), new Set(formatNames))
    const seen = new Set(deliveries.map(({ format }) => formats[format].channel))
    assert.equal(seen, new Set(channels))
    const outcomes: Outcome[] = [
      'message',
      'auto_reply',
      'opt_out',
      'bounce',
      'echo',
      'duplicate',
      'label',
      'ignored',
    ]
    assert.equal(new Set(deliveries.map(({ outcome }) => outcome)), new Set(outcomes))
    assert.ok(deliveries.some(({ happening: { as } }) => as === 'again'))
    assert.ok(deliveries.some(({ happening, outcome }) => happening.as === 'second' && outcome))
    const byPerson = Map.groupBy(
      deliveries.filter(({ outcome }) => outcome === 'message'),
      ({ person }) => person.index,
    )
    const bursts = [...byPerson.values()].filter((mine) =>
      mine.some((each, index) => each.atMs - (mine[index - 1]?.atMs ?? -1e9) < 2000),
    )
    assert.ok(bursts.length >= 3, `${bursts.length} bursts`)
  })
}

test('every lead writes when there are webhooks enough, and the stream keeps its rate', () => {
  const stream = planStream(defaults)
  assert.is(stream.writers, 40)
  const times = stream.happenings.map(({ atMs }) => atMs)
  assert.equal(
    times,
    times.toSorted((a, b) => a - b),
  )
  assert.ok(times.every((atMs) => atMs >= 0 && atMs <= 20_000))
  const perSecond = Map.groupBy(times, (atMs) => Math.floor(atMs / 1000))
  assert.ok(
    [...perSecond.values()].every((each) => each.length < 40),
    'no second is flooded',
  )
})

test('few webhooks for many leads, one webhook, and many webhooks for one lead are fine', () => {
  assert.is(planStream({ ...defaults, leads: 1000, rate: 1 }).happenings.length, 20)
  assert.ok(planStream({ ...defaults, leads: 1000, rate: 1 }).writers < 20)
  assert.is(planStream({ ...defaults, rate: 0.1, seconds: 1 }).happenings.length, 1)
  assert.is(planStream({ ...defaults, leads: 1, rate: 50 }).happenings.length, 1000)
})

test('an original comes before what repeats it', () => {
  const { happenings } = planStream({ ...defaults, leads: 300, rate: 100 })
  const seen = new Set<number>()
  for (const { id, original } of happenings) {
    if (original !== null) assert.ok(seen.has(original), `${id} before ${original}`)
    seen.add(id)
  }
  assert.is(seen.size, happenings.length)
})

test.run()
