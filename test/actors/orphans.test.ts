import * as assert from 'uvu/assert'
import { takeOverOrphans } from '../../src/actors/orphans.ts'
import type { Database } from '../../src/database.ts'
import { SCORING_QUEUE } from '../../src/job-queues.ts'
import { isLastAttempt, type Jobs, openJobs } from '../../src/jobs.ts'
import { silentLog, testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { suite } from '../support/suite.ts'

const test = suite('what dead processes held')
let database: Database
let jobs: Jobs
test.before(async () => {
  database = await testDatabase()
  jobs = openJobs(database, silentLog)
  await jobs.start()
})
test.after(async () => {
  await jobs.stop()
  await database.close()
})

test('a lead whose job kills its process each time ends parked, with a reason', async () => {
  const { id: workspaceId } = await makeWorkspace(database)
  const [lead] = await database.query<{ leadId: string }>(
    `insert into lead (id, workspace_id, message_seq) values (gen_random_uuid(), $1::uuid, 1)
     returning id as "leadId"`,
    [workspaceId],
  )
  const { leadId } = lead as { leadId: string }
  await jobs.sendScoring(database, [{ workspaceId, leadId }])
  const die = async () => {
    const [job] = await jobs.fetch(SCORING_QUEUE, 1)
    if (job) await jobs.begin(job)
    const due = await takeOverOrphans({ store: database, jobs }, 0)
    return { last: job !== undefined && isLastAttempt(job), due }
  }
  let deaths = 0
  for (let due = 1; due > 0; ) {
    const death = await die()
    deaths += 1
    due = death.due
    assert.is(due === 0, death.last, 'exactly the last attempt gives up')
  }
  assert.is(deaths, 20, 'one unseen and ten for nothing, then nine attempts')
  const [row] = await database.query<{ parked: boolean; error: string }>(
    `select parked_at is not null as parked, scoring_error as error from lead where id = $1::uuid`,
    [leadId],
  )
  assert.equal(row, {
    parked: true,
    error: 'given up: the process that worked on it died each time',
  })
  assert.equal(await jobs.fetch(SCORING_QUEUE, 1), [])
})

test.run()
