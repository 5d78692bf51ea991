import { connect, createServer, type Socket } from 'node:net'
import { CompiledQuery, Kysely } from 'kysely'
import { Client } from 'pg'
import * as assert from 'uvu/assert'
import { type Database, openDatabase } from '../src/database.ts'
import { openPool, pooledDialect } from '../src/database-pool.ts'
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

  test('a connection that went silent is replaced, and a new one answers', async () => {
    const network = await muteableProxy(new URL(place.databaseUrl as string))
    const kysely = new Kysely<unknown>({
      dialect: pooledDialect([
        openPool({
          connectionString: network.url,
          max: 1,
          connectionTimeoutMillis: 2000,
          query_timeout: 300,
          onBroken: () => undefined,
        }),
      ]),
    })
    const ask = () => outcome(kysely.executeQuery(CompiledQuery.raw('select 1')))
    assert.is(await ask(), 'done')
    network.muteOpen()
    assert.is(await ask(), 'failed')
    assert.is(await ask(), 'done')
    await kysely.destroy()
    network.close()
  })
}

/** Passes everything on, until the connections that are open at a moment go silent for good. */
async function muteableProxy(to: URL) {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname)
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => undefined)
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(to)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    muteOpen() {
      for (const socket of open) socket.unpipe().pause()
    },
    close() {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

test.run()
