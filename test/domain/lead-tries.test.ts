/** What a lead list does when its sample told wrong: real ways among real leads, and a sample put in their place. */
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import type { LeadQuery } from '../../src/domain/leads/lead-filter.ts'
import { anyLeads, firstLeads } from '../../src/domain/leads/lead-sample.ts'
import { listLeads } from '../../src/domain/leads/list-leads.ts'
import type { Sql } from '../../src/domain/sql.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { insertManyLeads } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('tries of a lead list')
const CROWD = 12_000
const RARE = 40

let database: Database
let query: LeadQuery

test.before(async () => {
  database = await testDatabase()
  const { id: workspaceId } = await makeWorkspace(database)
  query = {
    ...{ workspaceId, score: 'all', channel: null, sentiment: null, q: null },
    sort: '-scoredAt',
  }
  // Counted while nobody is of the channel, as before an import.
  await database.query('analyze lead')
  await database.query(
    `insert into lead (id, workspace_id, first_name, channels, scored_at)
     select gen_random_uuid(), $1::uuid, case when n <= $3::int then 'Rare' else 'Kim' end,
       case when n <= $3::int then '{sms}' else '{email}' end::text[],
       timestamptz '2026-01-01' + n * interval '1 s'
     from generate_series(1, $2::int) n`,
    [workspaceId, CROWD, RARE],
  )
})
test.after(() => database.close())

/** The list, as if a sample had told this; answers the ways that were tried. */
async function tried(asked: Partial<LeadQuery>, told: object) {
  const tries: string[] = []
  const sample = {
    ...{ read: 1000, left: 1000, leftByIndex: 1000, foundOn: 0, has: [25, 0, 25] },
    ...{ leads: 1_000_000, ofChannel: 0, inChannel: 1000, early: null, ...told },
  }
  const sql: Sql = {
    async query<Row>(text: string, params?: unknown[]) {
      if (text.includes('with sampled as')) return [structuredClone(sample)] as Row[]
      if (text.includes('few as materialized')) {
        tries.push(text.includes('from lead_search as search') ? 'find' : 'few')
      } else if (text.includes('page.keys')) {
        tries.push(`walk ${text.match(/limit (\d+)/)?.[1]}`)
      }
      return database.query<Row>(text, params)
    },
  }
  const { rows } = await listLeads(sql, { ...query, ...asked }, { limit: 50, after: null })
  return { tries, ids: rows.map(({ id }) => id) }
}

test('after a walk that met nobody, the few there are, are looked up', async () => {
  const { tries, ids } = await tried({ q: 'rare' }, {})
  assert.is(ids.length, RARE)
  assert.is(tries.length, 2, `${tries}`)
  assert.match(tries[0] ?? '', /^walk \d{4}$/)
  assert.is(tries[1], 'find')
})

test('no way is tried twice within the same bound', async () => {
  // Of the filter there is an index as well, but it is told that it has many.
  const { tries, ids } = await tried({ channel: 'sms', q: 'rare' }, { left: 20, has: [1000, 0, 1] })
  assert.is(ids.length, RARE)
  const bounds = tries.flatMap((way) => way.match(/^walk (\d+)/)?.[1] ?? []).map(Number)
  assert.ok(bounds.length > 0, `${tries}`)
  assert.equal(
    bounds,
    [...new Set(bounds)].sort((a, b) => a - b),
    `${tries}`,
  )
})

test('a channel is known to have leads before they were counted', async () => {
  const page = { after: null, limit: 50 }
  const { ofChannel } = await anyLeads(database, { ...query, channel: 'email' }, page, 1000)
  assert.ok(ofChannel > CROWD / 3 && ofChannel < CROWD * 3, `${ofChannel}`)
  assert.is((await anyLeads(database, { ...query, channel: 'linkedin' }, page, 1000)).ofChannel, 0)
})

test('of a table that was never analyzed the first leads are not read: they would all be sorted', async () => {
  const unknown = await testDatabase()
  try {
    const { id: workspaceId } = await makeWorkspace(unknown)
    await insertManyLeads(unknown, workspaceId, 3)
    const read = async () => (await firstLeads(unknown, { ...query, workspaceId }, null, 10)).read
    assert.is(await read(), 0)
    await unknown.query('analyze lead')
    assert.is(await read(), 3)
  } finally {
    await unknown.close()
  }
})

test('what a sample finds lies on some pages', async () => {
  const page = { after: null, limit: 50 }
  const { found, foundOn } = await anyLeads(database, { ...query, q: 'kim' }, page, 1000)
  // Some ten leads to a page.
  assert.ok(foundOn > 0 && foundOn < found, `${found} on ${foundOn}`)
})

test.run()
