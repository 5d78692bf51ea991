/** The dashboard's feed client against a real server that goes away, refuses and misbehaves. */
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import { feedPosition } from '../../src/domain/feed-log.ts'
import { actorOf } from '../../src/http/auth.ts'
import { type FeedClient, type FeedClientOptions, feedClient } from '../../web/feed-client.ts'
import type {
  FeedSocket,
  FeedState,
  FeedViolation,
  ScoreEvent,
  SnapshotFrame,
} from '../../web/feed-frames.ts'
import { testDatabase } from '../support/database.ts'
import { type Inbox, inbox, range, type ScoredWorkspace, scoredWorkspace } from '../support/feed.ts'
import { type FeedServer, feedServer } from '../support/feed-server.ts'
import { suite } from '../support/suite.ts'

const test = suite('feed client')
let database: Database
let server: FeedServer
let workspace: ScoredWorkspace
let token: string
let tokenId: string
let clients: FeedClient[] = []

test.before(async () => {
  database = await testDatabase()
})
test.before.each(async () => {
  server = await feedServer(database)
  workspace = await scoredWorkspace(database)
  ;({ token, id: tokenId } = await server.tokenOf(workspace.id))
})
test.after.each(async () => {
  for (const client of clients) client.stop()
  clients = []
  await server.close()
})
test.after(async () => {
  await database.close()
})

interface Observed {
  client: FeedClient
  events: Inbox<ScoreEvent>
  states: Inbox<FeedState>
  violations: Inbox<FeedViolation>
  pages: Inbox<SnapshotFrame>
  resets: Inbox<string>
}

function observe(options: Partial<FeedClientOptions> = {}): Observed {
  const events = inbox<ScoreEvent>()
  const states = inbox<FeedState>()
  const violations = inbox<FeedViolation>()
  const pages = inbox<SnapshotFrame>()
  const resets = inbox<string>()
  const client = feedClient({
    baseUrl: server.url,
    token: () => token,
    onScores: (batch) => batch.events.forEach((event) => void events.push(event)),
    onState: (state) => states.push(state),
    onViolation: (violation) => violations.push(violation),
    onSnapshot: (page) => pages.push(page),
    onReset: (reason) => resets.push(reason),
    backoffMs: { min: 5, max: 50 },
    ...options,
  })
  clients.push(client)
  client.start()
  return { client, events, states, violations, pages, resets }
}

const seqs = ({ events }: Observed) => events.items.map(({ seq }) => seq)
const isLive = ({ kind }: FeedState) => kind === 'live'

test('it opens with a ticket and hears scores as they come', async () => {
  const leadId = await workspace.addLead({ firstName: 'Ada' })
  const seen = observe()
  await seen.states.until(isLive)
  await workspace.score(leadId, 4)
  const event = await seen.events.until(() => true)
  assert.equal([event.leadName, event.overallScore], ['Ada', 4])
  assert.equal(
    seen.states.items.map(({ kind }) => kind),
    ['connecting', 'live'],
  )
})

test('it resumes without gap or repeat after the server was gone', async () => {
  const leadId = await workspace.addLead()
  const seen = observe()
  await seen.states.until(isLive)
  await workspace.score(leadId, 1)
  await seen.events.when((all) => all.length === 1)
  const { port } = new URL(server.url)
  await server.close()
  for (const overall of [2, 3, 4]) await workspace.score(leadId, overall)
  await seen.states.until(({ kind }) => kind === 'waiting')
  server = await feedServer(database, { port: Number(port) })
  await seen.events.when((all) => all.length === 4)
  assert.equal(seqs(seen), [1, 2, 3, 4])
  assert.equal(seen.violations.items, [])
})

