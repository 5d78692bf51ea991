/** The feed actor against a real database: order, completeness, filters, catch-up, slow clients. */
import * as assert from 'uvu/assert'
import {
  type FeedHub,
  type FeedOptions,
  type FeedSubscriber,
  feedActor,
} from '../../src/actors/feed.ts'
import { type ActorSystem, actorSystem } from '../../src/actors/supervisor.ts'
import type { Database } from '../../src/database.ts'
import { feedPosition } from '../../src/domain/feed-log.ts'
import type { FeedFilter, FeedPosition } from '../../src/domain/feed-protocol.ts'
import { eraseLead } from '../../src/domain/leads/erase-lead.ts'
import type { Store } from '../../src/domain/sql.ts'
import { testDatabase } from '../support/database.ts'
import { type Frame, type Inbox, inbox, range, scoredWorkspace, seqsOf } from '../support/feed.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('feed actor')
let database: Database
let systems: ActorSystem[] = []

test.before(async () => {
  database = await testDatabase()
})
test.after.each(() => {
  for (const system of systems) system.stop()
  systems = []
})
test.after(async () => {
  await database.close()
})

/** Timers that a test does not look at are out of its way. */
function openHub(options: Partial<FeedOptions> = {}): { hub: FeedHub; system: ActorSystem } {
  const system = actorSystem({ onCrash: () => {} })
  systems.push(system)
  const hub = feedActor(system, {
    store: database,
    onError: () => {},
    heartbeatMs: 3_600_000,
    pollMs: 3_600_000,
    batchMs: 5,
    ...options,
  })
  return { hub, system }
}

interface Client {
  frames: Inbox<Frame>
  texts: string[]
  closes: Inbox<{ code: number; reason: string }>
  subscriber: FeedSubscriber
}

let clients = 0
function client(
  workspaceId: string,
  overrides: Partial<FeedSubscriber> & { filter?: FeedFilter } = {},
): Client {
  const frames = inbox<Frame>()
  const closes = inbox<{ code: number; reason: string }>()
  const texts: string[] = []
  const subscriber: FeedSubscriber = {
    id: `client-${++clients}`,
    workspaceId,
    filter: {},
    send(text) {
      texts.push(text)
      frames.push(JSON.parse(text) as Frame)
      return 'ok'
    },
    bufferedBytes: () => 0,
    close: (code, reason) => closes.push({ code, reason }),
    ...overrides,
  }
  return { frames, texts, closes, subscriber }
}

const here = async (workspaceId: string) =>
  (await feedPosition(database, workspaceId)) as FeedPosition

/** Each batch starts where the one before ended, and holds its numbers in order. */
function assertUnbroken(frames: Frame[], after: number): void {
  let told = after
  for (const frame of frames.filter(({ type }) => type === 'scores')) {
    assert.is(frame.from, told + 1)
    for (const { seq } of frame.events as { seq: number }[]) {
      assert.ok(seq > told && seq <= frame.to, `${seq} in ${told}..${frame.to}`)
    }
    told = frame.to
  }
}

test('a wake-up brings what was committed, in one frame that is encoded once', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  const { hub } = openHub({ batchMs: 50 })
  const hello = await here(workspace.id)
  const one = client(workspace.id)
  const two = client(workspace.id)
  hub.subscribe(one.subscriber, { hello })
  hub.subscribe(two.subscriber, { hello })
  hub.wake(workspace.id)
  for (const overall of [1, 2, 3]) await workspace.score(leadId, overall)
  hub.wake(workspace.id)
  hub.wake(workspace.id)
  await one.frames.when((frames) => seqsOf(frames).length === 3)
  await two.frames.when((frames) => seqsOf(frames).length === 3)
  assert.equal(seqsOf(one.frames.items), [1, 2, 3])
  assert.equal(one.texts, two.texts)
  assertUnbroken(one.frames.items, 0)
  assert.is(hub.meters().subscribers, 2)
})

test('the poll finds what no wake-up told of', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  const { hub } = openHub({ pollMs: 10 })
  const one = client(workspace.id)
  hub.subscribe(one.subscriber, { hello: await here(workspace.id) })
  await workspace.score(leadId, 4)
  await one.frames.until(({ type }) => type === 'scores')
  assert.equal(seqsOf(one.frames.items), [1])
})

