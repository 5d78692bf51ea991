import * as assert from 'uvu/assert'
import { CRASHES_MAX } from '../../src/actors/crashed-job.ts'
import { rulesScorer } from '../../src/domain/scoring/rules-scorer.ts'
import type { Log } from '../../src/log.ts'
import { silentLog } from '../support/database.ts'
import { type Connected, type FrontDoor, openFrontDoor } from '../support/front-door.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

/** Each of these strings, as a message, breaks one part each time it gets there. */
const POISON = {
  scoring: 'breaks the scorer',
  postProcess: 'breaks post-processing',
  ingest: 'breaks the commit',
}

const test = suite('poisoned messages')
let door: FrontDoor
let email: Connected
let sms: Connected
let scoringCrashes = 0
let ingestCrashes = 0

const rules = rulesScorer()
const scorer: typeof rules = {
  name: rules.name,
  async score(request, signal) {
    if (request.transcript.some(({ body }) => body === POISON.scoring)) {
      scoringCrashes += 1
      throw new TypeError('a bug')
    }
    return rules.score(request, signal)
  },
}
/** Told of the failed commit from inside the ingest actor's handler: what throws there crashes it. */
const log = Object.assign(Object.create(silentLog) as Log, {
  warn(_what: unknown, text = '') {
    if (!text.startsWith('ingest sms')) return
    ingestCrashes += 1
    throw new Error('a bug in the handler')
  },
})

test.before(async () => {
  door = await openFrontDoor({ scorer, log })
  email = await door.connect({ channel: 'email', provider: 'generic' })
  sms = await door.connect({ channel: 'sms', provider: 'gohighlevel' })
  await door.database.query(`
    create function poison() returns trigger language plpgsql as $$
    begin
      -- Holds the commit open until others wait behind it.
      if tg_op = 'INSERT' then perform pg_sleep(0.5); end if;
      raise exception 'poisoned';
    end $$
  `)
  await door.database.query(`
    create trigger poisoned_update before update on message for each row
    when (new.body = '${POISON.postProcess}') execute function poison()
  `)
  await door.database.query(`
    create trigger poisoned_insert before insert on message for each row
    when (new.body = '${POISON.ingest}') execute function poison()
  `)
})
test.after(() => door.close())

const say = (externalId: string, address: string, body: string) =>
  email.post(JSON.stringify({ externalId, body, lead: { email: address } }))
const leadOf = async (address: string) => {
  const [lead] = await door.database.query<{
    id: string
    parked: boolean
    error: string | null
    overall: number | null
    covered: boolean
  }>(
    `select lead.id, parked_at is not null as parked, scoring_error as error,
       overall_score as overall, message_seq = scored_seq as covered
     from lead join lead_identity on lead_id = lead.id where value = $1`,
    [address],
  )
  return lead
}
/** Looks at the lead and lets its backoff be over, so that the attempts follow at once. */
const hurried = (address: string) => async () => {
  await door.database.query(
    `update pgboss.job set start_after = now() where state = 'retry' and start_after > now()`,
  )
  return leadOf(address)
}
/** The lead is parked before its job is dead-lettered. */
const deadJobs = (leadId: string) =>
  until(
    () =>
      door.database.query<{ queue: string; attempts: number }>(
        `select source_name as queue, source_retry_count + 1 as attempts from pgboss.job
         where name = 'LEADPULSE_DEAD_LETTER' and data ->> 'leadId' = $1`,
        [leadId],
      ),
    (dead) => dead.length > 0,
  )
const staysParked = async (address: string) => {
  const parked = await until(hurried(address), (lead) => lead?.parked === true)
  assert.is(parked?.overall, null)
  return parked as NonNullable<typeof parked>
}

