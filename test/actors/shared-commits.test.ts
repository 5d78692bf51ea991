/** Five channels that share their commits: together when it is cheaper, and never at another's cost. */
import * as assert from 'uvu/assert'
import { commitCost } from '../../src/actors/commit-cost.ts'
import { channelIngest } from '../../src/actors/ingest.ts'
import { ingestBacklog } from '../../src/actors/ingest-backlog.ts'
import { type SharedCommitsOptions, sharedCommits } from '../../src/actors/shared-commits.ts'
import { type ActorSystem, actorSystem } from '../../src/actors/supervisor.ts'
import type { Database } from '../../src/database.ts'
import { type Channel, channels } from '../../src/domain/channels/inbound-event.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace, offeredEvent } from '../support/events.ts'
import { suite } from '../support/suite.ts'

const test = suite('shared commits')
let database: Database
let workspace: string
let system: ActorSystem
/** Channels of each commit that was written, in order. */
let groups: Channel[][]

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

function ingests(overrides: Partial<SharedCommitsOptions> = {}) {
  const commits = sharedCommits({
    store: database,
    turns: 1,
    enqueue: async (_sql, messages) => void groups.push(messages.map(({ channel }) => channel)),
    ...overrides,
  })
  const backlog = ingestBacklog(() => performance.now(), commitCost())
  const of = (channel: Channel) =>
    channelIngest(channel, {
      ...{ system, commits, backlog: backlog.channel() },
      ...{ onCommitted: () => {}, onError: () => {} },
    })
  return Object.fromEntries(channels.map((channel) => [channel, of(channel)])) as Record<
    Channel,
    ReturnType<typeof of>
  >
}
const offerTo = (all: ReturnType<typeof ingests>, channel: Channel, sketch = {}) =>
  all[channel].offer([
    { ...offeredEvent(workspace, { channel, lead: { email: `${channel}@x.example` } }), ...sketch },
  ])
const waitingFor = (ready: Promise<void>): SharedCommitsOptions['store'] => ({
  async query<Row>(text: string, params?: unknown[]) {
    await ready
    return database.query<Row>(text, params)
  },
})
/** Every actor has handled what it was told before. */
const turnOfTheLoop = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

test('what waits in several channels is stored by one commit, each answered with its own', async () => {
  const hang = Promise.withResolvers<void>()
  const all = ingests({ store: waitingFor(hang.promise) })
  const first = offerTo(all, 'email')
  await turnOfTheLoop()
  const rest = channels.map((channel) => offerTo(all, channel))
  await turnOfTheLoop()
  hang.resolve()
  const results = await Promise.all([first, ...rest])
  const ids = results.map((result) => {
    const [stored] = result?.outcome === 'stored' ? result.stored : []
    return stored?.status === 'accepted' ? stored.messageId : null
  })
  const rows = await database.query<{ id: string; channel: Channel }>(
    'select id, channel from message where id = any($1::uuid[])',
    [ids],
  )
  const channelOf = new Map(rows.map(({ id, channel }) => [id, channel]))
  assert.equal(
    ids.map((id) => channelOf.get(id ?? '')),
    ['email', ...channels],
  )
  // The second of the first channel may come with the others or, its actor hearing of it later, alone.
  assert.equal(groups[0], ['email'])
  assert.ok(groups.length <= 3, `${groups.length} commits for six offers`)
  assert.ok(new Set(groups[1]).size >= channels.length - 1)
})

test('rows that the database refuses fail in their channel, and only there', async () => {
  const all = ingests()
  const first = offerTo(all, 'email')
  const rest = channels.flatMap((channel) => [
    offerTo(all, channel),
    ...(channel === 'sms' ? [offerTo(all, channel, { connectionId: 'not a uuid' })] : []),
  ])
  const outcomes = (await Promise.all([first, ...rest])).map((result) => result?.outcome)
  assert.is(outcomes.filter((outcome) => outcome === 'unstorable').length, 1)
  assert.is(outcomes.filter((outcome) => outcome === 'stored').length, channels.length + 1)
})

test('with two turns, what waits is shared out and both go on at once', async () => {
  let running = 0
  let most = 0
  const all = ingests({
    turns: 2,
    store: {
      async query<Row>(text: string, params?: unknown[]) {
        running += 1
        most = Math.max(most, running)
        await turnOfTheLoop()
        running -= 1
        return database.query<Row>(text, params)
      },
    },
  })
  const offers = channels.flatMap((channel) => [1, 2, 3].map(() => offerTo(all, channel)))
  const results = await Promise.all(offers)
  assert.ok(results.every((result) => result?.outcome === 'stored'))
  assert.is(most, 2)
})

test('messages of one channel are numbered in the order they were offered', async () => {
  const all = ingests({ turns: 2 })
  const lead = { email: 'in.order@x.example' }
  const offers = Array.from({ length: 60 }, (_, n) => [
    all.linkedin.offer([offeredEvent(workspace, { channel: 'linkedin', lead, body: `${n}` })]),
    n % 3 === 0 ? offerTo(all, 'sms') : null,
  ])
  await Promise.all(offers.flat())
  const rows = await database.query<{ body: string }>(
    `select message.body from message join lead_identity using (lead_id)
     where value = $1 and direction = 'inbound' order by seq`,
    [lead.email],
  )
  assert.equal(
    rows.map(({ body }) => Number(body)),
    Array.from({ length: 60 }, (_, n) => n),
  )
})

test('a channel that ended takes no turn: the others go on, and it stores nothing', async () => {
  const hang = Promise.withResolvers<void>()
  const all = ingests({ store: waitingFor(hang.promise) })
  const first = offerTo(all, 'email')
  await turnOfTheLoop()
  const ended = offerTo(all, 'sms')
  const other = offerTo(all, 'instantly')
  await turnOfTheLoop()
  all.sms.stop()
  assert.equal(await ended, { outcome: 'unavailable' })
  hang.resolve()
  assert.is((await first)?.outcome, 'stored')
  assert.is((await other)?.outcome, 'stored')
  assert.not.ok(groups.flat().includes('sms'))
})

test.run()