test('nobody hears of a foreign workspace', async () => {
  const mine = await scoredWorkspace(database)
  const theirs = await scoredWorkspace(database)
  const { hub } = openHub({ pollMs: 10 })
  const me = client(mine.id)
  const they = client(theirs.id)
  hub.subscribe(me.subscriber, { hello: await here(mine.id), snapshot: true })
  hub.subscribe(they.subscriber, { hello: await here(theirs.id), snapshot: true })
  const myLead = await mine.addLead()
  const theirLead = await theirs.addLead()
  await me.frames.until(({ type }) => type === 'snapshot')
  await they.frames.until(({ type }) => type === 'snapshot')
  for (const overall of [1, 2, 3, 4]) {
    await Promise.all([mine.score(myLead, overall), theirs.score(theirLead, overall)])
  }
  await me.frames.when((frames) => seqsOf(frames).includes(4))
  await they.frames.when((frames) => seqsOf(frames).includes(4))
  assert.not.match(me.texts.join(), theirLead)
  assert.not.match(they.texts.join(), myLead)
  assert.equal(seqsOf(me.frames.items), [1, 2, 3, 4])
})

test('a filter lets through what matches, and the watermark counts the rest', async () => {
  const workspace = await scoredWorkspace(database)
  const mail = await workspace.addLead({ channel: 'email' })
  const text = await workspace.addLead({ channel: 'sms' })
  const { hub } = openHub({ heartbeatMs: 30 })
  const hello = await here(workspace.id)
  const high = client(workspace.id, { filter: { minOverall: 3 } })
  const ofText = client(workspace.id, { filter: { channel: 'sms' } })
  const ofMail = client(workspace.id, { filter: { leadId: mail } })
  for (const { subscriber } of [high, ofText, ofMail]) hub.subscribe(subscriber, { hello })
  await workspace.score(mail, 2)
  await workspace.score(mail, null)
  hub.wake(workspace.id)
  // Nothing passes, and still these two learn that nothing was missed up to 2.
  for (const { frames } of [high, ofText]) {
    await frames.until(({ type, seq }) => type === 'heartbeat' && seq === 2)
    assert.equal(seqsOf(frames.items), [])
  }
  await workspace.score(text, 4)
  hub.wake(workspace.id)
  for (const { frames } of [high, ofText]) {
    const batch = await frames.until(({ type }) => type === 'scores')
    assert.equal([batch.from, batch.to, seqsOf([batch])], [3, 3, [3]])
  }
  await ofMail.frames.until(({ type, seq }) => type === 'heartbeat' && seq === 3)
  assert.equal(seqsOf(ofMail.frames.items), [1, 2])
})

test('a resuming client gets what it missed, out of memory and out of the database', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  for (const _ of range(1, 450)) await workspace.score(leadId, 3)
  const { hub } = openHub()
  const hello = await here(workspace.id)
  const first = client(workspace.id)
  hub.subscribe(first.subscriber, { hello, since: { ...hello, seq: 7 } })
  await first.frames.when((frames) => seqsOf(frames).length === 443)
  assertUnbroken(first.frames.items, 7)
  for (const _ of range(451, 460)) await workspace.score(leadId, 3)
  hub.wake(workspace.id)
  await first.frames.when((frames) => seqsOf(frames).includes(460))
  const second = client(workspace.id)
  hub.subscribe(second.subscriber, { hello, since: { ...hello, seq: 452 } })
  await second.frames.when((frames) => seqsOf(frames).includes(460))
  assert.equal(seqsOf(second.frames.items), range(453, 460))
  assert.equal(seqsOf(first.frames.items), range(8, 460))
})

test('who has caught up is told the watermark at once, also when all was filtered out', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  for (const _ of range(1, 3)) await workspace.score(leadId, 1)
  const { hub } = openHub()
  const hello = await here(workspace.id)
  for (const filter of [{ minOverall: 4 }, {}]) {
    const one = client(workspace.id, { filter })
    hub.subscribe(one.subscriber, { hello, since: { ...hello, seq: 1 } })
    await one.frames.until(({ type, seq }) => type === 'heartbeat' && seq === 3)
    assert.equal(seqsOf(one.frames.items), filter.minOverall ? [] : [2, 3])
  }
})

