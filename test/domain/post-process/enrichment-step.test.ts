import * as assert from 'uvu/assert'
import { clayEnricher } from '../../../src/clients/clay.ts'
import { outbound } from '../../../src/clients/outbound.ts'
import type { Database } from '../../../src/database.ts'
import type { Outside } from '../../../src/domain/post-process/outside.ts'
import { testDatabase } from '../../support/database.ts'
import { makeWorkspace } from '../../support/events.ts'
import {
  ANSWER_LIMIT_MS,
  type FakeProvider,
  fakeProvider,
  faults,
  json,
} from '../../support/fake-provider.ts'
import { leadSeen, runSteps, stepsDone, storeMessage } from '../../support/post-process.ts'
import { suite } from '../../support/suite.ts'

const test = suite('enrichment')
let database: Database
let workspace: string
let clay: FakeProvider
const outside: Partial<Outside> = {
  enricher: clayEnricher(
    outbound({ timeoutMs: ANSWER_LIMIT_MS, allowsPrivate: true }),
    ({ leadId }) => `https://scores.example.com/webhooks/clay/${leadId}`,
  ),
}

test.before(async () => {
  database = await testDatabase()
  clay = await fakeProvider()
  workspace = (await makeWorkspace(database)).id
  await database.query(
    'update workspace_settings set clay_webhook_url = $2 where workspace_id = $1',
    [workspace, `${clay.url}/v3/sources/webhook/pull-in-data`],
  )
})
test.before.each(() => clay.answers(json({ success: true })))
test.after(async () => {
  await clay.close()
  await database.close()
})

const say = (name: string, body = 'Call me: +1 212 555 0187') =>
  storeMessage(database, workspace, {
    lead: { email: `${name}@harlow.example`, firstName: 'Dana', company: 'Harlow Freight' },
    body,
  })

test('a lead with blanks is sent once, with what is known and where to answer', async () => {
  const job = await say('dana')
  await runSteps(database, job, outside)
  assert.is((await stepsDone(database, job)).enrichment, 'done')
  assert.is(clay.calls[0]?.method, 'POST')
  assert.equal(JSON.parse(clay.calls[0]?.body ?? ''), {
    leadId: job.leadId,
    messageId: job.messageId,
    callbackUrl: `https://scores.example.com/webhooks/clay/${job.leadId}`,
    firstName: 'Dana',
    lastName: null,
    company: 'Harlow Freight',
    title: null,
    industry: null,
    headcount: null,
    email: 'dana@harlow.example',
    phone: '+12125550187',
    linkedinUrl: null,
  })
  await runSteps(database, await say('dana', 'Any news?'), outside)
  assert.is(clay.calls.length, 1)
  assert.is((await leadSeen(database, job.leadId)).messageSeq, 2)
})

test('nobody is asked for a lead without blanks, one that opted out, or without a URL', async () => {
  const full = await say('full')
  await database.query(
    `update lead set title = 'COO', industry = 'Freight', headcount = '200' where id = $1::uuid`,
    [full.leadId],
  )
  await runSteps(database, full, outside)
  await runSteps(database, await say('stop', 'STOP'), outside)
  await runSteps(database, await say('no-enricher'))
  assert.is(clay.calls.length, 0)
})

for (const [said, fault] of Object.entries(faults).filter(([name]) => !/JSON|shape/.test(name))) {
  test(`Clay that ${said} is recorded, blocks nothing, and is asked again next time`, async () => {
    clay.answers(fault)
    const name = said.replace(/\W+/g, '-').toLowerCase()
    const job = await say(name)
    assert.is(await runSteps(database, job, outside), 'done')
    const steps = await stepsDone(database, job)
    assert.ok(steps.enrichment?.includes(said.replace(/ \(.*/, '')), steps.enrichment)
    assert.is(steps.rollups, 'done')
    clay.answers(json({ success: true }))
    await runSteps(database, await say(name, 'Hello?'), outside)
    assert.is(clay.calls.length, 1)
  })
}

test.run()
