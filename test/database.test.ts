import * as assert from 'uvu/assert'
import { type Database, openDatabase } from '../src/database.ts'
import { channels, providerNames } from '../src/domain/channels/inbound-event.ts'
import { Workspace } from '../src/domain/entities/workspace.ts'
import { interactionOutcomes } from '../src/domain/scoring/score.ts'
import { sentimentTags } from '../src/domain/sentiment-tag.ts'
import { codeOf } from '../src/domain/sql.ts'
import { silentLog, storage, testDatabase, testStorage } from './support/database.ts'
import { makeWorkspace } from './support/events.ts'
import { suite } from './support/suite.ts'

const test = suite('database and migrations')
let database: Database
test.before(async () => {
  database = await testDatabase()
})
test.after(() => database.close())

test('the migrations make exactly what the entities say', async () => {
  assert.is(await database.orm.schema.getUpdateSchemaSQL(), '')
  assert.is(await database.orm.migrator.checkSchema(), false)
})

test('this check can fail: a column that no entity has is drift', async () => {
  await database.query('alter table lead add column stray int')
  assert.match(await database.orm.schema.getUpdateSchemaSQL(), /drop column "stray"/)
  await database.query('alter table lead drop column stray')
})

test('closed lists in the database hold the very words of the code', async () => {
  // The drift check folds white space, also inside of a quoted word.
  const rows = await database.query<{ name: string; definition: string }>(
    `select conname as name, pg_get_constraintdef(oid) as definition
     from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace`,
  )
  const lists: [RegExp, readonly string[]][] = [
    [/sentiment_tag/, sentimentTags],
    [/channel/, channels],
    [/provider/, providerNames],
    [/outcome/, interactionOutcomes],
  ]
  let compared = 0
  for (const { name, definition } of rows) {
    const list = lists.find(([pattern]) => pattern.test(name))?.[1]
    if (!list) continue
    compared += 1
    const words = [...definition.matchAll(/'([^']*)'/g)].map(([, word]) => word)
    assert.equal(words.sort(), [...list].sort(), name)
  }
  assert.is(compared, 13)
})

test('a transaction that throws leaves nothing, one that ends is there', async () => {
  const boom = new Error('boom')
  const failing = database.transaction(async (tx) => {
    await tx.query(`insert into workspace (id, name) values (gen_random_uuid(), 'lost')`)
    throw boom
  })
  assert.is(
    await failing.then(
      () => null,
      (error) => error,
    ),
    boom,
  )
  await makeWorkspace(database, 'kept')
  const rows = await database.query<{ name: string }>('select name from workspace')
  assert.equal(rows, [{ name: 'kept' }])
})

test('a lost serialisation race is run again, any other failure is not', async () => {
  let runs = 0
  const result = await database.transaction(async (tx) => {
    runs += 1
    if (runs < 3)
      await tx.query(`do $$ begin raise exception 'race' using errcode = '40001'; end $$`)
    return runs
  })
  assert.is(result, 3)
  let attempts = 0
  const refused = database.transaction(async (tx) => {
    attempts += 1
    await tx.query('insert into workspace (id, name) values (gen_random_uuid(), null)')
  })
  assert.is(await refused.then(() => null, codeOf), '23502')
  assert.is(attempts, 1)
})

test('a snapshot sees one moment', async () => {
  const { id } = await makeWorkspace(database, 'before')
  if (database.kind === 'pglite') return
  await database.transaction(
    async (tx) => {
      await tx.query('select 1 from workspace')
      await database.query(`update workspace set name = 'after' where id = $1`, [id])
      const [row] = await tx.query<{ name: string }>('select name from workspace where id = $1', [
        id,
      ])
      assert.is(row?.name, 'before')
    },
    { snapshot: true },
  )
})

test('entities read what SQL wrote', async () => {
  const { id } = await makeWorkspace(database, 'by entity')
  const workspace = await database.transaction(({ em }) => em.findOneOrFail(Workspace, { id }))
  assert.is(workspace.name, 'by entity')
  assert.is(workspace.feedSeq, 0)
  assert.instance(workspace.createdAt, Date)
})

if (storage === 'postgres') {
  test('a migration that the server ends as a deadlock with readers is run again', async () => {
    const place = await testStorage()
    const before = await openDatabase({ ...place, log: silentLog })
    const [undone] = await before.orm.migrator.down()
    for (const statement of [
      // Of what is rolled back only a sequence remembers.
      'create sequence tries',
      `create function deadlock_once() returns event_trigger language plpgsql as $$ begin
         if nextval('tries') = 1 then raise 'deadlock detected' using errcode = '40P01'; end if;
       end $$`,
      // Whatever the newest migration begins with.
      `create event trigger deadlock_once on ddl_command_start execute function deadlock_once()`,
    ]) {
      await before.query(statement)
    }
    await before.close()
    const after = await openDatabase({ ...place, log: silentLog })
    const [tries] = await after.query<{ n: number }>('select last_value::int as n from tries')
    const executed = await after.orm.migrator.getExecuted()
    await after.close()
    await place.remove()
    assert.ok((tries?.n ?? 0) > 1, 'it was ended once')
    assert.ok(executed.some(({ name }) => name === undone?.name))
  })
}

test.run()
