/** Five channels in two processes store messages of the same few people at once. */
import * as assert from 'uvu/assert'
import { commitCost } from '../../src/actors/commit-cost.ts'
import { type ChannelIngest, channelIngest } from '../../src/actors/ingest.ts'
import { ingestBacklog } from '../../src/actors/ingest-backlog.ts'
import { sharedCommits } from '../../src/actors/shared-commits.ts'
import { type ActorSystem, actorSystem } from '../../src/actors/supervisor.ts'
import { type Database, openDatabase } from '../../src/database.ts'
import { type Channel, channels } from '../../src/domain/channels/inbound-event.ts'
import type { Offered } from '../../src/domain/ingest/offered.ts'
import { codeOf } from '../../src/domain/sql.ts'
import { type Jobs, openJobs } from '../../src/jobs.ts'
import { createRandom } from '../../src/simulate/random.ts'
import { silentLog, storage, type TestStorage, testStorage } from '../support/database.ts'
import { makeWorkspace, offeredEvent } from '../support/events.ts'
import { suite } from '../support/suite.ts'

const test = suite('overlapping leads on all channels')
const PEOPLE = 24
/** One connection serves PGlite: there a few show that the answers are right. */
const OFFERS = storage === 'postgres' ? 6000 : 400

let place: TestStorage
let databases: Database[]
let queues: Jobs[]
let systems: ActorSystem[]
let processes: Record<Channel, ChannelIngest>[]
let workspace: string
const errors: unknown[] = []
/** SQLSTATE of every statement that failed, also of those that were tried again. */
const codes: unknown[] = []

test.before(async () => {
  place = await testStorage()
  databases = [await openDatabase({ ...place, log: silentLog })]
  if (storage === 'postgres') databases.push(await openDatabase({ ...place, log: silentLog }))
  workspace = (await makeWorkspace(databases[0] as Database)).id
  queues = databases.map((database) => openJobs(database, silentLog))
  for (const jobs of queues) await jobs.start()
  systems = databases.map(() => actorSystem({ onCrash: () => {} }))
  processes = databases.map((database, index) => ingestsOf(database, index))
})
test.after(async () => {
  for (const system of systems) system.stop()
  for (const jobs of queues) await jobs.stop()
  for (const database of databases) await database.close()
  await place.remove()
})

function ingestsOf(database: Database, index: number): Record<Channel, ChannelIngest> {
  const commits = sharedCommits({
    turns: database.ingest.turns,
    store: {
      async query<Row>(text: string, params?: unknown[]) {
        try {
          return await database.ingest.query<Row>(text, params)
        } catch (error) {
          codes.push(codeOf(error))
          throw error
        }
      },
    },
    enqueue: (sql, messages) => (queues[index] as Jobs).insertPostProcess(sql, messages),
  })
  const backlog = ingestBacklog(() => performance.now(), commitCost())
  const entries = channels.map((channel) => [
    channel,
    channelIngest(channel, {
      system: systems[index] as ActorSystem,
      commits,
      backlog: backlog.channel(),
      onCommitted: () => {},
      onError: (_channel, error) => void errors.push(error),
    }),
  ])
  return Object.fromEntries(entries) as Record<Channel, ChannelIngest>
}

test('no deadlock, nothing lost or doubled, and the numbers of each lead have no gap', async () => {
  const random = createRandom(11)
  const offers = Array.from({ length: OFFERS }, (_, n) => {
    const person = n < PEOPLE ? n : Math.floor(random.next() * PEOPLE)
    const known = identitiesOf(person)
    const [kind, value] = random.pick(Object.entries(known))
    const channel = random.pick(channels)
    // The first ones name a person in every way, so that the ways are one lead in the end.
    const lead = n < PEOPLE ? known : { [kind]: value }
    const ingests = processes[n % processes.length] as Record<Channel, ChannelIngest>
    return deliver(ingests[channel], offeredEvent(workspace, { channel, lead, dedupeKey: `m${n}` }))
  })
  const outcomes = new Set(await Promise.all(offers))
  assert.equal([...outcomes], ['stored'], String(errors[0]))
  const [row] = await (databases[0] as Database).query<Record<string, unknown>>(
    `select (select count(*) from message) as messages,
       (select count(*) from pgboss.job where name like '%_INBOUND_POST_PROCESS') as jobs,
       (select count(*) from lead where message_seq <> (
         select count(*) from message where lead_id = lead.id)) as gaps,
       (select count(*) from lead where not exists (
         select 1 from message where lead_id = lead.id)) as empty`,
  )
  assert.is(Number(row?.messages), OFFERS)
  assert.is(Number(row?.jobs), OFFERS)
  assert.is(Number(row?.gaps), 0)
  assert.is(Number(row?.empty), 0)
  // 40P01 is a deadlock; unique violations are lost races, which storing again settles.
  assert.is(codes.filter((code) => code === '40P01').length, 0)
})

/** As a sender does: what was refused, or not stored in time, is sent again. */
async function deliver(ingest: ChannelIngest, offered: Offered): Promise<string> {
  for (;;) {
    const result = await ingest.offer([offered])
    if (result === null) await ingest.drained()
    else if (result.outcome !== 'unavailable') return result.outcome
  }
}

function identitiesOf(person: number) {
  return {
    email: `p${person}@x.example`,
    phone: `+121255501${String(person).padStart(2, '0')}`,
    linkedinUrl: `https://www.linkedin.com/in/p${person}`,
  }
}

test.run()
