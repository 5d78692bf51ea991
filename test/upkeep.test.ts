/** The embedded database keeps statistics and no dead rows, as a server does by its autovacuum. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { actorSystem } from '../src/actors/supervisor.ts'
import { upkeepActor } from '../src/actors/upkeep.ts'
import { type Database, openDatabase } from '../src/database.ts'
import { keepUp, keepUpWorst, tablesInNeed } from '../src/domain/upkeep.ts'
import { openJobs } from '../src/jobs.ts'
import { silentLog } from './support/database.ts'
import { makeWorkspace } from './support/events.ts'
import { insertManyLeads } from './support/lead-rows.ts'
import { suite } from './support/suite.ts'

const test = suite('upkeep')
const LEADS = 3000
let dataDir: string
let database: Database
let workspaceId: string
/** Also of a test that failed: they would keep the process alive. */
const ends: (() => Promise<void> | void)[] = []

test.before(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-upkeep-'))
  database = await opened()
  workspaceId = (await makeWorkspace(database)).id
})
test.after(async () => {
  for (const end of ends) await end()
  await database.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const opened = () => openDatabase({ databaseUrl: null, dataDir, log: silentLog })
const addLeads = (count = LEADS, channels?: string[]) =>
  insertManyLeads(database, workspaceId, count, channels)
const figureOf = async (expression: string) => {
  const [row] = await database.query<{ n: unknown }>(
    `select ${expression} as n from pg_class c join pg_stat_all_tables s on s.relid = c.oid
     where c.oid = 'lead'::regclass`,
  )
  return Number(row?.n)
}
const analyzedLeads = () => figureOf('c.reltuples')
const deadLeads = () => figureOf('s.n_dead_tup')

test('what has grown is analyzed, and then nothing has need of it', async () => {
  assert.is(await analyzedLeads(), -1)
  await addLeads()
  assert.ok((await tablesInNeed(database)).some(({ table }) => table === 'public.lead'))
  await keepUp(database)
  assert.is(await analyzedLeads(), LEADS)
  // Its own statistics are rows, too.
  await keepUp(database)
  assert.equal(await tablesInNeed(database), [])
})

test('dead rows make room', async () => {
  await database.query('update lead set last_activity_at = now()')
  const [needed] = (await tablesInNeed(database)).filter(({ table }) => table === 'public.lead')
  assert.equal(needed, { table: 'public.lead', vacuum: true })
  assert.ok((await deadLeads()) >= LEADS)
  await keepUp(database)
  assert.is(await deadLeads(), 0)
})

test('a database that was closed before it was analyzed is so when it opens', async () => {
  await addLeads(5 * LEADS)
  await database.close()
  database = await opened()
  assert.is(await analyzedLeads(), 6 * LEADS)
})

test('a channel that comes in one import is counted, though the leads have not doubled', async () => {
  const isInNeed = async () =>
    (await tablesInNeed(database)).some(({ table }) => table === 'public.lead')
  // Opening it analyzes what its pages tell; what changed is told by the counts of this life.
  await keepUp(database)
  assert.is(await isInNeed(), false)
  await addLeads(LEADS, ['sms'])
  assert.is(await isInNeed(), true)
  await keepUp(database)
  assert.is(await isInNeed(), false)
})

test('jobs are claimed by their index, however many wait', async () => {
  const jobs = openJobs(database, silentLog)
  await jobs.start()
  ends.push(() => jobs.stop())
  const leads = await database.query<{ leadId: string }>('select id as "leadId" from lead')
  await jobs.sendScoring(
    database,
    leads.map(({ leadId }) => ({ workspaceId, leadId })),
  )
  await keepUp(database)
  const plan = await database.query<Record<string, string>>(
    `explain select id from pgboss.job_common j
     where name = 'LEAD_SCORING_POST_PROCESS' and state < 'active' and not blocked
       and start_after <= now() and not exists (
         select 1 from pgboss.job_common probe
         where probe.name = j.name and probe.state = 'active' and probe.policy = 'stately'
           and coalesce(probe.singleton_key, '') = coalesce(j.singleton_key, ''))
     order by priority desc, created_on limit 100`,
  )
  const text = plan.map((row) => Object.values(row)[0]).join('\n')
  assert.match(text, 'job_common_i11')
  assert.not.match(text, 'Sort')
})

test('the actor looks again and again, and tells what it cannot do', async () => {
  const system = actorSystem({ onCrash: (_actor, error) => failed.resolve(error) })
  const failed = Promise.withResolvers<unknown>()
  ends.push(() => system.stop())
  const kept = Promise.withResolvers<number>()
  upkeepActor({
    ...{ system, store: database, upkeep: keepUpWorst },
    ...{ onKept: kept.resolve, onError: kept.reject },
  })
  upkeepActor({
    system,
    upkeep: keepUpWorst,
    store: { query: () => Promise.reject(new Error('no room on the disk')) },
    onKept: () => {},
    onError: failed.resolve,
  })
  await database.query('update lead set last_activity_at = now()')
  assert.is(await kept.promise, 1)
  assert.match(String(await failed.promise), 'no room on the disk')
  assert.is(await deadLeads(), 0)
})

test.run()
