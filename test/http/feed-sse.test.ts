/** The feed as server-sent events: the same frames, resumed by event id. */
import { setTimeout as delay } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import { testDatabase } from '../support/database.ts'
import {
  addEvents,
  connect,
  type Frame,
  inbox,
  range,
  type ScoredWorkspace,
  scoredWorkspace,
  seqsOf,
} from '../support/feed.ts'
import { type FeedServer, feedServer } from '../support/feed-server.ts'
import { suite } from '../support/suite.ts'

const test = suite('feed by server-sent events')
let database: Database
let server: FeedServer
let workspace: ScoredWorkspace
let token: string
let aborts: AbortController[] = []

test.before(async () => {
  database = await testDatabase()
})
test.before.each(async () => {
  server = await feedServer(database)
  workspace = await scoredWorkspace(database)
  token = (await server.tokenOf(workspace.id)).token
})
test.after.each(async () => {
  for (const abort of aborts) abort.abort()
  aborts = []
  await server.close()
})
test.after(() => database.close())

interface Event {
  id: string | null
  event: string
  data: Frame
}

/** Reads events as they come; `ended` when the server has ended the answer. */
async function follow(query = '', headers: Record<string, string> = {}) {
  const abort = new AbortController()
  aborts.push(abort)
  const response = await fetch(`${server.url}/api/v1/feed/sse${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: abort.signal,
  })
  const events = inbox<Event>()
  const ended = response.ok ? read(response, events).catch(() => {}) : Promise.resolve()
  const frames = () => events.items.map(({ data }) => data)
  return { response, events, ended, frames, abort }
}

async function read(response: Response, into: { push(event: Event): void }): Promise<void> {
  let text = ''
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? null
      const data = field('data')
      if (data) into.push({ id: field('id'), event: field('event') ?? '', data: JSON.parse(data) })
    }
  }
}

test('hello comes at once, then scores, each with the position it leads to', async () => {
  const leadId = await workspace.addLead()
  const stream = await follow()
  assert.match(String(stream.response.headers.get('content-type')), 'text/event-stream')
  const hello = await stream.events.until(({ event }) => event === 'hello')
  // A browser that is cut off before the first score must know where it was, too.
  const heartbeat = await stream.events.until(({ event }) => event === 'heartbeat')
  assert.is(heartbeat.id, `${hello.data.epoch}:0`)
  await workspace.score(leadId, 3)
  const scores = await stream.events.until(({ event }) => event === 'scores')
  assert.is(scores.id, `${hello.data.epoch}:1`)
  assert.equal(seqsOf(stream.frames()), [1])
})

test('the id of the last event resumes without gap or repeat', async () => {
  const leadId = await workspace.addLead()
  for (const _ of range(1, 5)) await workspace.score(leadId, 2)
  const first = await follow('?lastEventId=00000000-0000-4000-8000-000000000000:0')
  const reset = await first.events.until(({ event }) => event === 'reset')
  assert.is(reset.data.reason, 'epoch')
  const snapshot = await first.events.until(({ event }) => event === 'snapshot')
  assert.match(String(snapshot.id), /:5$/, 'the snapshot leads to where the feed stands')
  first.abort.abort()
  const epoch = String(snapshot.id).split(':')[0]
  const second = await follow('', { 'last-event-id': `${epoch}:2` })
  await second.events.when(() => seqsOf(second.frames()).length === 3)
  assert.equal(seqsOf(second.frames()), [3, 4, 5])
})

test('a filter holds back what does not match, and a heartbeat moves the position past it', async () => {
  await server.close()
  server = await feedServer(database, { hub: { heartbeatMs: 30 } })
  const leadId = await workspace.addLead()
  const stream = await follow('?minOverall=3')
  await stream.events.until(({ event }) => event === 'hello')
  await workspace.score(leadId, 1)
  await stream.events.until(({ event, id }) => event === 'heartbeat' && /:1$/.test(String(id)))
  await workspace.score(leadId, 4)
  await stream.events.until(({ event }) => event === 'scores')
  assert.equal(seqsOf(stream.frames()), [2])
})

test('a ticket opens it once, where no header can be sent', async () => {
  const { ticket } = (await (
    await fetch(`${server.url}/api/v1/feed/tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
  ).json()) as { ticket: string }
  const first = await follow(`?ticket=${ticket}`, { authorization: '' })
  assert.is(first.response.status, 200)
  assert.is((await follow(`?ticket=${ticket}`, { authorization: '' })).response.status, 401)
})