test('clients that come and go while writers run miss nothing and hear nothing twice', async () => {
  const workspace = await scoredWorkspace(database)
  const leads = await Promise.all(range(1, 6).map(() => workspace.addLead()))
  const { hub } = openHub({ pollMs: 7, batchMs: 3 })
  const { epoch } = await here(workspace.id)
  const total = leads.length * 40
  let position = 0
  const all: number[] = []
  const writers = Promise.all(
    leads.map(async (leadId) => {
      for (const _ of range(1, 40)) {
        await workspace.score(leadId, 2)
        hub.wake(workspace.id)
      }
    }),
  )
  while (position < total) {
    const visitor = client(workspace.id)
    hub.subscribe(visitor.subscriber, {
      hello: await here(workspace.id),
      since: { epoch, seq: position },
    })
    const frames = await visitor.frames.when((got) => seqsOf(got).length > 0)
    hub.unsubscribe(visitor.subscriber.id)
    assertUnbroken(frames, position)
    const got = seqsOf(frames)
    all.push(...got)
    position = Math.max(...got)
  }
  await writers
  assert.equal(all, range(1, total))
})

test('a snapshot comes in pages, then the stream from exactly its position', async () => {
  const workspace = await scoredWorkspace(database)
  const leads = await Promise.all(range(1, 205).map(() => workspace.addLead()))
  await workspace.score(leads[0] as string, 4)
  const { hub } = openHub()
  const one = client(workspace.id)
  hub.subscribe(one.subscriber, { hello: await here(workspace.id), snapshot: true })
  await one.frames.until(({ type, more }) => type === 'snapshot' && more === false)
  await workspace.score(leads[0] as string, 1)
  hub.wake(workspace.id)
  await one.frames.until(({ type }) => type === 'scores')
  const kinds = one.frames.items.map(({ type, seq, more, leads: rows, from }) => [
    type,
    seq ?? from,
    more,
    rows?.length,
  ])
  assert.equal(kinds, [
    ['snapshot', 1, true, 200],
    ['snapshot', 1, false, 5],
    ['heartbeat', 1, undefined, undefined],
    ['scores', 2, undefined, undefined],
  ])
})

test('a position of another epoch, beyond the head or too old is answered by a reset', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  for (const _ of range(1, 5)) await workspace.score(leadId, 3)
  await database.query('delete from score_event where workspace_id = $1::uuid and seq <= 3', [
    workspace.id,
  ])
  const { hub } = openHub()
  const hello = await here(workspace.id)
  const cases: [FeedPosition, string | null][] = [
    [{ epoch: '019b0000-0000-4000-8000-000000000000', seq: 4 }, 'epoch'],
    [{ ...hello, seq: 6 }, 'ahead'],
    [{ ...hello, seq: 2 }, 'retention'],
    [{ ...hello, seq: 3 }, null],
  ]
  for (const [since, reason] of cases) {
    const one = client(workspace.id)
    hub.subscribe(one.subscriber, { hello, since })
    if (reason === null) {
      await one.frames.when((frames) => seqsOf(frames).length === 2)
      continue
    }
    const [reset, snapshot] = await one.frames.when((frames) => frames.length === 2)
    assert.equal(reset, { type: 'reset', reason })
    assert.equal([snapshot?.epoch, snapshot?.seq, snapshot?.more], [hello.epoch, 5, false])
  }
  assert.is(hub.meters().resets, 3)
})

test('a database restored under live clients resets them', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  const { hub } = openHub({ pollMs: 10 })
  await workspace.score(leadId, 3)
  const one = client(workspace.id)
  hub.subscribe(one.subscriber, { hello: await here(workspace.id) })
  await database.query('update workspace set feed_epoch = gen_random_uuid() where id = $1::uuid', [
    workspace.id,
  ])
  await one.frames.until(({ type, reason }) => type === 'reset' && reason === 'epoch')
  const { epoch } = await here(workspace.id)
  await one.frames.until((frame) => frame.type === 'snapshot' && frame.epoch === epoch)
  await workspace.score(leadId, 4)
  const batch = await one.frames.until(({ type }) => type === 'scores')
  assert.is(batch.from, 2)
})

test('a client that takes nothing is closed as slow, and the others go on', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  const { hub } = openHub()
  const hello = await here(workspace.id)
  const slow = client(workspace.id, { send: () => 'slow' })
  const quick = client(workspace.id)
  hub.subscribe(slow.subscriber, { hello })
  hub.subscribe(quick.subscriber, { hello })
  await workspace.score(leadId, 3)
  hub.wake(workspace.id)
  await slow.closes.until(({ code }) => code === 4108)
  await quick.frames.when((frames) => seqsOf(frames).length === 1)
  assert.is(hub.meters().slowClosed, 1)
  assert.is(hub.meters().subscribers, 1)
})

