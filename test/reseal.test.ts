/** Rotation of SECRETS_KEY, and that no secret lies open in the database. */
import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import { callbackTokens } from '../src/domain/enrichment/callback-token.ts'
import { resealConnections } from '../src/reseal.ts'
import { openSealing } from '../src/sealing.ts'
import { ADMIN_TOKEN, sealing, type TestApi, testApi } from './support/api.ts'
import { suite } from './support/suite.ts'

const test = suite('rotation of SECRETS_KEY')
const SECRET = 'CANARY-signing-secret-of-sixteen'
const API_KEY = 'CANARY-api-key'
let api: TestApi
const shown: string[] = []

test.before(async () => {
  api = await testApi()
  await api.call('POST', '/api/v1/workspaces', { body: { name: 'North' } })
  const body = {
    channel: 'email',
    provider: 'generic',
    name: 'Signed',
    signature: { secret: SECRET },
  }
  for (let n = 0; n < 3; n++) {
    const made = await api.call('POST', '/api/v1/connections', { body })
    assert.is(made.status, 201, made.text)
    shown.push(made.body.token)
  }
  const keyed = { channel: 'smartlead', provider: 'smartlead', name: 'Keyed', apiKey: API_KEY }
  const made = await api.call('POST', '/api/v1/connections', { body: keyed })
  assert.is(made.status, 201, made.text)
  const token = await api.call('POST', '/api/v1/tokens', { body: { name: 'BI', role: 'viewer' } })
  shown.push(made.body.token, token.body.token)
})
test.after(() => api.close())

const sealedRows = () =>
  api.database.query<{ id: string; sealed: string }>(
    `select id, coalesce(sealed_signature, sealed_api_key) as sealed from connection
     where sealed_signature is not null or sealed_api_key is not null order by id`,
  )

test('a dump of the database holds no secret and no token, only seals and hashes', async () => {
  const tables = await api.database.query<{ schema: string; name: string }>(
    `select table_schema as schema, table_name as name from information_schema.tables
     where table_schema in ('public', 'pgboss') and table_type = 'BASE TABLE'`,
  )
  assert.ok(tables.length > 15)
  let dump = ''
  for (const { schema, name } of tables) {
    const rows = await api.database.query(
      `select to_jsonb(t)::text as row from ${schema}."${name}" t`,
    )
    dump += JSON.stringify(rows)
  }
  assert.match(dump, 'Signed')
  assert.match(dump, 'v1.')
  assert.is(shown.length, 5)
  for (const secret of [SECRET, API_KEY, ADMIN_TOKEN, ...shown]) assert.not.match(dump, secret)
})

test('several processes seal everything again at once, and the old key opens nothing more', async () => {
  const [oldKey, newKey] = [Buffer.alloc(32, 7), randomBytes(32)]
  const rotated = openSealing(newKey, oldKey)
  // Before: both kinds of process read all of it.
  for (const { id, sealed } of await sealedRows()) {
    assert.equal(rotated.open(sealed, id), sealing.open(sealed, id))
  }
  const done = await Promise.all([1, 2, 3].map(() => resealConnections(api.database, rotated)))
  assert.is(
    done.reduce((sum, { resealed }) => sum + resealed, 0),
    4,
    'each once',
  )
  assert.ok(done.every(({ lost }) => lost === 0))
  const alone = openSealing(newKey)
  for (const { id, sealed } of await sealedRows()) {
    assert.throws(() => sealing.open(sealed, id))
    assert.match(JSON.stringify(alone.open(sealed, id)), 'CANARY')
  }
  assert.equal(await resealConnections(api.database, rotated), { resealed: 0, lost: 0 })
  const stranger = openSealing(randomBytes(32), randomBytes(32))
  assert.equal(await resealConnections(api.database, stranger), { resealed: 0, lost: 4 })
})

test('a callback token of before the rotation is still read', () => {
  const now = () => new Date('2026-11-27T10:00:00Z')
  const [oldKey, secretsKey] = [randomBytes(32), randomBytes(32)]
  const lead = { workspaceId: uuidv7(), leadId: uuidv7() }
  const token = callbackTokens({ secretsKey: oldKey, now }).make(lead)
  assert.equal(callbackTokens({ secretsKey, previousKey: oldKey, now }).read(token), lead)
  assert.is(callbackTokens({ secretsKey, now }).read(token), null)
})

test.run()
