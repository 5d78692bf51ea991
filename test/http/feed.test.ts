import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import { feedPosition } from '../../src/domain/feed-log.ts'
import { actorOf } from '../../src/http/auth.ts'
import { testDatabase } from '../support/database.ts'
import {
  addEvents,
  connect,
  range,
  type ScoredWorkspace,
  scoredWorkspace,
  seqsOf,
} from '../support/feed.ts'
import { type FeedServer, feedServer } from '../support/feed-server.ts'
import { suite } from '../support/suite.ts'

const test = suite('feed http')
let database: Database
let server: FeedServer
let workspace: ScoredWorkspace
let token: string
let tokenId: string
let epoch: string

test.before(async () => {
  database = await testDatabase()
})
test.before.each(async () => {
  server = await feedServer(database)
  workspace = await scoredWorkspace(database)
  ;({ token, id: tokenId } = await server.tokenOf(workspace.id))
  epoch = (await feedPosition(database, workspace.id))?.epoch as string
})
test.after.each(async () => {
  await server.close()
})
test.after(async () => {
  await database.close()
})

const bearer = () => ({ authorization: `Bearer ${token}` })
const open = (headers: Record<string, string> = {}) =>
  connect(server.wsUrl, { headers: { ...bearer(), ...headers } })

async function makeTicket(): Promise<string> {
  const response = await fetch(`${server.url}/api/v1/feed/tickets`, {
    method: 'POST',
    headers: bearer(),
  })
  assert.is(response.status, 201)
  const { ticket } = (await response.json()) as { ticket: string }
  return ticket
}