test('connections cut again and again lose nothing while writers run', async () => {
  const leads = await Promise.all(range(1, 4).map(() => workspace.addLead()))
  const sockets: FeedSocket[] = []
  const seen = observe({
    socket(url, protocols) {
      const socket = new WebSocket(url, protocols) as unknown as FeedSocket
      sockets.push(socket)
      return socket
    },
  })
  await seen.states.until(isLive)
  for (const round of range(1, 8)) {
    await Promise.all(leads.map((leadId) => workspace.score(leadId, 3)))
    await seen.events.when((all) => all.length >= leads.length * (2 * round - 1))
    server.hub.closeAll(round % 2 ? 4212 : 4108, 5)
    await Promise.all(leads.map((leadId) => workspace.score(leadId, 2)))
    await seen.states.when((all) => all.filter(isLive).length > round)
  }
  await seen.events.when((all) => all.length === leads.length * 16)
  assert.equal(seqs(seen), range(1, leads.length * 16))
  assert.equal(seen.violations.items, [])
  assert.ok(sockets.length > 8)
})

test('it comes back when the server says', async () => {
  const seen = observe({ snapshot: true })
  await seen.pages.until(() => true)
  server.hub.closeAll(4212, 40)
  const state = await seen.states.until(({ kind }) => kind === 'waiting')
  assert.ok(state.kind === 'waiting' && state.retryMs > 0 && state.retryMs <= 40)
  await seen.states.when((all) => all.filter(isLive).length === 2)
})

test('a filter moves the position past what it holds back', async () => {
  await server.close()
  server = await feedServer(database, { hub: { heartbeatMs: 20 } })
  const leadId = await workspace.addLead()
  const seen = observe({ filter: { minOverall: 3 } })
  await seen.states.until(isLive)
  for (const overall of [1, 2, 4, 1]) await workspace.score(leadId, overall)
  await seen.events.until(({ overallScore }) => overallScore === 4)
  await server.close()
  const { port } = new URL(server.url)
  server = await feedServer(database, { port: Number(port) })
  await workspace.score(leadId, 3)
  await seen.events.until(({ overallScore }) => overallScore === 3)
  assert.equal(seqs(seen), [3, 5])
  assert.equal(seen.violations.items, [])
  assert.is(seen.client.position()?.seq, 5)
})

test('a snapshot, then what follows it', async () => {
  const leadId = await workspace.addLead()
  await workspace.score(leadId, 2)
  const seen = observe({ snapshot: true })
  const page = await seen.pages.until(({ more }) => !more)
  assert.is(page.leads[0]?.overallScore, 2)
  assert.is(seen.client.position()?.seq, 1)
  await workspace.score(leadId, 3)
  await seen.events.until(({ seq }) => seq === 2)
})

test('a position that is not resumable is given up for a snapshot', async () => {
  const leadId = await workspace.addLead()
  await workspace.score(leadId, 2)
  const { epoch } = (await feedPosition(database, workspace.id)) ?? { epoch: '' }
  const seen = observe({ since: { epoch, seq: 9 } })
  assert.is(await seen.resets.until(() => true), 'ahead')
  await seen.pages.until(({ more }) => !more)
  await workspace.score(leadId, 4)
  const event = await seen.events.until(() => true)
  assert.is(event.seq, 2)
})

test('a wrong or revoked token ends it, and it says so', async () => {
  const wrong = observe({ token: () => 'lp_wrong' })
  const state = await wrong.states.until(({ kind }) => kind === 'refused')
  assert.ok(state.kind === 'refused' && state.why === 'unauthorized')
  const seen = observe({ snapshot: true })
  await seen.pages.until(() => true)
  server.sessions.closeOf(actorOf(tokenId))
  const ended = await seen.states.until(({ kind }) => kind === 'refused')
  assert.ok(ended.kind === 'refused' && ended.why === 'unauthorized')
})

/** A socket in the place of the real one, for frames that the server would never send. */
function scripted(): {
  make(): FeedSocket
  opened: Inbox<FeedSocket & { sent: string[] }>
  say(frame: unknown): void
} {
  const opened = inbox<FeedSocket & { sent: string[] }>()
  return {
    opened,
    make() {
      const sent: string[] = []
      const socket = {
        onmessage: null,
        onclose: null,
        onerror: null,
        sent,
        send: (text: string) => void sent.push(text),
        close: () => {},
      }
      opened.push(socket)
      return socket
    },
    say: (frame) => opened.items.at(-1)?.onmessage?.({ data: JSON.stringify(frame) }),
  }
}