test('catch-up waits for a client to take what it was sent', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  for (const _ of range(1, 210)) await workspace.score(leadId, 3)
  const { hub } = openHub()
  const hello = await here(workspace.id)
  let buffered = 0
  const asked = inbox<number>()
  const one = client(workspace.id, {
    bufferedBytes() {
      asked.push(buffered)
      return buffered
    },
  })
  const { send } = one.subscriber
  const slowing: FeedSubscriber = {
    ...one.subscriber,
    send(text) {
      buffered = 1_000_000
      return send(text)
    },
  }
  hub.subscribe(slowing, { hello, since: { ...hello, seq: 0 } })
  await asked.when((all) => all.filter((bytes) => bytes > 0).length >= 3)
  assert.is(one.frames.items.length, 1)
  buffered = 0
  await one.frames.when((frames) => seqsOf(frames).length === 210)
  assertUnbroken(one.frames.items, 0)
})

test('a failing database costs time, never events', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  const errors = inbox<unknown>()
  let isDown = false
  const store: Store = {
    ...database,
    query: (text, params) =>
      isDown ? Promise.reject(new Error('down')) : database.query(text, params),
  }
  const { hub } = openHub({ store, pollMs: 10, onError: (error) => errors.push(error) })
  const hello = await here(workspace.id)
  const live = client(workspace.id)
  hub.subscribe(live.subscriber, { hello })
  await workspace.score(leadId, 2)
  hub.wake(workspace.id)
  await live.frames.when((frames) => seqsOf(frames).length === 1)
  isDown = true
  const resuming = client(workspace.id)
  hub.subscribe(resuming.subscriber, { hello, since: { ...hello, seq: 0 } })
  const snapshotless = client(workspace.id)
  hub.subscribe(snapshotless.subscriber, { hello: { ...hello, seq: 1 } })
  await workspace.score(leadId, 3)
  hub.wake(workspace.id)
  await errors.when((all) => all.length >= 3)
  isDown = false
  for (const { frames } of [live, resuming]) {
    await frames.when((got) => seqsOf(got).length === 2)
    assert.equal(seqsOf(frames.items), [1, 2])
  }
  await snapshotless.frames.when((got) => seqsOf(got).length === 1)
})

test('a subscription of the same id replaces the one before', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  const { hub } = openHub()
  const hello = await here(workspace.id)
  const before = client(workspace.id)
  hub.subscribe(before.subscriber, { hello })
  const after = client(workspace.id, { id: before.subscriber.id, filter: { minOverall: 4 } })
  hub.subscribe(after.subscriber, { hello })
  await workspace.score(leadId, 3)
  await workspace.score(leadId, 4)
  hub.wake(workspace.id)
  await after.frames.when((frames) => seqsOf(frames).length === 1)
  assert.equal(seqsOf(after.frames.items), [2])
  assert.equal(before.frames.items, [{ type: 'heartbeat', seq: 0 }])
  assert.is(hub.meters().subscribers, 1)
})

test('what is remembered of an erased person is forgotten, whichever process erased it', async () => {
  const workspace = await scoredWorkspace(database)
  const { hub } = openHub({ pollMs: 10 })
  const hello = await here(workspace.id)
  const [one, other] = [await workspace.addLead(), await workspace.addLead()]
  const first = client(workspace.id)
  hub.subscribe(first.subscriber, { hello })
  for (const lead of [other, one, other]) await workspace.score(lead, 3)
  hub.wake(workspace.id)
  await first.frames.until(({ to }) => to === 3)
  // As another process does: nobody tells this one.
  await database.transaction((tx) =>
    eraseLead(tx, { workspaceId: workspace.id, leadId: one }, async () => {}),
  )
  const seen = await until(
    async () => {
      const late = client(workspace.id)
      hub.subscribe(late.subscriber, { hello, since: hello })
      await late.frames.until(({ to }) => to === 3)
      return seqsOf(late.frames.items)
    },
    (seqs) => seqs.length === 2,
  )
  assert.equal(seen, [1, 3])
})

