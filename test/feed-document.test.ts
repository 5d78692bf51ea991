/** docs/feed.md is held to the code: its frames, fields, close codes, limits and example. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { slowLimits } from '../src/actors/feed-owed.ts'
import type { Database } from '../src/database.ts'
import {
  closeCodes,
  frames as make,
  readClientFrame,
  type ScoreEvent,
} from '../src/domain/feed-protocol.ts'
import { sessionLimits } from '../src/http/feed-sessions.ts'
import { socketLimits } from '../src/http/feed-socket.ts'
import { websocketPlugin } from '../src/http/server.ts'
import { feedClient } from '../web/feed-client.ts'
import type { FeedSocket, FeedViolation, ScoreEvent as WebEvent } from '../web/feed-frames.ts'
import { testDatabase } from './support/database.ts'
import { connect, type Frame, type ScoredWorkspace, scoredWorkspace } from './support/feed.ts'
import { type FeedServer, feedServer } from './support/feed-server.ts'
import { suite } from './support/suite.ts'

const test = suite('docs/feed.md')
const text = readFileSync(join(import.meta.dirname, '../docs/feed.md'), 'utf8')
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block]) => block as string,
  )
const frames = blocks('json').map((block) => JSON.parse(block) as Frame)
const ofType = (type: string) => frames.filter((frame) => frame.type === type)

/** Rows of the table after a mark, as texts without their ticks. */
function tableAfter(mark: string): string[][] {
  const [, table = ''] = text.split(`<!-- ${mark} -->`)
  const rows = table.trim().split('\n\n')[0]?.split('\n').slice(2) ?? []
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

let database: Database
let server: FeedServer
let workspace: ScoredWorkspace
let token: string
test.before(async () => {
  database = await testDatabase()
  server = await feedServer(database)
  workspace = await scoredWorkspace(database)
  ;({ token } = await server.tokenOf(workspace.id))
})
test.after(async () => {
  await server.close()
  await database.close()
})

/** Names and types of all fields; null may stand for any value. */
function shapeOf(value: unknown): unknown {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value !== 'object') return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shapeOf(part)]))
}

function assertSameShape(shown: unknown, real: unknown, path: string): void {
  if (shown === 'null' || real === 'null') return
  if (typeof shown !== 'object' || typeof real !== 'object') {
    assert.is(shown, real, path)
    return
  }
  assert.equal(Object.keys(shown ?? {}), Object.keys(real ?? {}), path)
  for (const [name, part] of Object.entries(shown ?? {})) {
    assertSameShape(part, (real as Record<string, unknown>)[name], `${path}.${name}`)
  }
}

test('the frames shown have the fields of those that are sent, in their order', async () => {
  const leadId = await workspace.addLead({ firstName: 'Dana' })
  await workspace.score(leadId, 2)
  const headers = { authorization: `Bearer ${token}` }
  const client = await connect(server.wsUrl, { headers })
  client.send({ type: 'subscribe', snapshot: true })
  await client.frames.until(({ type }) => type === 'heartbeat')
  await workspace.score(leadId, 4)
  await client.frames.until(({ type }) => type === 'scores')
  client.send({ type: 'subscribe', since: { epoch: uuidv7(), seq: 0 } })
  await client.frames.until(({ type }) => type === 'reset')
  for (const type of ['hello', 'snapshot', 'scores', 'heartbeat', 'reset']) {
    const real = client.frames.items.find((frame) => frame.type === type)
    const [shown] = ofType(type)
    assert.ok(shown, `${type} is shown`)
    assertSameShape(shapeOf(shown), shapeOf(real), type)
  }
  const merged = ofType('scores')[1]
  assert.equal(JSON.parse(make.scores(merged?.from, merged?.to, [], merged?.merged)), merged)
})

test('the client takes the frames shown as a whole feed', () => {
  const violations: FeedViolation[] = []
  const seqs: number[] = []
  let opened: FeedSocket | undefined
  const client = feedClient({
    baseUrl: 'http://feed.invalid',
    token: () => 'none',
    snapshot: true,
    fetch: async () => Response.json({ ticket: 'one' }),
    socket() {
      opened = { onmessage: null, onclose: null, onerror: null, send() {}, close() {} }
      return opened
    },
    onScores: ({ events }) => seqs.push(...events.map(({ seq }) => seq)),
    onViolation: (violation) => violations.push(violation),
  })
  client.start()
  return new Promise<void>((resolve) => {
    setImmediate(function look() {
      if (!opened) {
        setImmediate(look)
        return
      }
      const [first, second] = ofType('scores')
      const order = [
        ...ofType('hello'),
        ...ofType('snapshot'),
        first,
        ...ofType('heartbeat'),
        second,
      ]
      for (const frame of order) opened.onmessage?.({ data: JSON.stringify(frame) })
      assert.equal(violations, [])
      assert.equal(seqs, [44])
      assert.is(client.position()?.seq, 90)
      assert.is(client.merged(), 12)
      client.stop()
      resolve()
    })
  })
})

test('the server takes the subscriptions shown', () => {
  const subscriptions = ofType('subscribe')
  assert.is(subscriptions.length, 3)
  for (const frame of subscriptions) {
    const read = readClientFrame(JSON.stringify(frame))
    assert.equal(read, { type: 'subscribe', subscribe: frame })
  }
})

/** Fails to compile when one side has a field that the other lacks. */
const webFields: Record<keyof ScoreEvent, true> = {} as Record<keyof WebEvent, true>
const serverFields: Record<keyof WebEvent, true> = {} as Record<keyof ScoreEvent, true>

test('every field of an event is explained', () => {
  assert.equal([webFields, serverFields], [{}, {}])
  const explained = tableAfter('event').flatMap(([names]) =>
    [...(names ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  const [event] = (ofType('scores')[0]?.events ?? []) as Frame[]
  assert.equal(explained.toSorted(), Object.keys(event ?? {}).toSorted())
})

test('every close code is listed, and no other', () => {
  const listed = tableAfter('close codes').map(([code]) => Number(code))
  assert.equal(listed, Object.values(closeCodes))
})

test('the limits are those that hold', () => {
  const numbers = tableAfter('limits').flatMap(([, limit]) =>
    [...(limit ?? '').matchAll(/\d+/g)].map(([number]) => Number(number)),
  )
  assert.equal(numbers, [
    websocketPlugin.options.maxPayload,
    socketLimits.framesPerSecondMax,
    1,
    socketLimits.subscribeWithinMs,
    sessionLimits.socketsPerTokenMax,
    sessionLimits.socketsMax,
    slowLimits.congestedBytes,
    slowLimits.owedLeadsMax,
    slowLimits.owedMsMax,
    socketLimits.bufferedBytesMax,
  ])
})

test('the example in plain Node follows the feed', async () => {
  const [example] = blocks('js')
  const child = spawn(process.execPath, ['--input-type=module', '-e', example ?? ''], {
    env: { LEADPULSE_URL: server.url, ADMIN_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk
        if (/type: 'scores'[\s\S]*type: 'heartbeat'/.test(output)) resolve()
      })
    }
    child.once('exit', () => reject(new Error(output)))
  }).finally(() => child.kill('SIGKILL'))
  assert.match(output, /leadName: 'Dana'/)
})

test.run()