const hello = { type: 'hello', epoch: 'e', seq: 5, heartbeatMs: 25_000 }

test('events left out or told twice are noticed, reported and resumed from', async () => {
  const cases: [object, FeedViolation][] = [
    [
      { type: 'scores', from: 7, to: 7, events: [{ seq: 7 }] },
      { kind: 'gap', expected: 6, got: 7 },
    ],
    [
      { type: 'scores', from: 5, to: 6, events: [] },
      { kind: 'repeat', expected: 6, got: 5 },
    ],
    [
      { type: 'heartbeat', seq: 6 },
      { kind: 'gap', expected: 5, got: 6 },
    ],
    [
      { type: 'scores', from: 6, to: 7, events: [{ seq: 7 }, { seq: 6 }] },
      { kind: 'repeat', expected: 8, got: 6 },
    ],
  ]
  for (const [frame, violation] of cases) {
    const script = scripted()
    const seen = observe({ socket: script.make })
    await script.opened.until(() => true)
    script.say(hello)
    script.say(frame)
    assert.equal(seen.violations.items, [violation])
    assert.equal(seen.events.items, [])
    await script.opened.when((all) => all.length === 2)
    script.say(hello)
    const [subscribe] = script.opened.items[1]?.sent ?? []
    assert.equal(JSON.parse(subscribe ?? ''), {
      type: 'subscribe',
      since: { epoch: 'e', seq: 5 },
    })
    seen.client.stop()
  }
})

test('a server that says nothing is left', async () => {
  const script = scripted()
  const seen = observe({ socket: script.make, connectWithinMs: 30 })
  await seen.states.until((state) => state.kind === 'waiting' && state.why === 'no answer in time')
})

test('waiting ends at once when the network is back', async () => {
  await server.close()
  const seen = observe({ backoffMs: { min: 3_600_000, max: 3_600_000 } })
  await seen.states.until(({ kind }) => kind === 'waiting')
  const { port } = new URL(server.url)
  server = await feedServer(database, { port: Number(port) })
  seen.client.reconnectNow()
  await seen.states.until(isLive)
})

test('a stopped client stays stopped', async () => {
  const seen = observe()
  await seen.states.until(isLive)
  seen.client.stop()
  seen.client.stop()
  seen.client.reconnectNow()
  assert.is(seen.states.items.at(-1)?.kind, 'stopped')
})

test('where no WebSocket comes through it goes on over server-sent events', async () => {
  const leadId = await workspace.addLead()
  let tried = 0
  const seen = observe({
    // A proxy that swallows upgrades.
    socket() {
      tried += 1
      const dead: FeedSocket = {
        onmessage: null,
        onclose: null,
        onerror: null,
        send() {},
        close() {},
      }
      queueMicrotask(() => dead.onclose?.({ code: 1006, reason: '' }))
      return dead
    },
  })
  await seen.states.until(isLive)
  assert.is(tried, 2)
  await workspace.score(leadId, 4)
  await seen.events.when((all) => all.length === 1)
  server.hub.closeAll(4212, 5)
  for (const overall of [1, 2]) await workspace.score(leadId, overall)
  await seen.events.when((all) => all.length === 3)
  assert.equal(seqs(seen), [1, 2, 3])
  assert.equal(seen.violations.items, [])
})

test('over server-sent events a filter, a snapshot and a revoked token work, too', async () => {
  const leadId = await workspace.addLead()
  await workspace.score(leadId, 2)
  const all = observe({ transport: 'sse', snapshot: true })
  await all.pages.until(({ more }) => !more)
  const high = observe({ transport: 'sse', filter: { minOverall: 3 } })
  await high.states.until(isLive)
  for (const overall of [1, 4]) await workspace.score(leadId, overall)
  await high.events.when((some) => some.length === 1)
  assert.equal(seqs(high), [3])
  await all.events.when((some) => some.length === 2)
  assert.equal(all.violations.items, [])
  server.sessions.closeOf(actorOf(tokenId))
  const refused = await all.states.until(({ kind }) => kind === 'refused')
  assert.is(refused.kind === 'refused' && refused.why, 'unauthorized')
})

test.run()