test('a workspace that is deleted takes its subscriptions along', async () => {
  const workspace = await scoredWorkspace(database)
  const { hub } = openHub({ pollMs: 10 })
  const one = client(workspace.id)
  hub.subscribe(one.subscriber, { hello: await here(workspace.id) })
  await database.query('delete from workspace where id = $1::uuid', [workspace.id])
  assert.is((await one.closes.until(() => true)).code, 4003)
})

test('closing all tells each client its own time to come back', async () => {
  const workspace = await scoredWorkspace(database)
  const random = [0.1, 0.9]
  const { hub } = openHub({ random: () => random.shift() ?? 0.5 })
  const hello = await here(workspace.id)
  const one = client(workspace.id)
  const two = client(workspace.id)
  hub.subscribe(one.subscriber, { hello })
  hub.subscribe(two.subscriber, { hello })
  hub.closeAll(4212, 1000)
  const first = await one.closes.until(() => true)
  const second = await two.closes.until(() => true)
  assert.equal([first.code, JSON.parse(first.reason)], [4212, { retryMs: 100 }])
  assert.equal([second.code, JSON.parse(second.reason)], [4212, { retryMs: 900 }])
  assert.is(hub.meters().subscribers, 0)
})

test('the end of the actor sends its clients away to come back', async () => {
  const workspace = await scoredWorkspace(database)
  const { hub, system } = openHub()
  const one = client(workspace.id)
  hub.subscribe(one.subscriber, { hello: await here(workspace.id), snapshot: true })
  await one.frames.until(({ type }) => type === 'snapshot')
  system.stop()
  assert.is(one.closes.items[0]?.code, 4212)
  const late = client(workspace.id)
  hub.subscribe(late.subscriber, { hello: await here(workspace.id) })
  assert.is(late.closes.items[0]?.code, 4212)
})

/** A client whose network takes nothing while `stuck`, though everything is handed over to it. */
function congestible(workspaceId: string) {
  const network = { stuck: false }
  const made = client(workspaceId, {
    bufferedBytes: () => (network.stuck ? 300_000 : 0),
  })
  return { ...made, network }
}

test('a congested client gets the newest event of each lead, and how many were merged', async () => {
  const workspace = await scoredWorkspace(database)
  const [one, two] = [await workspace.addLead(), await workspace.addLead()]
  const { hub } = openHub({ pollMs: 10 })
  const slow = congestible(workspace.id)
  const quick = client(workspace.id)
  const hello = await here(workspace.id)
  hub.subscribe(slow.subscriber, { hello })
  hub.subscribe(quick.subscriber, { hello })
  await workspace.score(one, 1)
  await slow.frames.when((frames) => seqsOf(frames).length === 1)
  slow.network.stuck = true
  for (const overall of [2, 3, 4]) await workspace.score(one, overall)
  await workspace.score(two, 2)
  await workspace.score(one, 1)
  await quick.frames.when((frames) => seqsOf(frames).length === 6)
  assert.equal(seqsOf(slow.frames.items), [1], 'nothing while its network is stuck')
  slow.network.stuck = false
  await slow.frames.when((frames) => seqsOf(frames).includes(6))
  assert.equal(seqsOf(slow.frames.items), [1, 5, 6], 'in order, one per lead')
  const last = slow.frames.items.at(-1)
  assert.equal([last?.from, last?.to, last?.merged], [2, 6, 3])
  assertUnbroken(slow.frames.items, 0)
  assert.is(hub.meters().merged, 3)
  await workspace.score(two, 4)
  await slow.frames.when((frames) => seqsOf(frames).includes(7))
  assert.equal(slow.frames.items.at(-1)?.merged, undefined)
})

test('the watermark does not run ahead of what a congested client is owed', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  const { hub } = openHub({ pollMs: 10, heartbeatMs: 20 })
  const slow = congestible(workspace.id)
  const quick = client(workspace.id)
  const hello = await here(workspace.id)
  hub.subscribe(slow.subscriber, { hello })
  hub.subscribe(quick.subscriber, { hello })
  slow.network.stuck = true
  await workspace.score(leadId, 2)
  await quick.frames.until(({ type, seq }) => type === 'heartbeat' && seq === 1)
  const told = slow.frames.items.filter(({ type }) => type === 'heartbeat')
  assert.ok(told.every(({ seq }) => seq === 0))
})

test.run()
