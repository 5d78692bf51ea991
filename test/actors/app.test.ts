import * as assert from 'uvu/assert'
import { type App, startApp } from '../../src/actors/app.ts'
import type { Database } from '../../src/database.ts'
import { generic } from '../../src/domain/channels/generic.ts'
import { askForRescore, disqualify, requalify } from '../../src/domain/disqualification.ts'
import { eraseLead } from '../../src/domain/leads/erase-lead.ts'
import type {
  Interaction,
  Scorer,
  ScoringRequest,
  ScoringResult,
} from '../../src/domain/scoring/score.ts'
import { type Jobs, openJobs } from '../../src/jobs.ts'
import { silentLog, testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('from a stored message to its score')
let database: Database
let jobs: Jobs
let app: App
let workspace: string
let connection: string
let calls: ScoringRequest[] = []
let answer: (request: ScoringRequest, signal: AbortSignal) => Promise<ScoringResult>
let running = 0
let mostPerLead = 0

const scorer: Scorer = {
  name: 'scripted',
  async score(request, signal) {
    calls.push(request)
    running += 1
    mostPerLead = Math.max(mostPerLead, running)
    try {
      return await answer(request, signal)
    } finally {
      running -= 1
    }
  },
}

function interaction(outcome: Interaction['outcome']): Interaction {
  return {
    requestedModel: 'scripted',
    model: 'scripted',
    promptVersion: 'p1',
    outcome,
    inputTokens: 10,
    cachedTokens: 0,
    outputTokens: 5,
    reasoningTokens: 0,
    costUsd: 0.0001,
    latencyMs: 12.4,
    requestId: 'r1',
    error: null,
  }
}
const scored = (overallScore: 1 | 2 | 3 | 4 = 3): ScoringResult => ({
  outcome: 'ok',
  scores: { fitScore: 3, intentScore: 3, overallScore, reasoning: 'because' },
  model: 'scripted',
  promptVersion: 'p1',
  interactions: [interaction('ok')],
})

function start(quietMs = 40, maxWaitMs = 400): App {
  return startApp({
    store: database,
    ingest: database.ingest,
    jobs,
    scorer,
    log: silentLog,
    llmConcurrency: 4,
    scoringHeldMax: 100,
    window: { quietMs, maxWaitMs },
    runsJobs: true,
    now: Date.now,
    random: Math.random,
  })
}

test.before(async () => {
  database = await testDatabase()
  jobs = openJobs(database, silentLog)
  await jobs.start()
  const made = await makeWorkspace(database)
  workspace = made.id
  connection = made.connections[0]?.id ?? ''
  app = start()
})
test.before.each(() => {
  calls = []
  mostPerLead = 0
  answer = async () => scored()
})
test.after(async () => {
  await app.stop()
  await jobs.stop()
  await database.close()
})

let counter = 0
async function say(email: string, body: string, extra: Record<string, unknown> = {}) {
  const payload = { externalId: `m${++counter}`, body, lead: { email }, ...extra }
  return app.intake.accept(
    {
      id: connection,
      workspaceId: workspace,
      channel: 'email',
      provider: generic,
      signature: null,
    },
    {
      rawBody: Buffer.from(JSON.stringify(payload)),
      headers: {},
      url: '',
      receivedAt: new Date(),
      connectionId: connection,
    },
    { keep: true },
  )
}
interface LeadState {
  id: string
  messageSeq: number
  scoredSeq: number
  overall: number | null
  reasoning: string | null
  error: string | null
  parked: boolean
  by: string | null
}
async function leadOf(email: string): Promise<LeadState | undefined> {
  const [row] = await database.query<LeadState>(
    `select lead.id, message_seq as "messageSeq", scored_seq as "scoredSeq",
       overall_score as overall, score_reasoning as reasoning, scoring_error as error,
       parked_at is not null as parked, scored_by as by
     from lead join lead_identity on lead_id = lead.id where value = $1`,
    [email],
  )
  return row && { ...row, messageSeq: Number(row.messageSeq), scoredSeq: Number(row.scoredSeq) }
}
const covered = (email: string, least = 1) =>
  until(
    () => leadOf(email),
    (lead) => !!lead && lead.messageSeq >= least && lead.scoredSeq === lead.messageSeq,
  ) as Promise<LeadState>
const events = (leadId: string) =>
  database.query<{
    seq: unknown
    overall: number | null
    previous: number | null
    covers: unknown
  }>(
    `select seq, overall_score as overall, previous_overall_score as previous,
       message_seq as covers
     from score_event where lead_id = $1 order by seq`,
    [leadId],
  )
const jobsOf = (leadId: string) =>
  database.query<{ name: string; state: string; attempts: number }>(
    `select name, state::text as state, retry_count as attempts from pgboss.job
     where data ->> 'leadId' = $1 and state < 'completed'`,
    [leadId],
  )

test('a message is scored, numbered for the feed and accounted for', async () => {
  assert.is((await say('one@x.example', 'What does it cost?')).status, 'accepted')
  const lead = await covered('one@x.example')
  assert.is(lead.overall, 3)
  assert.is(lead.by, 'scripted')
  assert.equal(
    (await events(lead.id)).map(({ overall, previous, covers }) => [
      overall,
      previous,
      Number(covers),
    ]),
    [[3, null, 1]],
  )
  const [usage] = await database.query<Record<string, unknown>>(
    `select source, feature_id as feature, outcome, input_tokens as input, latency_ms as latency
     from ai_interaction where lead_id = $1`,
    [lead.id],
  )
  assert.equal(usage, {
    source: 'background-job/lead-scoring-post-process',
    feature: 'lead_scoring.score',
    outcome: 'ok',
    input: 10,
    latency: 12,
  })
  assert.equal(await jobsOf(lead.id), [])
})

test('a burst shares one call that has read all of it', async () => {
  // Wide enough for a machine that takes a second to store one of them.
  await app.stop()
  app = start(2000, 30_000)
  for (const body of ['Hi', 'one more thing', 'and the price?']) await say('burst@x.example', body)
  const lead = await covered('burst@x.example', 3)
  await app.stop()
  app = start()
  assert.is(calls.length, 1)
  assert.equal(
    calls[0]?.transcript.map(({ body }) => body),
    ['Hi', 'one more thing', 'and the price?'],
  )
  assert.is((await events(lead.id)).length, 1)
})

test('a message during a call is scored right after, never beside it', async () => {
  const entered = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  answer = async () => {
    entered.resolve()
    await release.promise
    return scored(calls.length === 1 ? 2 : 4)
  }
  await say('during@x.example', 'first')
  await entered.promise
  await say('during@x.example', 'second')
  // The second message has its own waiting job before the first call may end.
  const { id } = (await leadOf('during@x.example')) as LeadState
  await until(
    () => jobsOf(id),
    (held) => held.some(({ state }) => state === 'created'),
  )
  release.resolve()
  await covered('during@x.example', 2)
  assert.is(calls.length, 2)
  assert.is(mostPerLead, 1)
  assert.equal(
    (await events(id)).map(({ overall, previous }) => [overall, previous]),
    [
      [2, null],
      [4, 2],
    ],
  )
})

test('an opt-out is 1/1/1 without a call, and START takes it back', async () => {
  await say('stop@x.example', 'Unsubscribe')
  const lead = await covered('stop@x.example', 2)
  assert.is(lead.overall, 1)
  assert.match(lead.reasoning ?? '', /^Disqualified: Opt-out/)
  assert.is(calls.length, 0)
  const changed = await database.transaction((tx) =>
    requalify(tx, { workspaceId: workspace, leadId: lead.id, onlyBy: 'opt_out' }),
  )
  assert.ok(changed)
  await app.scoreSoon([{ workspaceId: workspace, leadId: lead.id }])
  const again = await covered('stop@x.example', 3)
  assert.is(again.overall, null, 'an unsubscribe alone is no message to judge')
})

test('an opt-out found while a call is under way still ends as 1/1/1', async () => {
  const entered = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  answer = async () => {
    entered.resolve()
    await release.promise
    return scored(4)
  }
  await say('late@x.example', 'Very interested!')
  await entered.promise
  const { id } = (await leadOf('late@x.example')) as LeadState
  await database.transaction((tx) =>
    disqualify(tx, { workspaceId: workspace, leadId: id, reason: 'Blacklist', by: 'person' }),
  )
  await app.scoreSoon([{ workspaceId: workspace, leadId: id }])
  release.resolve()
  const lead = await covered('late@x.example', 2)
  assert.is(lead.overall, 1)
  assert.is(lead.reasoning, 'Disqualified: Blacklist')
  assert.is(calls.length, 1)
})

test('our own message alone makes no score and no job', async () => {
  await say('silent@x.example', 'Hi, may I show you…', { direction: 'outbound' })
  const lead = (await leadOf('silent@x.example')) as LeadState
  assert.is(lead.messageSeq, 0)
  assert.is(lead.overall, null)
  assert.equal(await jobsOf(lead.id), [])
})

test('an answer that is no score is shown, accounted for and tried again', async () => {
  answer = async () =>
    calls.length === 1
      ? {
          outcome: 'invalid',
          reason: 'score 5',
          terminal: false,
          retryAfterMs: null,
          interactions: [interaction('invalid')],
        }
      : scored()
  await say('invalid@x.example', 'hello')
  const failed = await until(
    () => leadOf('invalid@x.example'),
    (lead) => lead?.error === 'score 5',
  )
  assert.is(failed?.overall, null)
  assert.is(failed?.parked, false)
  const lead = await covered('invalid@x.example')
  assert.is(lead.error, null)
  assert.is(calls.length, 2)
})

test('a refusal parks the lead with the reason; a new message starts again', async () => {
  answer = async () => ({
    outcome: 'refused',
    reason: 'the model refused',
    terminal: true,
    retryAfterMs: null,
    interactions: [interaction('refused')],
  })
  await say('refused@x.example', 'hello')
  const parked = await until(
    () => leadOf('refused@x.example'),
    (lead) => lead?.parked === true,
  )
  assert.is(parked?.error, 'the model refused')
  assert.is(parked?.overall, null)
  answer = async () => scored(2)
  await say('refused@x.example', 'hello again')
  const lead = await covered('refused@x.example', 2)
  assert.is(lead.overall, 2)
  assert.not.ok(lead.parked)
})

test('an outage spends no attempt', async () => {
  answer = async () =>
    calls.length < 3
      ? {
          outcome: 'rate_limited',
          reason: 'too many requests',
          terminal: false,
          retryAfterMs: 1,
          interactions: [interaction('rate_limited')],
        }
      : scored()
  await say('outage@x.example', 'hello')
  const lead = await covered('outage@x.example')
  assert.is(calls.length, 3)
  const done = await database.query<{ attempts: number }>(
    `select retry_count as attempts from pgboss.job
     where data ->> 'leadId' = $1 and name = 'LEAD_SCORING_POST_PROCESS'`,
    [lead.id],
  )
  assert.equal(
    done.map(({ attempts }) => attempts),
    [0],
  )
})

test('a scorer that throws costs an attempt and nobody else', async () => {
  answer = async (request) => {
    const poisoned = request.transcript.some(({ body }) => body === 'poison')
    if (poisoned && calls.filter(({ leadId }) => leadId === request.leadId).length === 1) {
      throw new Error('bug')
    }
    return scored()
  }
  await say('poison@x.example', 'poison')
  await say('healthy@x.example', 'hello')
  await covered('healthy@x.example')
  const lead = await covered('poison@x.example')
  assert.is(lead.error, null)
})

test('a person who is erased while being scored leaves nothing behind', async () => {
  const entered = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  answer = async () => {
    entered.resolve()
    await release.promise
    return scored()
  }
  await say('erase@x.example', 'hello')
  await entered.promise
  const { id } = (await leadOf('erase@x.example')) as LeadState
  await database.transaction((tx) =>
    eraseLead(tx, { workspaceId: workspace, leadId: id }, jobs.forgetLead),
  )
  release.resolve()
  await until(
    async () => app.meters().jobs?.scoring,
    (held) => Object.keys(held ?? {}).length === 0,
  )
  assert.equal(await events(id), [])
  assert.equal(await jobsOf(id), [])
})

test('a re-score that was asked for runs although nothing was said', async () => {
  await say('again@x.example', 'hello')
  const { id } = await covered('again@x.example')
  await database.transaction((tx) => askForRescore(tx, { workspaceId: workspace, leadId: id }))
  await app.scoreSoon([{ workspaceId: workspace, leadId: id }])
  await covered('again@x.example', 2)
  assert.is(calls.length, 2)
})

test('a stop gives waiting jobs back untouched, and the next start finishes them', async () => {
  await app.stop()
  app = start(60_000, 60_000)
  await say('restart@x.example', 'hello')
  const { id } = (await leadOf('restart@x.example')) as LeadState
  await until(
    async () => app.meters().jobs?.scoring.Quiet,
    (quiet) => quiet === 1,
  )
  await app.stop()
  assert.equal(await jobsOf(id), [
    { name: 'LEAD_SCORING_POST_PROCESS', state: 'created', attempts: 0 },
  ])
  assert.is(calls.length, 0)
  app = start()
  await covered('restart@x.example')
  assert.is(calls.length, 1)
})

test('numbers of the feed have no gaps and stay in their workspace', async () => {
  const rows = await database.query<{ seq: unknown; workspace: string }>(
    'select seq, workspace_id as workspace from score_event order by seq',
  )
  // An erased lead takes its events along; every other number is there.
  const [head] = await database.query<{ head: unknown }>(
    'select feed_seq as head from workspace where id = $1',
    [workspace],
  )
  const seqs = rows.map(({ seq }) => Number(seq))
  assert.is(new Set(seqs).size, seqs.length)
  assert.is(seqs.at(-1), Number(head?.head))
  assert.ok(rows.every((row) => row.workspace === workspace))
})

test.run()
