import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely'
import * as assert from 'uvu/assert'
import { type Embedded, openEmbedded } from '../src/database-embedded.ts'
import { isDatabaseAway } from '../src/domain/sql.ts'
import { suite } from './support/suite.ts'

const TIMESTAMPTZ = 1184
const DATE = 1082
const test = suite('the embedded database in its thread')
let database: Embedded
test.before(async () => {
  database = await openEmbedded({
    place: 'memory://',
    asText: [TIMESTAMPTZ, DATE],
    onLost: () => {},
  })
})
test.after(() => database.close())

async function rejection(promise: Promise<unknown>): Promise<Error> {
  const settled = await promise.then(
    () => null,
    (error: Error) => error,
  )
  assert.ok(settled, 'it went through')
  return settled as Error
}

async function rowOf(text: string, params: unknown[] = []) {
  const [row] = (await database.execute('foreground', text, params)).rows
  return row as Record<string, unknown> | undefined
}

test('values go there and back as they are', async () => {
  const bytes = Buffer.from('a body with \0 and ü')
  const row = await rowOf(
    `select $1::bytea as bytes, $2::jsonb as json, $3::text[] as list, $4::text as nothing,
       $5::timestamptz as at, array[date '2026-11-28'] as days, 7::int as number, true as yes`,
    [bytes.subarray(2, 6), { a: [1, null] }, ['x', 'y z'], null, new Date(0)],
  )
  assert.equal(Buffer.from(row?.bytes as Uint8Array), bytes.subarray(2, 6))
  assert.equal(row?.json, { a: [1, null] })
  assert.equal(row?.list, ['x', 'y z'])
  assert.is(row?.nothing, null)
  assert.is(Date.parse(String(row?.at)), 0)
  assert.type(row?.at, 'string')
  assert.equal(row?.days, ['2026-11-28'])
  assert.is(row?.number, 7)
  assert.is(row?.yes, true)
})

test('an error tells its code and constraint, and not what the statement held', async () => {
  await database.execute('background', 'create table person (name text constraint known not null)')
  const refused = await rejection(rowOf('insert into person values ($1), (null)', ['Dana Example']))
  const fields = { ...refused } as Record<string, unknown>
  assert.is(fields.code, '23502')
  assert.is(fields.column, 'name')
  assert.is(isDatabaseAway(refused), false)
  assert.not.match(JSON.stringify([refused.message, fields]), /Dana/)
  assert.equal(await rowOf('select count(*)::int as n from person'), { n: 0 })
})

test('a statement that is kept takes other values, and sees what has changed since', async () => {
  await database.execute('background', 'create table kept (n int, at timestamptz, list text[])')
  const insert = 'insert into kept values ($1, $2, $3::text[]) returning n, list'
  for (const n of [1, 2, 3, 4, 5]) {
    const values = [n, new Date(n), n === 4 ? null : ['a', `"${n}"`]]
    assert.equal(await database.ingest(insert, values), [{ n, list: values[2] }])
  }
  assert.equal(
    await database.ingest('select n, at from kept where n > $1 order by n limit 1', [2]),
    [{ n: 3, at: '1970-01-01 00:00:00.003+00' }],
  )
  const all = 'select * from kept where $1 and n < 2'
  for (const yes of [true, false, true, false, true]) {
    const [row] = await database.ingest(all, [yes])
    assert.equal(Object.keys(row ?? {}), yes ? ['n', 'at', 'list'] : [])
  }
})

test('a kept statement that is refused is refused alone', async () => {
  await database.execute('background', 'create table unique_one (n int primary key)')
  const insert = 'insert into unique_one select * from unnest($1::int[])'
  for (const n of [-3, -2, -1, 1]) await database.ingest(insert, [[n]])
  const refused = await rejection(database.ingest(insert, [[2, 1]]))
  assert.is((refused as Error & { code?: string }).code, '23505')
  await database.ingest(insert, [[3]])
  assert.equal(await rowOf('select array_agg(n order by n) as all from unique_one where n > 0'), {
    all: [1, 3],
  })
  const wrong = () => rejection(database.ingest('select nowhere from unique_one where n = $1', [1]))
  for (let n = 0; n < 5; n++) assert.match((await wrong()).message, 'nowhere')
})

test('a kept statement is prepared anew when its rows are made up otherwise', async () => {
  await database.execute('background', 'create table grown (a int)')
  const all = 'select * from grown where $1'
  for (let n = 0; n < 4; n++) await database.ingest(all, [true])
  await database.execute(
    'background',
    'alter table grown add b int; insert into grown values (1, 2)',
  )
  const refused = await rejection(database.ingest(all, [true]))
  assert.is((refused as Error & { code?: string }).code, '0A000')
  for (let n = 0; n < 4; n++) assert.equal(await database.ingest(all, [true]), [{ a: 1, b: 2 }])
})

test('more different texts than are kept are answered, too', async () => {
  const KEPT_AND_MORE = 260
  for (let n = 0; n < KEPT_AND_MORE * 3; n++) {
    const which = n % KEPT_AND_MORE
    assert.equal(await database.ingest(`select ${which} + $1::int as sum`, [1]), [
      { sum: which + 1 },
    ])
  }
})

test('a parameter that no thread can be sent is refused, and holds up nobody', async () => {
  const unsendable = [() => 'a function']
  await rejection(database.ingest('select $1::text', unsendable))
  await rejection(rowOf('select $1::text', unsendable))
  assert.is(database.meters().idle, 1)
  assert.equal(await rowOf('select 1 as fine'), { fine: 1 })
})

