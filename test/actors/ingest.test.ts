import * as assert from 'uvu/assert'
import { commitCost } from '../../src/actors/commit-cost.ts'
import { type ChannelIngest, channelIngest } from '../../src/actors/ingest.ts'
import { ingestBacklog } from '../../src/actors/ingest-backlog.ts'
import {
  type SharedCommits,
  type SharedCommitsOptions,
  sharedCommits,
} from '../../src/actors/shared-commits.ts'
import { type ActorSystem, actorSystem } from '../../src/actors/supervisor.ts'
import type { Database } from '../../src/database.ts'
import type { Channel } from '../../src/domain/channels/inbound-event.ts'
import type { Offered } from '../../src/domain/ingest/offered.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace, offeredEvent } from '../support/events.ts'
import { suite } from '../support/suite.ts'

const test = suite('ingest actor')
let database: Database
let workspace: string
let system: ActorSystem
let groups: number[] = []

test.before(async () => {
  database = await testDatabase()
  workspace = (await makeWorkspace(database)).id
})
test.before.each(() => {
  groups = []
  system = actorSystem({ onCrash: () => {} })
})
test.after.each(() => system.stop())
test.after(() => database.close())

function ingest(overrides: Partial<SharedCommitsOptions> = {}): ChannelIngest {
  const commits = sharedCommits({
    store: database,
    turns: 1,
    enqueue: async (_tx, messages) => void groups.push(messages.length),
    ...overrides,
  })
  return ingestOf('email', commits)
}

function ingestOf(channel: Channel, commits: SharedCommits): ChannelIngest {
  const backlog = ingestBacklog(() => performance.now(), commitCost()).channel()
  return channelIngest(channel, {
    ...{ system, commits, backlog },
    ...{ onCommitted: () => {}, onError: () => {} },
  })
}

const messageCount = async () =>
  Number((await database.query<{ n: unknown }>('select count(*) as n from message'))[0]?.n)

test('an offer is settled as stored only when the message can be read', async () => {
  const before = await messageCount()
  const result = await ingest().offer([offeredEvent(workspace)])
  assert.is(result?.outcome, 'stored')
  assert.is(await messageCount(), before + 1)
})

test('a burst shares commits: a lone offer goes at once, the rest in groups', async () => {
  const actor = ingest()
  const offers = Array.from({ length: 200 }, () => actor.offer([offeredEvent(workspace)]))
  const results = await Promise.all(offers)
  assert.ok(results.every((result) => result?.outcome === 'stored'))
  assert.is(
    groups.reduce((sum, n) => sum + n, 0),
    200,
  )
  assert.ok(groups.length < 20, `${groups.length} commits for 200 offers`)
})

test('a row the database refuses fails alone', async () => {
  const actor = ingest()
  const good = () => offeredEvent(workspace)
  // A UUID that is none gets past the types only, and fails the statement of its whole group.
  const bad = { ...offeredEvent(workspace), connectionId: 'not a uuid' }
  const offers = [good(), good(), good(), bad, good(), good()].map((each) => actor.offer([each]))
  const outcomes = (await Promise.all(offers)).map((result) => result?.outcome)
  assert.equal(outcomes, ['stored', 'stored', 'stored', 'unstorable', 'stored', 'stored'])
})

test('a database that is away: unavailable, and nothing stored', async () => {
  const away = Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })
  const before = await messageCount()
  const actor = ingest({
    store: { query: () => Promise.reject(away) },
  })
  assert.equal(await actor.offer([offeredEvent(workspace)]), { outcome: 'unavailable' })
  assert.is(await messageCount(), before)
})

test('a database that hangs: unavailable in time, and what comes through later is stored once', async () => {
  const hang = Promise.withResolvers<void>()
  const actor = ingest({
    store: {
      async query<Row>(text: string, params?: unknown[]) {
        await hang.promise
        return database.query<Row>(text, params)
      },
    },
  })
  const event = offeredEvent(workspace)
  assert.equal(await actor.offer([event]), { outcome: 'unavailable' })
  const again = actor.offer([event])
  hang.resolve()
  assert.is((await again)?.outcome, 'stored')
  await actor.drained()
  const [row] = await database.query<{ n: unknown }>(
    'select count(*) as n from message where dedupe_key = $1',
    [event.event.dedupeKey],
  )
  assert.is(Number(row?.n), 1)
})

