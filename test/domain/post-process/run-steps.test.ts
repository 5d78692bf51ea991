import * as assert from 'uvu/assert'
import type { Database } from '../../../src/database.ts'
import { channels } from '../../../src/domain/channels/inbound-event.ts'
import { contactsOf } from '../../../src/domain/contacts.ts'
import { disqualify } from '../../../src/domain/disqualification.ts'
import { stepNames } from '../../../src/domain/post-process/step.ts'
import { stepsOf } from '../../../src/domain/post-process/steps.ts'
import { testDatabase } from '../../support/database.ts'
import { makeWorkspace } from '../../support/events.ts'
import { leadSeen, runSteps, stepsDone, storeMessage } from '../../support/post-process.ts'
import { suite } from '../../support/suite.ts'

const test = suite('steps of post-processing')
let database: Database
let workspace: string
test.before(async () => {
  database = await testDatabase()
  workspace = (await makeWorkspace(database)).id
})
test.after(() => database.close())

const person = (name: string) => ({ lead: { email: `${name}@harlow.example` } })

test('every channel goes through its steps in the order of the closed list', () => {
  for (const channel of channels) {
    const names = stepsOf(channel).map(({ name }) => name)
    assert.equal(
      names,
      stepNames.filter((name) => names.includes(name)),
    )
    assert.is(names[0], 'rules')
    assert.is(names.at(-1), 'rollups')
  }
})

test('what is local runs once, is recorded, and is not run again', async () => {
  const job = await storeMessage(database, workspace, person('once'))
  assert.is(await runSteps(database, job), 'done')
  const steps = await stepsDone(database, job)
  assert.equal(Object.keys(steps).sort(), ['rollups', 'rules', 'sentiment'])
  assert.is(await runSteps(database, job), 'already done')
  assert.is((await leadSeen(database, job.leadId)).sentimentTag, 'Information Requested')
})

test('a run that broke off goes on where it stopped', async () => {
  const job = await storeMessage(database, workspace, { ...person('broken'), body: 'STOP' })
  await runSteps(database, job)
  const before = await leadSeen(database, job.leadId)
  assert.is(before.disqualifiedReason, 'Opt-out: Message says only "stop"')
  // As after a kill between the first commit and the last one.
  await database.query('update message set post_processed_at = null where id = $1::uuid', [
    job.messageId,
  ])
  await database.query(
    `delete from message_step where message_id = $1::uuid and step = 'rollups'`,
    [job.messageId],
  )
  // A person has taken it back since: the rules are done and must not decide again.
  await database.query('update lead set disqualified_reason = null where id = $1::uuid', [
    job.leadId,
  ])
  assert.is(await runSteps(database, job), 'done')
  const after = await leadSeen(database, job.leadId)
  assert.is(after.disqualifiedReason, null)
  assert.is(after.messageSeq, before.messageSeq)
  assert.is(after.sentimentTag, 'Opt Out')
})

test('a late job does not turn the lead back', async () => {
  const first = await storeMessage(database, workspace, {
    ...person('late'),
    body: 'Not interested, thanks.',
  })
  const second = await storeMessage(database, workspace, {
    ...person('late'),
    body: 'Changed my mind: book me in for Thursday 2pm.',
  })
  await runSteps(database, second)
  await runSteps(database, first)
  assert.is((await leadSeen(database, first.leadId)).sentimentTag, 'Meeting Requested')
})

test('a newer START has the last word over a STOP that is processed later', async () => {
  const sms = (body: string) => ({ lead: { phone: '+12125550144' }, channel: 'sms' as const, body })
  const stop = await storeMessage(database, workspace, sms('STOP'))
  const start = await storeMessage(database, workspace, sms('START'))
  await runSteps(database, start)
  await runSteps(database, stop)
  assert.is((await leadSeen(database, stop.leadId)).disqualifiedReason, null)
})

const at = (minutesAgo: number) => ({ sentAt: new Date(Date.now() - minutesAgo * 60_000) })

test('a START that was written before the STOP changes nothing, however late it arrives', async () => {
  const of = { lead: { phone: '+12125550145' }, channel: 'sms' as const }
  const stop = await storeMessage(database, workspace, { ...of, body: 'STOP', ...at(1) })
  await runSteps(database, stop)
  const late = await storeMessage(database, workspace, { ...of, body: 'START', ...at(10) })
  await runSteps(database, late)
  assert.match(String((await leadSeen(database, stop.leadId)).disqualifiedReason), 'Opt-out')
})

test('a START takes back neither what a person decided nor a bounce', async () => {
  for (const by of ['person', 'bounce'] as const) {
    const of = { lead: { phone: `+1212555014${by === 'person' ? 8 : 9}` }, channel: 'sms' as const }
    const hello = await storeMessage(database, workspace, { ...of, body: 'Hi' })
    const reason = `${by} says no`
    await disqualify(database, { workspaceId: workspace, leadId: hello.leadId, reason, by })
    for (const body of ['STOP', 'START']) {
      await runSteps(database, await storeMessage(database, workspace, { ...of, body }))
    }
    assert.is((await leadSeen(database, hello.leadId)).disqualifiedReason, reason)
  }
})

test('a START by SMS does not take back what was asked by e-mail', async () => {
  const lead = { email: 'both@harlow.example', phone: '+12125550147' }
  const mail = await storeMessage(database, workspace, { lead, body: 'Unsubscribe me', ...at(5) })
  await runSteps(database, mail)
  const start = { lead, channel: 'sms' as const, body: 'START' }
  await runSteps(database, await storeMessage(database, workspace, start))
  assert.match(String((await leadSeen(database, mail.leadId)).disqualifiedReason), 'Opt-out')
})

test('contacts are read out of the signature, not out of the quoted thread', async () => {
  const text = `Call me on Thursday.

-- 
Dana Whit | +1 212 555 0187 | https://www.linkedin.com/in/dana-whit
dana@harlow.example

On Mon, Jan 5, 2026 at 9:12 AM Sam <sam@northpeak.example> wrote:
> Sam Hill, +1 646 555 0100`
  const job = await storeMessage(
    database,
    workspace,
    { ...person('dana'), lead: { email: 'dana@harlow.example' }, payload: { reply_text: text } },
    { provider: 'instantly' },
  )
  await runSteps(database, job)
  assert.equal(
    (await contactsOf(database, job.leadId)).map(({ kind, value }) => [kind, value]),
    [
      ['linkedin', 'https://www.linkedin.com/in/dana-whit'],
      ['phone', '+12125550187'],
    ],
  )
  const identities = await database.query(
    'select value from lead_identity where lead_id = $1::uuid',
    [job.leadId],
  )
  assert.equal(identities, [{ value: 'dana@harlow.example' }])
})

test('a message of an erased lead is nobody’s', async () => {
  const job = await storeMessage(database, workspace, person('gone'))
  await database.query('delete from lead where id = $1::uuid', [job.leadId])
  assert.is(await runSteps(database, job), 'erased')
})

test.run()
