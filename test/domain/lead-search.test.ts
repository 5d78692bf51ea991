/** What is searched and filtered of a lead follows what is written of it, whoever writes. */

import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import { hasPart, type LeadQuery, leadFilter } from '../../src/domain/leads/lead-filter.ts'
import { leadWays } from '../../src/domain/leads/lead-ways.ts'
import { listLeads } from '../../src/domain/leads/list-leads.ts'
import { storage, testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { insertLead } from '../support/lead-rows.ts'
import { waitingSql } from '../support/lock-order.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('lead search')
const anything = {
  score: 'all',
  channel: null,
  sentiment: null,
  q: null,
  sort: '-lastActivity',
} as const

let database: Database
let workspaceId: string

test.before(async () => {
  database = await testDatabase()
  workspaceId = (await makeWorkspace(database)).id
})
test.after(() => database.close())

test('the index of words finds few of many for every part of a search', async () => {
  const { id } = await makeWorkspace(database, 'Crowd')
  await database.query(
    `insert into lead (id, workspace_id, first_name, company)
     select gen_random_uuid(), $1::uuid, 'Kim', 'Mull ' || n from generate_series(1, 3000) n`,
    [id],
  )
  for (const q of [
    'a',
    'zz',
    '+4',
    'j.d',
    'a-b',
    'north',
    '@company-x',
    'ann.b',
    '+4917',
    'lee 9z',
  ]) {
    const parts = leadFilter({ ...anything, workspaceId: id, q }).search?.parts ?? []
    assert.ok(parts.length > 0, q)
    for (const part of parts) {
      const params: string[] = []
      const where = hasPart(part, (value) => `$${params.push(value)}::text`)
      const plan = await database.transaction(async (tx) => {
        await tx.query('set local enable_seqscan = off')
        return tx.query(
          `explain analyze select 1 from lead_search as search where ${where}`,
          params,
        )
      })
      // Where it knows no three signs in a row, it answers with all there are.
      const [, found] =
        JSON.stringify(plan).match(
          /Bitmap Index Scan on lead_search_words.*?actual time=\S+ rows=([\d.]+)/,
        ) ?? []
      assert.ok(Number(found) < 100, `${q}: ${found}`)
    }
  }
})

test('one or two letters or digits are how a word or number begins', async () => {
  const { id } = await makeWorkspace(database, 'Beginnings')
  const lead = await insertLead(database, {
    workspaceId: id,
    firstName: 'Juno',
    company: 'Quill-Yard',
    identities: [
      { kind: 'email', value: 'juno+vw@xylem.example' },
      { kind: 'phone', value: '+4930555' },
    ],
  })
  const query = { ...anything, workspaceId: id }
  for (const [q, isFound] of Object.entries({
    ...{ j: true, JU: true, qu: true, '49': true, '+4': true, '4': true },
    ...{ un: false, ya: false, vw: false, xy: false, '30': false, '+3': false },
  })) {
    const { rows } = await listLeads(database, { ...query, q }, { limit: 5, after: null })
    assert.equal(
      rows.map((row) => row.id),
      isFound ? [lead] : [],
      q,
    )
  }
})

test('a name, a company or an address that comes later is found', async () => {
  const found = async (q: string) =>
    (
      await listLeads(database, { ...anything, workspaceId, q }, { limit: 5, after: null })
    ).rows.map(({ id }) => id)
  const id = await insertLead(database, { workspaceId })
  assert.equal(await found('quarry'), [])
  await database.query(`update lead set last_name = 'Quarryman' where id = $1`, [id])
  assert.equal(await found('QUARRY'), [id])
  await database.query(`update lead set company = 'Slate & Co' where id = $1`, [id])
  assert.equal(await found('slate &'), [id])
  await database.query(
    `insert into lead_identity (workspace_id, kind, value, lead_id)
     values ($1, 'email', 'q@granite.example', $2)`,
    [workspaceId, id],
  )
  assert.equal(await found('granite'), [id])
  await database.query('delete from lead where id = $1', [id])
  assert.equal(await found('granite'), [])
})

const looked = async (query: Partial<LeadQuery> & { q: string }) => {
  const asked = { ...anything, workspaceId, ...query }
  const ways = leadWays(asked, { limit: 5, after: null })
  const parts = leadFilter(asked).search?.parts ?? []
  return (await ways.find(database, null, parts)).leads.map(({ id }) => id)
}

test('a lead that is filtered otherwise later is found so, and no longer as it was', async () => {
  const id = await insertLead(database, { workspaceId, firstName: 'Basalt', channels: ['sms'] })
  const q = 'basalt'
  const changes: [string, Partial<LeadQuery>, Partial<LeadQuery>][] = [
    ['overall_score = 3', { score: 'unscored' }, { score: '3plus' }],
    ['overall_score = null', { score: '3plus' }, { score: 'unscored' }],
    [`sentiment_tag = 'Meeting Booked'`, { sentiment: 'New' }, { sentiment: 'Meeting Booked' }],
    [`channels = '{email}'`, { channel: 'sms' }, { channel: 'email' }],
  ]
  for (const [change, before, after] of changes) {
    await database.query(`update lead set ${change} where id = $1`, [id])
    assert.equal(await looked({ ...before, q }), [], `before ${change}`)
    assert.equal(await looked({ ...after, q }), [id], `after ${change}`)
  }
  for (const reason of ['Opt out', null]) {
    await database.query('update lead set disqualified_reason = $2 where id = $1', [id, reason])
    assert.equal(await looked({ q, score: 'disqualified' }), reason === null ? [] : [id])
  }
})

test('what the version before inserts while this one takes over is found by both', async () => {
  const id = uuidv7()
  await database.query(
    `with written as (
       insert into lead (id, workspace_id, first_name, channels) values ($1, $2, 'Gneiss', '{sms}')
     )
     insert into lead_search (lead_id, workspace_id, nameless, name, words)
     values ($1, $2, 0, 'gneiss', 'gneiss')`,
    [id, workspaceId],
  )
  assert.equal(await looked({ q: 'gneiss', channel: 'sms' }), [id])
  const walked = leadWays({ ...anything, workspaceId, q: 'gneiss' }, { limit: 5, after: null })
  assert.equal(
    (await walked.walk(database, null)).leads.map((lead) => lead.id),
    [id],
  )
})

// The embedded database has one session.
if (storage === 'postgres') {
  test('a score while an address is added: the search knows both, and neither is a deadlock', async () => {
    const id = await insertLead(database, { workspaceId, firstName: 'Schist', channels: ['sms'] })
    let added: Promise<unknown> | undefined
    await database.transaction(async (tx) => {
      await tx.query('select 1 from lead where id = $1 for no key update', [id])
      added = database.query(
        `insert into lead_identity (workspace_id, kind, value, lead_id)
         values ($1, 'email', 'schist@slope.example', $2)`,
        [workspaceId, id],
      )
      await until(
        () => database.query(waitingSql),
        (waiting) => waiting.length > 0,
      )
      await tx.query(`update lead set overall_score = 4, channels = '{email,sms}' where id = $1`, [
        id,
      ])
    })
    await added
    assert.equal(await looked({ q: 'schist@slope', score: '4', channel: 'email' }), [id])
    assert.equal(await looked({ q: 'schist', score: 'unscored' }), [])
  })
}

test.run()