test('bad input, strangers and foreign pages are refused before anything is opened', async () => {
  const refused = async (query: string, headers: Record<string, string> = {}) => {
    const { response } = await follow(query, headers)
    return [response.status, ((await response.json()) as Frame).errors?.[0]?.field ?? null]
  }
  assert.equal(await refused('?lastEventId=nonsense'), [400, 'lastEventId'])
  assert.equal(await refused('', { 'last-event-id': 'nonsense' }), [400, 'Last-Event-ID'])
  assert.equal(await refused('?minOverall=9'), [400, 'minOverall'])
  assert.equal(await refused('', { authorization: 'Bearer wrong' }), [401, null])
  assert.equal(await refused('', { origin: 'https://evil.example' }), [403, null])
})

test('another workspace is never told', async () => {
  const other = await scoredWorkspace(database, 'Other')
  const stream = await follow()
  await stream.events.until(({ event }) => event === 'hello')
  await other.score(await other.addLead(), 4)
  await workspace.score(await workspace.addLead(), 2)
  await stream.events.until(({ event }) => event === 'scores')
  assert.is(stream.events.items.filter(({ event }) => event === 'scores').length, 1)
  assert.is(stream.frames().at(-1)?.events[0].overallScore, 2)
})

test('a server that ends says so, with a time to come back', async () => {
  const stream = await follow()
  await stream.events.until(({ event }) => event === 'hello')
  await server.close()
  const close = await stream.events.until(({ event }) => event === 'close')
  assert.is(close.data.code, 4212)
  assert.ok(JSON.parse(close.data.reason).retryMs > 0)
  await stream.ended
})

test('one token opens a bounded number of connections, whatever their transport', async () => {
  await server.close()
  server = await feedServer(database, { limits: { socketsPerTokenMax: 2 } })
  const headers = { authorization: `Bearer ${token}` }
  const socket = await connect(server.wsUrl, { headers })
  const stream = await follow()
  assert.is(stream.response.status, 200)
  const third = await follow()
  assert.is(third.response.status, 429)
  assert.match(String(((await third.response.json()) as Frame).detail), 'at most 2')
  const otherToken = (await server.tokenOf(workspace.id)).token
  const other = await follow('', { authorization: `Bearer ${otherToken}` })
  assert.is(other.response.status, 200)
  socket.socket.close()
  await socket.closed
  // The server hears of it a moment later than we do.
  let again = await follow()
  while (again.response.status === 429) again = await follow()
  assert.is(again.response.status, 200)
})

test('a client that takes nothing is cut off for good, and its place is free', async () => {
  await server.close()
  server = await feedServer(database, { limits: { socketsPerTokenMax: 1 } })
  const abort = new AbortController()
  aborts.push(abort)
  // Its body is never read: the network between the two fills up.
  const stalled = await fetch(`${server.url}/api/v1/feed/sse`, {
    headers: { authorization: `Bearer ${token}` },
    signal: abort.signal,
  })
  assert.is(stalled.status, 200)
  // More leads than may be owed, and more bytes than the network holds.
  const leadIds = range(1, 2100).map(() => uuidv7())
  await database.query(
    'insert into lead (id, workspace_id) select id, $2::uuid from unnest($1::uuid[]) as id',
    [leadIds, workspace.id],
  )
  while (server.hub.meters().slowClosed === 0) {
    const some = { workspaceId: workspace.id, leadIds, count: 2100, reasoning: 'x'.repeat(4000) }
    const last = await addEvents(database, some)
    server.hub.wake(workspace.id)
    // Not before the stream has taken them, or the next ones would come in one frame with these.
    while (server.hub.meters().events < last && server.hub.meters().slowClosed === 0) {
      await delay(5)
    }
  }
  let again = await follow()
  while (again.response.status === 429) again = await follow()
  assert.is(again.response.status, 200)
})

test('a token that is revoked loses its stream', async () => {
  const { id, token: mortal } = await server.tokenOf(workspace.id)
  const stream = await follow('', { authorization: `Bearer ${mortal}` })
  await stream.events.until(({ event }) => event === 'hello')
  // As another process does it: this one is not told.
  await database.query('delete from api_token where id = $1::uuid', [id])
  const close = await stream.events.until(({ event }) => event === 'close')
  assert.is(close.data.code, 4001)
})

test.run()
