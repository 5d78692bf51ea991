/**
 * Faults through the real job path: a message arrives, the call goes wrong over real HTTP, and what
 * is in the database then is compared with the table. Afterwards the model is well again, and the
 * lead must get its score.
 */
import * as assert from 'uvu/assert'
import { SCORING_QUEUE } from '../../src/job-queues.ts'
import type { FakeCall } from '../support/fake-openai.ts'
import type { LlmApp } from '../support/llm-app.ts'
import { until } from '../support/until.ts'
import { type Fault, faults, STALL_LIMIT_MS } from './faults.ts'

const CALM_LIMIT_MS = 30_000
/** For what takes a second on a machine with nothing else to do. */
const LIMIT_MS = 60_000
/** What passes between the two statements whose times are compared, on a slow machine. */
const SLACK_S = 20

interface Interaction {
  outcome: string
  error: string | null
  model: string
  inputTokens: number | null
  costUsd: number | string | null
  latencyMs: number
  requestId: string | null
}

interface LeadState {
  id: string
  error: string | null
  parked: boolean
  scoredBy: string | null
  clean: boolean
  /** States of the lead's scoring jobs but completed ones. */
  jobs: string[] | null
  /** Seconds from the failure to when the job is due again. */
  dueS: number | string | null
}

export interface Observed {
  fault: Fault
  /** How long the slowest call was held. */
  heldMs: number
}

interface Case {
  fault: Fault
  email: string
  /** Alike for all faults, but for what the fake server tells them apart by. */
  body: string
}

/** Those of one phase, side by side, each on a lead of its own. */
export async function observe(llm: LlmApp, phase: readonly Fault[]): Promise<Observed[]> {
  const { fake } = llm
  const stalls = phase.some((it) => it.stalls)
  await llm.restart({ timeoutMs: stalls ? STALL_LIMIT_MS : CALM_LIMIT_MS })
  const cases = phase.map((fault) => {
    const number = faults.indexOf(fault)
    return { fault, email: `lead${number}@faults.example`, body: `What is the price of ${number}?` }
  })
  fake.respondWith((call) => {
    const { only, answer } = caseOf(call, cases).fault
    return only === undefined || call.model === only ? answer : undefined
  })
  if (phase.some(({ answer }) => !answer)) await fake.refuse()
  const before = fake.calls.length
  await Promise.all(cases.map((it) => llm.say(it.email, it.body)))
  const leads = await until(
    () => leadsOf(llm, cases),
    (all) => all.length === cases.length && all.every(isAtRest),
    LIMIT_MS,
  )
  const seen = cases.map((it, index) => ({ ...it, lead: leads[index] as LeadState }))
  await fake.idle()
  const calls = fake.calls.slice(before)
  const observed: Observed[] = []
  for (const it of seen) {
    const interactions = await interactionsOf(llm, it.lead.id)
    const own = calls.filter((call) => caseOf(call, cases).fault === it.fault)
    checkCalls(it.fault, own, interactions)
    await checkLead(llm, it.fault, it.lead)
    checkOthers(llm, it.fault)
    const heldMs = Math.max(...interactions.map(({ latencyMs }) => latencyMs))
    observed.push({ fault: it.fault, heldMs })
  }

  if (phase.some(({ answer }) => !answer)) await fake.accept()
  fake.respondWith(() => undefined)
  // Rather than wait a quarter of an hour for the gate, or under a limit made for stalls.
  if (stalls || phase.some(({ othersWaitS }) => othersWaitS)) await llm.restart()
  for (const it of seen) await recover(llm, it)
  await until(
    () => leadsOf(llm, cases),
    (all) =>
      all.every(({ clean, scoredBy, error, parked }) => clean && scoredBy && !error && !parked),
    LIMIT_MS,
  )
  for (const { fault, lead } of seen) await checkAttempts(llm, fault, lead)
  return observed
}

function caseOf(call: FakeCall, cases: readonly Case[]): Case {
  const found = cases.find(({ body }) => call.transcript.some(({ text }) => text === body))
  assert.ok(found, 'a call of no case')
  return found
}

function checkCalls(fault: Fault, calls: FakeCall[], interactions: Interaction[]): void {
  const { calls: expected = 1 } = fault
  if (fault.answer) assert.is(calls.length, expected, 'calls; the SDK must not retry')
  assert.is(interactions.length, expected, 'a row for each call')
  for (const interaction of interactions) {
    if (interaction.model !== (fault.only ?? interaction.model)) continue
    assert.is(interaction.outcome, fault.outcome)
    assert.is(interaction.error, fault.error)
    assert.is(interaction.inputTokens, fault.usage ? 1200 : null)
    assert.is(interaction.costUsd === null, !fault.usage)
  }
  // The time limit closes the connection; a reply that was read to its end does not.
  if (fault.stalls) assert.ok(calls.every(({ abandoned }) => abandoned))
}