test('a message that always breaks scoring parks its lead; every other is scored', async () => {
  await say('s0', 'score-poison@x.example', POISON.scoring)
  for (let n = 0; n < 20; n++) await say(`s${n + 1}`, `fine-${n}@x.example`, 'What does it cost?')
  for (let n = 0; n < 20; n++) {
    const lead = await until(
      () => leadOf(`fine-${n}@x.example`),
      (seen) => seen?.covered === true,
    )
    assert.ok(lead?.overall)
  }
  const { id, error } = await staysParked('score-poison@x.example')
  assert.is(error, 'scoring crashed: TypeError, 5 times')
  assert.is(scoringCrashes, CRASHES_MAX)
  assert.equal(await deadJobs(id), [{ queue: 'LEAD_SCORING_POST_PROCESS', attempts: CRASHES_MAX }])
})

test('a message that always breaks post-processing parks its lead, too', async () => {
  await say('p0', 'post-poison@x.example', POISON.postProcess)
  await say('p1', 'post-fine@x.example', 'What does it cost?')
  await until(
    () => leadOf('post-fine@x.example'),
    (lead) => lead?.covered === true,
  )
  const { id, error } = await staysParked('post-poison@x.example')
  assert.match(error ?? '', /^post-processing crashed: .*P0001, 5 times$/)
  assert.equal(await deadJobs(id), [{ queue: 'EMAIL_INBOUND_POST_PROCESS', attempts: CRASHES_MAX }])
})

test('the lead of a poisoned message is scored with its next one', async () => {
  await say('p2', 'post-poison@x.example', 'What does it cost?')
  const lead = await until(
    () => leadOf('post-poison@x.example'),
    (seen) => seen?.covered === true,
  )
  assert.is(lead?.parked, false)
  assert.is(lead?.error, null)
})

test('a crashing channel sends its open offers away and comes back; others never notice', async () => {
  const text = (id: string, body: string) =>
    sms.post(
      JSON.stringify({
        type: 'InboundMessage',
        messageType: 'SMS',
        direction: 'inbound',
        locationId: 'location',
        contactId: `contact-${id}`,
        messageId: id,
        dateAdded: '2026-11-24T10:00:00Z',
        body,
      }),
    )
  const texts = Array.from({ length: 30 }, (_, n) => `sms-${n}`)
  const poisoned = text('sms-poison', POISON.ingest)
  await until(
    async () => door.app.meters().openOffers,
    (open) => open === 1,
  )
  // Some turns of the loop later its group is closed, and what comes waits behind it.
  for (let n = 0; n < 10; n++) await new Promise((resolve) => setImmediate(resolve))
  const [answers, mails] = await Promise.all([
    Promise.all(texts.map((id) => text(id, 'Hello'))),
    Promise.all(texts.map((id) => say(`mail-${id}`, `${id}@x.example`, 'Hello'))),
  ])
  const { status, headers } = await poisoned
  assert.is(status, 429, 'the only status that the GoHighLevel app comes again after')
  assert.ok(headers['retry-after'])
  assert.is(ingestCrashes, 1)
  assert.ok(answers.some((answer) => answer.status === 429))
  for (const answer of answers) assert.ok([200, 429].includes(answer.status), answer.text)
  assert.ok(mails.every((answer) => answer.status === 200))

  const meters = () => door.app.meters().actors
  const after = await until(
    async () => meters(),
    (actors) => actors.some(({ name, restarts }) => name === 'ingest-sms' && restarts === 1),
  )
  const restarted = after.filter(({ restarts }) => restarts > 0).map(({ name }) => name)
  assert.equal(restarted, ['ingest-sms'])
  for (const id of texts) {
    const again = await text(id, 'Hello')
    assert.is(again.status, 200, again.text)
  }
  const [stored] = await door.database.query<{ count: unknown; ids: unknown }>(
    `select count(*) as count, count(distinct external_id) as ids from message
     where channel = 'sms'`,
  )
  assert.equal([Number(stored?.count), Number(stored?.ids)], [texts.length, texts.length])
})

test.run()
