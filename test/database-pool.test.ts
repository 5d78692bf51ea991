import { Client } from 'pg'
import * as assert from 'uvu/assert'
import { type Database, openDatabase } from '../src/database.ts'
import { silentLog, storage, type TestStorage, testStorage } from './support/database.ts'
import { suite } from './support/suite.ts'

const test = suite('connections to PostgreSQL')
/** Two connections only: a leak shows at once. */
const POOL_MAX = 2
let place: TestStorage
let database: Database
let killer: Client
test.before(async () => {
  if (storage === 'pglite') return
  place = await testStorage()
  database = await openDatabase({ ...place, log: silentLog, poolMax: POOL_MAX })
  killer = new Client({ connectionString: place.databaseUrl as string })
  await killer.connect()
})
test.after(async () => {
  if (storage === 'pglite') return
  await killer.end()
  await database.close()
  await place.remove()
})

/** What a crash of the server does to one connection. */
const kill = (pid: unknown) => killer.query('select pg_terminate_backend($1, 5000)', [pid])
const backendOf = async (sql: Pick<Database, 'query'>) =>
  (await sql.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    () => 'failed',
  )

if (storage === 'postgres') {
  test('connections that break inside transactions go back to the pool', async () => {
    for (let count = 0; count < POOL_MAX * 2; count++) {
      const broken = database.transaction(async (tx) => {
        await kill(await backendOf(tx))
        await tx.query('select 1')
      })
      assert.is(await outcome(broken), 'failed')
    }
    assert.is(await outcome(database.transaction((tx) => tx.query('select 1'))), 'done')
  })

  test('connections that break at commit go back to the pool', async () => {
    for (let count = 0; count < POOL_MAX * 2; count++) {
      const broken = database.transaction(async (tx) => kill(await backendOf(tx)))
      assert.is(await outcome(broken), 'failed')
    }
    assert.is(await outcome(database.transaction((tx) => tx.query('select 1'))), 'done')
  })

  test('transactions that cannot begin give their connection back', async () => {
    // Idle ones that break are thrown away by the pool, unless they are taken before it hears of it.
    for (let count = 0; count < POOL_MAX * 2; count++) {
      const begun = database.transaction(async (tx) => tx.query('select 1'), { snapshot: true })
      assert.is(await outcome(begun), 'done')
      await killer.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`)
      await outcome(database.transaction((tx) => tx.query('select 1')))
    }
    assert.is(await outcome(database.transaction((tx) => tx.query('select 1'))), 'done')
  })

  test('what fails for another reason keeps its connection', async () => {
    const before = await backendOf(database)
    assert.is(await outcome(database.transaction((tx) => tx.query('select 1 / 0'))), 'failed')
    assert.is(await outcome(database.query('select nonsense')), 'failed')
    assert.is(await backendOf(database), before)
  })
}

test.run()