async function checkLead(llm: LlmApp, { next, error, name }: Fault, lead: LeadState) {
  if (next.how === 'successor') {
    assert.is(lead.scoredBy, 'gpt-6-luna')
    assert.ok(lead.clean)
    return
  }
  assert.is(lead.error, error)
  assert.is(lead.scoredBy, null)
  assert.is(lead.parked, next.how === 'parked')
  if (next.how === 'parked') assert.equal(lead.jobs, ['failed'])
  // `retry` is an attempt spent, `created` is the job as it was.
  if (next.how === 'backoff') assert.equal(lead.jobs, ['retry'])
  if (next.how === 'again') {
    assert.equal(lead.jobs, ['created'])
    const dueS = Number(lead.dueS)
    const fits = dueS > next.fromS - 1 && dueS < next.toS + SLACK_S
    assert.ok(fits, `${name}: due after ${dueS} s`)
  }
  const [dead] = await llm.database.query<{ count: number | string }>(
    `select count(*) as count from pgboss.job
     where name <> $1 and state = 'failed' and singleton_key = $2`,
    [SCORING_QUEUE, lead.id],
  )
  assert.is(Number(dead?.count), 0)
}

function checkOthers(llm: LlmApp, { othersWaitS, next }: Fault): void {
  const { gate, circuit } = llm.app.meters()
  if (othersWaitS === undefined || next.how === 'successor') {
    assert.is(gate.pausedMs, 0)
    assert.is(circuit?.state, 'closed')
    return
  }
  // The second of a plain 429 may be over by now.
  if (othersWaitS > 1) {
    const waitS = gate.pausedMs / 1000
    assert.ok(waitS <= othersWaitS && waitS > othersWaitS - SLACK_S, `others wait ${waitS} s`)
  }
}

/** By the way that is documented: a parked lead by its next message, the others by their job. */
async function recover(
  llm: LlmApp,
  { fault: { next }, email, lead }: Case & { lead: LeadState },
): Promise<void> {
  if (next.how === 'successor') return
  if (next.how === 'parked') await llm.say(email, 'And for 40 seats, what is the price?')
  else {
    await llm.database.query(
      `update pgboss.job set start_after = now() where name = $1 and singleton_key = $2`,
      [SCORING_QUEUE, lead.id],
    )
    // Wakes the dispatcher, which would look within a second.
    await llm.app.scoreSoon([])
  }
}

async function checkAttempts(llm: LlmApp, { next }: Fault, lead: LeadState): Promise<void> {
  const [job] = await llm.database.query<{ attempts: number | string }>(
    `select max(retry_count) as attempts from pgboss.job
     where name = $1 and singleton_key = $2 and state = 'completed'`,
    [SCORING_QUEUE, lead.id],
  )
  assert.is(Number(job?.attempts), next.how === 'backoff' ? 1 : 0, 'attempts spent')
}

/** Scored, or failed and no longer in anybody's hands. */
function isAtRest({ clean, error, jobs }: LeadState): boolean {
  const open = jobs?.filter((state) => state === 'active') ?? []
  return clean || (error !== null && open.length === 0)
}

/** In the order of the cases. */
function leadsOf({ database }: LlmApp, cases: readonly Case[]): Promise<LeadState[]> {
  return database.query<LeadState>(
    `select lead.id, scoring_error as error, parked_at is not null as parked,
       scored_by as "scoredBy", message_seq = scored_seq as clean, job.states as jobs,
       extract(epoch from job.due - scoring_failed_at) as "dueS"
     from unnest($1::text[]) with ordinality as asked (email, place)
     join lead_identity as identity on identity.value = asked.email
     join lead on lead.id = identity.lead_id
     left join lateral (
       select json_agg(state::text) as states, max(start_after) as due from pgboss.job
       where name = $2 and singleton_key = lead.id::text and state <> 'completed'
     ) as job on true
     order by place`,
    [cases.map(({ email }) => email), SCORING_QUEUE],
  )
}

function interactionsOf({ database }: LlmApp, leadId: string): Promise<Interaction[]> {
  return database.query<Interaction>(
    `select outcome, error, model, input_tokens as "inputTokens", cost_usd as "costUsd",
       latency_ms as "latencyMs", request_id as "requestId"
     from ai_interaction where lead_id = $1 and feature_id = 'lead_scoring.score'
       and source = 'background-job/lead-scoring-post-process'
     order by created_at, id`,
    [leadId],
  )
}