test('an end that comes while the first statement waits leaves nothing open', async () => {
  const orm = new Kysely<never>({ dialect: new PostgresDialect({ pool: database.pool }) })
  await database.execute('background', 'create table halfway (n int)')
  const busy = database.execute('background', 'select count(*) from generate_series(1, 300000)')
  const failing = orm
    .transaction()
    .execute((tx) =>
      Promise.all([
        sql`insert into halfway values (1)`.execute(tx),
        Promise.reject(new Error('meanwhile')),
      ]),
    )
  assert.match((await rejection(failing)).message, 'meanwhile')
  await busy
  assert.equal(await rowOf('select count(*)::int as n from halfway'), { n: 0 })
  assert.is(database.meters().idle, 1)
})

test('a transaction whose first statement cannot be sent commits nothing', async () => {
  const orm = new Kysely<never>({ dialect: new PostgresDialect({ pool: database.pool }) })
  await database.execute('background', 'create table unsent (n int)')
  await orm.transaction().execute(async (tx) => {
    await rejection(tx.executeQuery(CompiledQuery.raw('select $1::text', [() => 1])))
    const refused = await rejection(sql`insert into unsent values (1)`.execute(tx))
    assert.is((refused as Error & { code?: string }).code, '25P02')
  })
  assert.equal(await rowOf('select count(*)::int as n from unsent'), { n: 0 })
})

test('what the database dies of is no success: nothing more is answered', async () => {
  const lost = Promise.withResolvers<Error>()
  const crashing = await openEmbedded({
    ...{ place: 'memory://', asText: [] },
    onLost: lost.resolve,
  })
  const DEPTH = 100_000
  const deep = '['.repeat(DEPTH) + ']'.repeat(DEPTH)
  await crashing.execute('background', 'create table tree (v jsonb)')
  const insert = 'insert into tree values ($1)'
  for (let n = 0; n < 4; n++) await crashing.ingest(insert, ['[]'])
  // The second is there already when the first dies.
  const both = [crashing.ingest(insert, [deep]), crashing.ingest(insert, ['[]'])]
  for (const error of await Promise.all(both.map(rejection))) {
    assert.is(isDatabaseAway(error), true, error.message)
  }
  const after = await rejection(crashing.ingest(insert, ['[]']))
  assert.is(isDatabaseAway(after), true)
  // Not before: who closes a database is not told that it ended.
  assert.is(isDatabaseAway(await lost.promise), true)
  await rejection(crashing.close())
})

test('several statements that fail amid a transaction leave none open', async () => {
  await rejection(database.execute('background', 'begin; select 1 / 0; commit'))
  assert.equal(await rowOf('select 1 as fine'), { fine: 1 })
  const { rows } = await database.execute('background', 'begin; select 2 as two; commit')
  assert.equal(rows, [{ two: 2 }])
})

test('nobody comes between the statements of a transaction', async () => {
  const orm = new Kysely<never>({ dialect: new PostgresDialect({ pool: database.pool }) })
  await database.execute('background', 'create table counted (n int)')
  const inside = orm.transaction().execute(async (tx) => {
    await sql`insert into counted values (1)`.execute(tx)
    // Asked for now, answered after the transaction: it must not be seen halfway, or become part of it.
    const other = rowOf('select count(*)::int as n from counted')
    await sql`insert into counted values (2)`.execute(tx)
    return { other }
  })
  assert.equal(await (await inside).other, { n: 2 })
  const rolledBack = orm.transaction().execute(async (tx) => {
    const { numAffectedRows } = await sql`delete from counted`.execute(tx)
    assert.is(numAffectedRows, 2n)
    throw new Error('changed my mind')
  })
  assert.match((await rejection(rolledBack)).message, 'changed my mind')
  assert.equal(await rowOf('select count(*)::int as n from counted'), { n: 2 })
})

test('an ingest waits for what is in the thread, not for the jobs that came before it', async () => {
  const orm = new Kysely<never>({ dialect: new PostgresDialect({ pool: database.pool }) })
  const done: string[] = []
  const background = [1, 2, 3, 4, 5, 6].map((n) =>
    database.inLane('background', async () => {
      await sql`select ${n}::int`.execute(orm)
      done.push(`background ${n}`)
    }),
  )
  // Until two are sent and the others wait. No answer can come in between: it is no microtask.
  const MICROTASKS_ENOUGH = 1000
  for (let n = 0; n < MICROTASKS_ENOUGH; n++) await Promise.resolve()
  assert.is(database.meters().waiting, 4)
  assert.is(database.meters().idle, 0)
  const ingest = database.ingest('select 1', []).then(() => void done.push('ingest'))
  await Promise.all([...background, ingest])
  assert.is(done.indexOf('ingest'), 2, done.join())
  assert.equal(database.meters(), { name: 'embedded', open: 1, idle: 1, waiting: 0, max: 1 })
})

test('a thread that ends takes every statement with it, and says so once', async () => {
  const lost: Error[] = []
  const dying = await openEmbedded({
    ...{ place: 'memory://', asText: [] },
    thread: new URL('./support/dying-thread.ts', import.meta.url),
    onLost: (error) => void lost.push(error),
  })
  const asked = [1, 2].map(() => rejection(dying.ingest('select 1', [])))
  for (const error of [...(await Promise.all(asked)), await rejection(dying.close())]) {
    assert.is(isDatabaseAway(error), true)
  }
  assert.is(lost.length, 1)
})

test('a directory that cannot be opened is a refusal, not a database', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'leadpulse-embedded-'))
  writeFileSync(join(dir, 'PG_VERSION'), '9.6\n')
  const opening = openEmbedded({
    ...{ place: dir, asText: [] },
    onLost: () => assert.unreachable('it was never opened'),
  })
  assert.match((await rejection(opening)).message, 'embedded database')
  rmSync(dir, { recursive: true })
  assert.is(existsSync(dir), false)
})

test.run()
