import * as assert from 'uvu/assert'
import { searchMergeActor } from '../../src/actors/search-merge.ts'
import { actorSystem } from '../../src/actors/supervisor.ts'
import type { Database } from '../../src/database.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { insertLead } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('merging what is searched')
let database: Database

test.before(async () => {
  database = await testDatabase()
})
test.after(() => database.close())

const pendingPages = async () => {
  const sql = `select gin_clean_pending_list('lead_search_words') as pages`
  return Number((await database.query<{ pages: unknown }>(sql))[0]?.pages)
}

test('what new leads added waits no longer, again and again', async () => {
  const { id: workspaceId } = await makeWorkspace(database)
  await insertLead(database, { workspaceId })
  assert.ok((await pendingPages()) > 0)
  for (let round = 0; round < 2; round++) {
    await insertLead(database, { workspaceId })
    const merged = Promise.withResolvers<void>()
    const system = actorSystem({ onCrash: () => {} })
    searchMergeActor({
      system,
      store: {
        async query<Row>(text: string, params?: unknown[]) {
          const rows = await database.query<Row>(text, params)
          merged.resolve()
          return rows
        },
      },
      onError: merged.reject,
    })
    await merged.promise
    system.stop()
    assert.is(await pendingPages(), 0)
  }
})

test('where it may not, it says so and leaves it for long', async () => {
  const told = Promise.withResolvers<unknown>()
  const system = actorSystem({ onCrash: told.reject })
  searchMergeActor({
    system,
    store: { query: () => Promise.reject(new Error('must be owner')) },
    onError: told.resolve,
  })
  assert.match(String(await told.promise), 'must be owner')
  system.stop()
})

test.run()
