/** What another process changes about a token is heard here without a word from it. */

import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import {
  createConnection,
  deleteConnection,
  rotateConnection,
} from '../../src/domain/connections.ts'
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