test('what waited behind it and was sent away is let go: those who are still there come first', async () => {
  const begun = Promise.withResolvers<void>()
  const hang = Promise.withResolvers<void>()
  const actor = ingest({
    store: {
      async query<Row>(text: string, params?: unknown[]) {
        begun.resolve()
        await hang.promise
        return database.query<Row>(text, params)
      },
    },
  })
  const [underWay, behind, waits] = [1, 2, 3].map(() => offeredEvent(workspace)) as [
    Offered,
    Offered,
    Offered,
  ]
  const first = actor.offer([underWay])
  await begun.promise
  assert.equal(await actor.offer([behind]), { outcome: 'unavailable' })
  assert.equal(await first, { outcome: 'unavailable' })
  const stored = actor.offer([waits])
  hang.resolve()
  assert.is((await stored)?.outcome, 'stored')
  await actor.drained()
  const keys = await database.query<{ key: string }>(
    'select dedupe_key as key from message where dedupe_key = any($1::text[])',
    [[underWay, behind, waits].map(({ event }) => event.dedupeKey)],
  )
  const wanted = [underWay, waits].map(({ event }) => event.dedupeKey)
  assert.equal(keys.map(({ key }) => key).sort(), wanted.sort())
})

test('a group that met an erased lead is run again', async () => {
  const event = offeredEvent(workspace, { lead: { email: 'erased@x.example' } })
  await ingest().offer([event])
  let erased = 0
  const actor = ingest({
    store: {
      async query<Row>(text: string, params?: unknown[]) {
        if (text.includes('insert into message') && erased === 0) {
          erased = (await database.query('delete from lead returning id')).length
        }
        return database.query<Row>(text, params)
      },
    },
  })
  const again = offeredEvent(workspace, { lead: { email: 'erased@x.example' } })
  assert.is((await actor.offer([again]))?.outcome, 'stored')
  assert.ok(erased > 0)
  assert.is(await messageCount(), 1)
})

test('when it ends, what is open is unavailable and everybody is told', async () => {
  const actor = ingest({ store: { query: () => new Promise<never>(() => {}) } })
  const offers = [1, 2, 3].map(() => actor.offer([offeredEvent(workspace)]))
  const drained = actor.drained()
  await new Promise((resolve) => setImmediate(resolve))
  actor.stop()
  assert.equal(await Promise.all(offers), Array(3).fill({ outcome: 'unavailable' }))
  await drained
  assert.equal(await actor.offer([offeredEvent(workspace)]), { outcome: 'unavailable' })
})

test('a database that stands still: a few are taken, the rest is refused at once', () => {
  const actor = ingest({ store: { query: () => new Promise<never>(() => {}) } })
  let taken = 0
  while (actor.offer([offeredEvent(workspace)]) !== null) taken += 1
  assert.ok(taken >= 64 && taken < 1000, `${taken} taken`)
  assert.is(actor.meters().open, taken)
  assert.is(actor.isFull(), true)
})

test('a channel that was full takes offers again when its backlog is stored', async () => {
  const hang = Promise.withResolvers<void>()
  const actor = ingest({
    store: {
      async query<Row>(text: string, params?: unknown[]) {
        await hang.promise
        return database.query<Row>(text, params)
      },
    },
  })
  const offers: Promise<unknown>[] = []
  while (!actor.isFull()) {
    offers.push(actor.offer([offeredEvent(workspace)]) as Promise<unknown>)
  }
  assert.is(actor.offer([offeredEvent(workspace)]), null)
  hang.resolve()
  await Promise.all(offers)
  await actor.drained()
  assert.is(actor.isFull(), false)
  assert.is((await actor.offer([offeredEvent(workspace)]))?.outcome, 'stored')
})

test.run()
