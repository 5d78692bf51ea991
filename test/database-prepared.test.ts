import * as assert from 'uvu/assert'
import { preparedSql } from '../src/database-prepared.ts'
import { codeOf, type Sql } from '../src/domain/sql.ts'
import { silentLog, storage } from './support/database.ts'
import { startPostgres, type TestServer } from './support/postgres.ts'
import { suite } from './support/suite.ts'

const test = suite('connections of the ingest')
/** Every connection the pool has, and more. */
const QUERIES = 12
let server: TestServer
let prepared: ReturnType<typeof preparedSql>
if (storage === 'postgres') {
  test.before(async () => {
    server = await startPostgres()
    const limits = { connectionTimeoutMillis: 2000, query_timeout: 1000 }
    prepared = preparedSql({ connectionString: server.url, ...limits }, silentLog)
  })
  test.after(async () => {
    await prepared.close()
    await server.stop()
  })
}

const backendOf = async (sql: Sql) =>
  (await sql.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid

if (storage === 'postgres') {
  test('a row that is refused keeps the connection, with the plans it has made', async () => {
    const before = await backendOf(prepared.sql)
    const refused = await prepared.sql.query('select 1 / $1::int', [0]).then(() => null, codeOf)
    assert.is(refused, '22012')
    assert.is(await backendOf(prepared.sql), before)
    const [plan] = await prepared.sql.query<{ n: unknown }>(
      `select count(*) as n from pg_prepared_statements where statement like 'select 1 / %'`,
    )
    assert.is(Number(plan?.n), 1)
  })

  test('after a slow statement everything is planned anew, and no more often than every 5 s', async () => {
    let now = 10_000
    let tookMs = 0
    const clock = () => {
      now += tookMs / 2
      return now
    }
    const { sql, close } = preparedSql({ connectionString: server.url }, silentLog, clock)
    const lookUp = 'select id from grown where id = $1::int'
    /** Of the plan that is kept, whatever the settings would make of it now. */
    const plan = async () => {
      const [kept] = await sql.query<{ name: string }>(
        'select name from pg_prepared_statements where statement = $1',
        [lookUp],
      )
      const [row] = await sql.query<Record<'QUERY PLAN', string>>(
        `explain execute ${kept?.name}(1)`,
      )
      return /^\w+/.exec(row?.['QUERY PLAN'] ?? '')?.[0]
    }
    const indexes = async (is: 'on' | 'off') => {
      for (const way of ['indexscan', 'indexonlyscan', 'bitmapscan']) {
        await sql.query(`set enable_${way} = ${is}`)
      }
      await sql.query(`set enable_seqscan = ${is === 'on' ? 'off' : 'on'}`)
    }
    const slowly = async (ms: number) => {
      tookMs = ms
      await sql.query('select 1')
      tookMs = 0
    }
    await sql.query('create table grown (id int primary key)')
    await sql.query(lookUp, [1])
    assert.is(await plan(), 'Index')
    await indexes('off')
    await slowly(40)
    assert.is(await plan(), 'Index', 'kept: that was quick')
    await slowly(120)
    assert.is(await plan(), 'Seq', 'planned anew')
    await indexes('on')
    await slowly(120)
    assert.is(await plan(), 'Seq', 'kept: it was planned just now')
    now += 6000
    await slowly(120)
    assert.is(await plan(), 'Index', 'planned anew')
    await close()
  })

  test('connections that went silent are replaced, and none answers a later question', async () => {
    const ask = (n: number) => prepared.sql.query<{ n: number }>('select $1::int as n', [n])
    await Promise.all(Array.from({ length: QUERIES }, (_, n) => ask(n)))
    const old = new Set(
      (
        await prepared.sql.query<{ pid: number }>(
          `select pid from pg_stat_activity where application_name = 'leadpulse-ingest'`,
        )
      ).map(({ pid }) => pid),
    )
    assert.ok(old.size > 1)
    const { thaw } = await server.freeze()
    const asked = Array.from({ length: QUERIES }, (_, n) => ask(100 + n))
    const outcomes = await Promise.all(
      asked.map((each) =>
        each.then(
          () => 'done',
          () => 'failed',
        ),
      ),
    )
    thaw()
    assert.equal([...new Set(outcomes)], ['failed'])
    const answers = await Promise.all(Array.from({ length: QUERIES }, (_, n) => ask(n)))
    assert.equal(
      answers.flat().map(({ n }) => n),
      Array.from({ length: QUERIES }, (_, n) => n),
    )
    assert.not.ok(old.has((await backendOf(prepared.sql)) as number))
  })
}

test.run()
