/** What another process changes about a token is heard here without a word from it. */

import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import {
  createConnection,
  deleteConnection,
  rotateConnection,
} from '../../src/domain/connections.ts'
import type { Sql } from '../../src/domain/sql.ts'
import {
  type ConnectionDirectory,
  connectionDirectory,
} from '../../src/http/connection-directory.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('connection directory')
const HEARD_WITHIN_MS = 5000
let database: Database
let workspaceId: string
/** As of a second process: nobody tells it to forget. */
let directory: ConnectionDirectory

test.before(async () => {
  database = await testDatabase()
  workspaceId = (await makeWorkspace(database)).id
  directory = connectionDirectory(database, () => null)
})
test.after(() => database.close())

async function connect() {
  return createConnection(database, {
    id: uuidv7(),
    workspaceId,
    channel: 'email',
    provider: 'generic',
    name: 'Outbound team',
    sealedSignature: null,
  })
}

/** Counts the look-ups; each is answered when `answer` resolves. */
function watched(sql: Sql, answer: () => Promise<void>) {
  const counted = {
    count: 0,
    async query<Row>(text: string, params?: unknown[]) {
      counted.count += 1
      const rows = await sql.query<Row>(text, params)
      await answer()
      return rows
    },
  }
  return counted
}

/** Asks all the time, as busy senders do: use must not keep a token alive. */
const gone = (token: string) =>
  until(
    async () => directory.find('email', token),
    (found) => found === null,
    HEARD_WITHIN_MS,
  )

test('a known token is answered at once, without a look-up', async () => {
  const { id, token } = await connect()
  assert.is((await directory.find('email', token))?.id, id)
  const again = directory.find('email', token)
  assert.not(again instanceof Promise)
  assert.is(directory.find('sms', token), null)
})

test('a burst for a token that is not remembered is one look-up', async () => {
  const { id, token } = await connect()
  const sql = watched(database, async () => {})
  const fresh = connectionDirectory(sql, () => null)
  const found = await Promise.all(Array.from({ length: 20 }, () => fresh.find('email', token)))
  assert.equal([...new Set(found.map((each) => each?.id))], [id])
  const strangers = Array.from({ length: 20 }, () => fresh.find('email', `no-such-${token}`))
  assert.equal([...new Set(await Promise.all(strangers))], [null])
  assert.is(sql.count, 2)
})

test('nobody waits for the look-up of a token in use', async () => {
  const { id, token } = await connect()
  const sql = watched(database, async () => {})
  const busy = connectionDirectory(sql, () => null)
  await busy.find('email', token)
  const found = new Set<unknown>()
  await until(
    async () => {
      const answer = busy.find('email', token)
      found.add(answer instanceof Promise ? 'waits' : answer?.id)
      return sql.count
    },
    // The first, and two renewals: the entry itself would have run out.
    (count) => count >= 3,
    2 * HEARD_WITHIN_MS,
  )
  assert.equal([...found], [id])
})

test('a look-up that hangs holds up only those who came with it', async () => {
  const { id, token } = await connect()
  const read = Promise.withResolvers<void>()
  let hangs = true
  const sql = watched(database, () => {
    read.resolve()
    return hangs ? new Promise<void>(() => {}) : Promise.resolve()
  })
  const silent = connectionDirectory(sql, () => null)
  void silent.find('email', token)
  await read.promise
  hangs = false
  const found = await until(
    async () => Promise.race([silent.find('email', token), Promise.resolve(null)]),
    (each) => each !== null,
    HEARD_WITHIN_MS,
  )
  assert.is(found?.id, id)
  assert.is(sql.count, 2)
})

test('what was read before a rotation is not remembered after it', async () => {
  const { id, token } = await connect()
  const read = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const sql = watched(database, () => {
    read.resolve()
    return answer.promise
  })
  const slow = connectionDirectory(sql, () => null)
  const before = slow.find('email', token)
  await read.promise
  await deleteConnection(database, { workspaceId, connectionId: id })
  slow.forget()
  answer.resolve()
  assert.is((await before)?.id, id)
  const after = slow.find('email', token)
  assert.ok(after instanceof Promise)
  assert.is(await after, null)
})

test('a token in use is refused within 5 s of the deletion of its connection', async () => {
  const { id, token } = await connect()
  assert.is((await directory.find('email', token))?.id, id)
  await deleteConnection(database, { workspaceId, connectionId: id })
  await gone(token)
})

test('of three tokens the first is refused within 5 s of the second rotation', async () => {
  const { id, token: first } = await connect()
  const second = await rotateConnection(database, { workspaceId, connectionId: id })
  assert.is((await directory.find('email', first))?.id, id)
  const third = await rotateConnection(database, { workspaceId, connectionId: id })
  await gone(first)
  for (const token of [second?.token, third?.token]) {
    assert.is((await directory.find('email', token ?? ''))?.id, id)
  }
})

test.run()