async function poll(query = ''): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}/api/v1/feed${query}`, { headers: bearer() })
  return { status: response.status, ...((await response.json()) as object) }
}

async function refused(attempt: Promise<unknown>, status: number): Promise<void> {
  try {
    await attempt
  } catch (error) {
    assert.is((error as Error).message, String(status))
    return
  }
  assert.unreachable(`let in, expected ${status}`)
}

test('hello comes at once, scores follow the subscription', async () => {
  const leadId = await workspace.addLead({ firstName: 'Ada' })
  const client = await open()
  const hello = await client.frames.until(() => true)
  assert.equal(hello, { type: 'hello', epoch, seq: 0, heartbeatMs: 25_000 })
  client.send({ type: 'subscribe' })
  await workspace.score(leadId, 4)
  server.hub.wake(workspace.id)
  const batch = await client.frames.until(({ type }) => type === 'scores')
  assert.equal([batch.from, batch.to, batch.events[0].leadName], [1, 1, 'Ada'])
})

test('what is scored between hello and subscribe is not lost', async () => {
  const leadId = await workspace.addLead()
  const client = await open()
  await client.frames.until(({ type }) => type === 'hello')
  await workspace.score(leadId, 4)
  client.send({ type: 'subscribe' })
  await client.frames.until(({ type }) => type === 'scores')
  assert.equal(client.seqs(), [1])
})

test('a frame sent together with the upgrade is heard', async () => {
  const leadId = await workspace.addLead()
  const client = await open()
  client.send({ type: 'subscribe', snapshot: true })
  const snapshot = await client.frames.until(({ type }) => type === 'snapshot')
  assert.equal([snapshot.leads[0].id, snapshot.more], [leadId, false])
})

test('reconnects while writers run give every event once and in order', async () => {
  const leads = await Promise.all(range(1, 4).map(() => workspace.addLead()))
  const total = leads.length * 30
  const writers = Promise.all(
    leads.map(async (leadId) => {
      for (const _ of range(1, 30)) {
        await workspace.score(leadId, 3)
        server.hub.wake(workspace.id)
      }
    }),
  )
  const all: number[] = []
  let seq = 0
  while (seq < total) {
    const client = await open()
    client.send({ type: 'subscribe', since: { epoch, seq } })
    const frames = await client.frames.when((got) => seqsOf(got).length > 0)
    client.socket.terminate()
    const batches = frames.filter(({ type }) => type === 'scores')
    assert.is(batches[0]?.from, seq + 1)
    all.push(...seqsOf(frames))
    seq = batches.at(-1)?.to
  }
  await writers
  assert.equal(all, range(1, total))
})

test('two workspaces never meet', async () => {
  const foreign = await scoredWorkspace(database)
  const foreignLead = await foreign.addLead()
  const leadId = await workspace.addLead()
  const client = await open({ 'x-workspace-id': workspace.id })
  client.send({ type: 'subscribe', since: { epoch, seq: 0 } })
  for (const overall of [1, 2, 3]) {
    await foreign.score(foreignLead, overall)
    server.hub.wake(foreign.id)
    await workspace.score(leadId, overall)
    server.hub.wake(workspace.id)
  }
  await client.frames.when((frames) => seqsOf(frames).length === 3)
  assert.not.match(JSON.stringify(client.frames.items), foreignLead)
  await refused(open({ 'x-workspace-id': foreign.id }), 403)
})

test('a ticket opens one socket, once, and is never echoed', async () => {
  const protocols = ['leadpulse.feed.v1', `ticket.${await makeTicket()}`]
  const client = await connect(server.wsUrl, { protocols })
  assert.is(client.socket.protocol, 'leadpulse.feed.v1')
  await client.frames.until(({ type }) => type === 'hello')
  await refused(connect(server.wsUrl, { protocols }), 401)
  await refused(connect(server.wsUrl, { protocols: ['leadpulse.feed.v1', 'ticket.x'] }), 401)
})

test('of many who use one ticket at once, one is let in', async () => {
  const protocols = ['leadpulse.feed.v1', `ticket.${await makeTicket()}`]
  const tries = await Promise.allSettled(
    range(1, 8).map(() => connect(server.wsUrl, { protocols })),
  )
  assert.is(tries.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('a ticket is good for 30 seconds', async () => {
  const ticket = await makeTicket()
  server.clock.add(30_000)
  await refused(
    connect(server.wsUrl, { protocols: ['leadpulse.feed.v1', `ticket.${ticket}`] }),
    401,
  )
})

test('without token, with a wrong one or another sub-protocol there is no socket', async () => {
  await refused(connect(server.wsUrl), 401)
  await refused(connect(server.wsUrl, { headers: { authorization: 'Bearer lp_wrong' } }), 401)
  await refused(connect(server.wsUrl, { protocols: ['chat'], headers: bearer() }), 400)
  const plain = await fetch(`${server.url}/api/v1/feed/ws`, { headers: bearer() })
  assert.is(plain.status, 400)
})

test('a page of a foreign origin is refused, our own and allowed ones are not', async () => {
  await refused(open({ origin: 'https://evil.example' }), 403)
  await refused(open({ origin: 'null' }), 403)
  const ticket = await makeTicket()
  const protocols = ['leadpulse.feed.v1', `ticket.${ticket}`]
  const headers = { origin: 'https://evil.example' }
  await refused(connect(server.wsUrl, { protocols, headers }), 403)
  for (const origin of [server.url, 'https://crm.example', 'https://scores.example']) {
    const client = await open({ origin })
    await client.frames.until(({ type }) => type === 'hello')
  }
})

test('a frame that is not understood closes with the field that is wrong', async () => {
  const since = { epoch, seq: 0 }
  const cases: [unknown, RegExp][] = [
    ['{', /^frame: takes JSON/],
    ['[]', /^type: /],
    [{ type: 'subscribe', since: { epoch: 'x', seq: 0 } }, /^since\.epoch: /],
    [{ type: 'subscribe', since: { ...since, seq: -1 } }, /^since\.seq: takes a whole number/],
    [{ type: 'subscribe', since: 5 }, /^since: takes an object/],
    [{ type: 'subscribe', filter: { minOverall: 5 } }, /^filter\.minOverall: takes 1, 2, 3 or 4/],
    [{ type: 'subscribe', filter: { channel: 'fax' } }, /^filter\.channel: takes one of email/],
    [{ type: 'subscribe', filter: { leadId: 'x' } }, /^filter\.leadId: /],
    [{ type: 'subscribe', snapshot: 1 }, /^snapshot: takes true or false/],
  ]
  for (const [frame, reason] of cases) {
    const client = await open()
    client.send(frame)
    const closed = await client.closed
    assert.is(closed.code, 4009)
    assert.match(closed.reason, reason)
  }
  const bytes = await open()
  bytes.socket.send(Buffer.from('{"type":"subscribe"}'), { binary: true })
  assert.is((await bytes.closed).code, 4009)
})

test('unknown types and fields are of a later version and do no harm', async () => {
  const client = await open()
  client.send({ type: 'later', anything: true })
  client.send({ type: 'subscribe', snapshot: true, later: true, filter: { later: 1 } })
  await client.frames.until(({ type }) => type === 'snapshot')
})

test('more frames than ten in a second close the socket', async () => {
  const client = await open()
  for (const _ of range(1, 25)) client.send({ type: 'later' })
  const { code, reason } = await client.closed
  assert.is(code, 4009)
  assert.match(reason, /10 frames/)
})

test('a frame that is too large closes the socket and harms nobody else', async () => {
  const other = await open()
  const client = await open()
  client.send(JSON.stringify({ type: 'later', padding: 'x'.repeat(10_000) }))
  assert.is((await client.closed).code, 1009)
  other.send({ type: 'subscribe', snapshot: true })
  await other.frames.until(({ type }) => type === 'snapshot')
})

test('who does not subscribe in time is closed', async () => {
  await server.close()
  server = await feedServer(database, { limits: { subscribeWithinMs: 20 } })
  const client = await open()
  const { code, reason } = await client.closed
  assert.is(code, 4009)
  assert.match(reason, /^subscribe: /)
})

test('a socket too many is told to come later', async () => {
  await server.close()
  server = await feedServer(database, { limits: { socketsMax: 1 } })
  const first = await open()
  await refused(open(), 503)
  first.socket.close()
  await first.closed
})

test('however many come at once, one token has no more sockets than it may', async () => {
  await server.close()
  server = await feedServer(database, { limits: { socketsPerTokenMax: 2 } })
  const tries = await Promise.allSettled(range(1, 12).map(() => open()))
  const opened = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  for (const client of opened) client.send({ type: 'subscribe', snapshot: true })
  const ends = await Promise.all(
    opened.map(async (client) => {
      const told = client.frames.until(({ type }) => type === 'snapshot').then(() => null)
      return Promise.race([told, client.closed.then(({ code }) => code)])
    }),
  )
  assert.is(ends.filter((code) => code === null).length, 2)
  assert.equal(new Set(ends.filter((code) => code !== null)).size <= 1, true)
  for (const code of ends) assert.ok(code === null || code === 4100, String(code))
})

test('heartbeats tell the watermark, filtered events included', async () => {
  await server.close()
  server = await feedServer(database, { hub: { heartbeatMs: 30 } })
  const leadId = await workspace.addLead()
  const client = await open()
  client.send({ type: 'subscribe', filter: { minOverall: 4 } })
  await client.frames.until(({ type, seq }) => type === 'heartbeat' && seq === 0)
  await workspace.score(leadId, 2)
  await workspace.score(leadId, 3)
  await client.frames.until(({ type, seq }) => type === 'heartbeat' && seq === 2)
  await workspace.score(leadId, 4)
  const batch = await client.frames.until(({ type }) => type === 'scores')
  assert.equal([batch.from, batch.to, seqsOf([batch])], [3, 3, [3]])
})

test('a peer that answers no ping is cut', async () => {
  await server.close()
  server = await feedServer(database, { pingMs: 30 })
  const client = await connect(server.wsUrl, { headers: bearer(), autoPong: false })
  client.send({ type: 'subscribe' })
  assert.is((await client.closed).code, 1006)
})

test('a position that cannot be resumed is reset and told the leads anew', async () => {
  const leadId = await workspace.addLead()
  await workspace.score(leadId, 3)
  for (const [since, reason] of [
    [{ epoch: uuidv7(), seq: 0 }, 'epoch'],
    [{ epoch, seq: 2 }, 'ahead'],
  ] as const) {
    const client = await open()
    client.send({ type: 'subscribe', since })
    const reset = await client.frames.until(({ type }) => type === 'reset')
    assert.equal(reset, { type: 'reset', reason })
    const snapshot = await client.frames.until(({ type }) => type === 'snapshot')
    assert.equal([snapshot.epoch, snapshot.seq, snapshot.leads[0].overallScore], [epoch, 1, 3])
  }
})

test('a second subscription replaces the first', async () => {
  const leadId = await workspace.addLead()
  const client = await open()
  client.send({ type: 'subscribe', filter: { minOverall: 4 } })
  client.send({ type: 'subscribe', since: { epoch, seq: 0 } })
  await workspace.score(leadId, 2)
  await client.frames.until(({ type }) => type === 'scores')
  assert.equal(client.seqs(), [1])
  assert.is(server.hub.meters().subscribers, 1)
})

test('revoking the token closes its sockets', async () => {
  const client = await open()
  client.send({ type: 'subscribe', snapshot: true })
  await client.frames.until(({ type }) => type === 'snapshot')
  server.sessions.closeOf(actorOf(tokenId))
  const { code, reason } = await client.closed
  assert.equal([code, reason], [4001, 'the token was revoked'])
})

test('a revoked token closes sockets that have not subscribed, too', async () => {
  const client = await open()
  await client.frames.until(({ type }) => type === 'hello')
  server.sessions.closeOf(actorOf(tokenId))
  assert.is((await client.closed).code, 4001)
})

test('a token that another process revoked loses its sockets, and only it', async () => {
  await server.close()
  server = await feedServer(database, { recheckMs: 10 })
  const other = await server.tokenOf(workspace.id)
  const [silent, subscribed, stays] = [
    await open(),
    await open(),
    await connect(server.wsUrl, { headers: { authorization: `Bearer ${other.token}` } }),
  ]
  subscribed.send({ type: 'subscribe' })
  stays.send({ type: 'subscribe' })
  const leadId = await workspace.addLead()
  // As another process does it: this one is not told.
  await database.query('delete from api_token where id = $1::uuid', [tokenId])
  for (const { closed } of [silent, subscribed]) {
    const { code, reason } = await closed
    assert.equal([code, reason], [4001, 'the token was revoked'])
  }
  await workspace.score(leadId, 4)
  await stays.frames.until(({ type }) => type === 'scores')
})

test('one cursor: where one transport stopped, another goes on', async () => {
  const leadId = await workspace.addLead()
  for (const overall of [1, 2, 3]) await workspace.score(leadId, overall)
  const polled = await poll('?sinceSeq=0&limit=1')
  assert.equal([polled.from, polled.to], [1, 1])
  const stream = await fetch(`${server.url}/api/v1/feed/sse`, {
    headers: { ...bearer(), 'last-event-id': `${polled.epoch}:${polled.to}` },
  })
  let text = ''
  for await (const chunk of stream.body ?? []) {
    text += Buffer.from(chunk).toString()
    if (/^id: .*\nevent: scores\n.*\n\n/m.test(text)) break
  }
  const [, id, seq, data] = /^id: (\S+):(\d+)\nevent: scores\ndata: (.*)\n/m.exec(text) ?? []
  assert.equal(seqsOf([JSON.parse(data ?? '')]), [2, 3])
  await workspace.score(leadId, 4)
  const client = await open()
  client.send({ type: 'subscribe', since: { epoch: id, seq: Number(seq) } })
  await client.frames.until(({ type }) => type === 'scores')
  assert.equal(client.seqs(), [4])
})

test('a client that takes nothing costs the others nothing and the server no more than its bound', async () => {
  const ballast = { workspaceId: workspace.id, count: 10, reasoning: 'x'.repeat(20_000) }
  const first = await workspace.addLead()
  const healthy = await Promise.all(range(1, 3).map(() => open()))
  const stalled = await open()
  for (const client of [...healthy, stalled]) client.send({ type: 'subscribe' })
  await stalled.frames.until(({ type }) => type === 'heartbeat')
  stalled.socket.pause()
  const all = (seq: number) =>
    Promise.all(
      healthy.map((client) =>
        client.frames.until(({ type, to }) => type === 'scores' && to >= seq),
      ),
    )
  // Fills what the network between the two holds, then what the server holds.
  let last = 0
  let unsent = 0
  while (unsent < 128 * 1024) {
    last = await addEvents(database, { ...ballast, leadIds: [first] })
    server.hub.wake(workspace.id)
    await all(last)
    unsent = server.unsentMax()
  }
  for (const _ of range(1, 4)) {
    last = await addEvents(database, { ...ballast, leadIds: [first] })
    server.hub.wake(workspace.id)
    await all(last)
    assert.ok(server.unsentMax() <= 512 * 1024, `${server.unsentMax()} bytes`)
  }
  // More leads than may be owed to it.
  const leadIds = range(1, 2100).map(() => uuidv7())
  await database.query(
    'insert into lead (id, workspace_id) select id, $2::uuid from unnest($1::uuid[]) as id',
    [leadIds, workspace.id],
  )
  const many = { workspaceId: workspace.id, leadIds, count: leadIds.length, reasoning: 'short' }
  last = await addEvents(database, many)
  server.hub.wake(workspace.id)
  await all(last)
  for (const client of healthy) {
    assert.equal(client.seqs(), range(1, last))
    assert.not.ok(client.frames.items.some(({ merged }) => merged))
  }
  stalled.socket.resume()
  assert.is((await stalled.closed).code, 4108)
  const to = stalled.frames.items.findLast(({ type }) => type === 'scores')?.to as number
  assert.ok(to < last)
  assert.equal(stalled.seqs(), range(1, to))
  const resumed = await open()
  resumed.send({ type: 'subscribe', since: { epoch, seq: to } })
  await resumed.frames.until(({ type, to: reached }) => type === 'scores' && reached >= last)
  assert.equal(resumed.seqs(), range(to + 1, last))
})

test('a client that never reads is closed and resumes', async () => {
  await server.close()
  server = await feedServer(database, { limits: { bufferedBytesMax: -1 } })
  const leadId = await workspace.addLead()
  const client = await open()
  client.send({ type: 'subscribe' })
  await workspace.score(leadId, 2)
  assert.is((await client.closed).code, 4108)
})

test('shutdown sends every socket away with a time to come back, subscribed or not', async () => {
  const one = await open()
  const two = await open()
  two.send({ type: 'subscribe', snapshot: true })
  await two.frames.until(({ type }) => type === 'snapshot')
  server.hub.closeAll(4212, 3000)
  await two.closed
  await server.close()
  for (const client of [one, two]) {
    const { code, reason } = await client.closed
    assert.is(code, 4212)
    assert.ok(JSON.parse(reason).retryMs > 0)
  }
})

test('the poll tells the same events, page by page', async () => {
  const leadId = await workspace.addLead()
  const other = await workspace.addLead({ channel: 'sms' })
  for (const overall of [1, 2, 3]) await workspace.score(leadId, overall)
  await workspace.score(other, 4)
  const first = await poll('?limit=3')
  assert.equal(
    [first.status, first.type, first.from, first.to, first.more],
    [200, 'scores', 1, 3, true],
  )
  const second = await poll(`?sinceSeq=${first.to}&epoch=${epoch}`)
  assert.equal([second.from, second.to, second.more], [4, 4, false])
  const none = await poll(`?sinceSeq=4`)
  assert.equal([none.from, none.to, none.events], [5, 4, []])
  const high = await poll('?sinceSeq=0&minOverall=3')
  assert.equal([high.to, (high.events as unknown[]).length], [4, 2])
  const text = await poll('?channel=sms')
  assert.equal((text.events as { leadId: string }[])[0]?.leadId, other)
})

test('the poll says when it cannot go on', async () => {
  assert.equal(await poll('?sinceSeq=1'), {
    status: 200,
    type: 'reset',
    reason: 'ahead',
    epoch,
    seq: 0,
  })
  assert.is((await poll(`?sinceSeq=0&epoch=${uuidv7()}`)).reason, 'epoch')
  for (const query of ['?sinceSeq=-1', '?sinceSeq=x', '?limit=0', '?minOverall=5', '?what=1']) {
    assert.is((await poll(query)).status, 400, query)
  }
  const stranger = await fetch(`${server.url}/api/v1/feed`)
  assert.is(stranger.status, 401)
})

test.run()
