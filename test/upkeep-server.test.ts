/** What is filled in a burst is analyzed before the server's autovacuum comes. */
import * as assert from 'uvu/assert'
import type { Database } from '../src/database.ts'
import { analyzeGrown } from '../src/domain/upkeep.ts'
import { testDatabase } from './support/database.ts'
import { makeWorkspace } from './support/events.ts'
import { insertManyLeads } from './support/lead-rows.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

const test = suite('statistics')
const LEADS = 3000
let database: Database
let workspaceId: string
test.before(async () => {
  database = await testDatabase()
  workspaceId = (await makeWorkspace(database)).id
  // A server's own might come first.
  await database.query('alter table lead set (autovacuum_enabled = off)')
  await database.query('alter table lead_search set (autovacuum_enabled = off)')
})
test.after(() => database.close())

const addLeads = (count: number, channels?: string[]) =>
  insertManyLeads(database, workspaceId, count, channels)
const rowsOf = async (table: string) => {
  const [row] = await database.query<{ n: number }>(
    'select reltuples::int as n from pg_class where oid = $1::regclass',
    [table],
  )
  return row?.n
}
/** The server counts changes of other connections within a second. */
const analyzed = (table: string, rows: number) =>
  until(
    async () => {
      await analyzeGrown(database)
      return rowsOf(table)
    },
    (known) => known === rows,
  )

test('what was filled is analyzed, table by table, until none has need of it', async () => {
  await addLeads(LEADS)
  await analyzed('lead', LEADS)
  await analyzed('lead_search', LEADS)
  await until(
    () => analyzeGrown(database),
    (tables) => tables === 0,
  )
})

test('a tenth more is left to autovacuum, and as much again is not', async () => {
  await addLeads(LEADS / 10)
  // Told at once what has changed, on whichever connection; a trigger writes each lead's words into it.
  await until(
    () =>
      database.query<{ n: number }>(
        `select n_mod_since_analyze::int as n from pg_stat_user_tables where relname = 'lead'`,
      ),
    ([row]) => row?.n === (2 * LEADS) / 10,
  )
  assert.is(await analyzeGrown(database), 0)
  assert.is(await rowsOf('lead'), LEADS)
  await addLeads(2 * LEADS)
  await analyzed('lead', 3.1 * LEADS)
})

test('a channel that comes in one import is counted, too', async () => {
  const allAnalyzed = () =>
    until(
      () => analyzeGrown(database),
      (tables) => tables === 0,
    )
  await allAnalyzed()
  await addLeads(LEADS, ['sms'])
  assert.ok((await analyzeGrown(database)) > 0)
  await analyzed('lead_list_of_sms', LEADS)
  await allAnalyzed()
})

test.run()
