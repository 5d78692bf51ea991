/**
 * An outage of the provider, from the first failed call to the last lead scored: the real gate, the
 * real table of a lead's phases and the real client over HTTP. Ten minutes pass on a test clock; a
 * short one passes through the real queue.
 */
import { randomBytes } from 'node:crypto'
import { install } from '@sinonjs/fake-timers'
import * as assert from 'uvu/assert'
import { callOutcome } from '../../src/actors/call-pace.ts'
import { type Clock, gate, type Permit } from '../../src/actors/gate.ts'
import { openaiScorer } from '../../src/clients/openai.ts'
import { advance } from '../../src/domain/scoring/lead-phases.ts'
import { leadReference } from '../../src/domain/scoring/prompt.ts'
import { DEAD_LETTER_QUEUE } from '../../src/job-queues.ts'
import { type FakeOpenAi, fakeOpenAi, fault } from '../support/fake-openai.ts'
import { type LlmApp, llmApp } from '../support/llm-app.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('outage of the provider', 180_000)
const SECOND_MS = 1000
const OUTAGE_MS = 600 * SECOND_MS
const LIMIT = 4
/** Of a burst at the limit: five that fail in a row, and what is under way beside the last. */
const CALLS_TO_OPEN_MAX = 5 + LIMIT - 1

const requestOf = (leadId: string) => ({
  workspaceId: 'w',
  leadId,
  context: {
    companyName: null,
    serviceDescription: null,
    idealCustomerProfile: null,
    qualificationQuestions: [],
  },
  lead: { name: null, company: null, title: null, industry: null, headcount: null },
  transcript: [
    {
      direction: 'inbound' as const,
      channel: 'email' as const,
      kind: 'text' as const,
      subject: null,
      body: 'What is the price?',
      at: new Date('2026-11-24T09:00:00Z'),
    },
  ],
})

const scorerOf = (fake: FakeOpenAi) =>
  openaiScorer({
    apiKey: fake.apiKey,
    baseURL: fake.url,
    model: 'gpt-5-nano',
    successor: 'gpt-6-luna',
    timeoutMs: 10_000,
    now: () => new Date(),
    random: () => randomBytes(16).toString('hex'),
  })

const clockOf = (time: ReturnType<typeof install>): Clock => ({
  now: Date.now,
  after(ms, run) {
    const timer = time.setTimeout(run, ms)
    return () => time.clearTimeout(timer)
  },
})

/** How far it is, and whatever it may wait for. */
async function standing({ app, database, fake }: LlmApp) {
  const [counts] = await database.query<{ leads: unknown; unscored: unknown }>(
    `select count(*) as leads,
       count(*) filter (where message_seq > scored_seq or scored_by is null) as unscored from lead`,
  )
  const jobs = await database.query(
    `select name, state, retry_count as attempt, count(*) as count,
       max(start_after - now())::text as "dueIn", max(now() - heartbeat_on)::text as "heardOf"
     from pgboss.job where state <> 'completed' group by 1, 2, 3`,
  )
  return {
    leads: Number(counts?.leads),
    unscored: Number(counts?.unscored),
    calls: fake.calls.length,
    gate: app.meters().gate,
    jobs,
  }
}

let llm: LlmApp

test.before(async () => {
  llm = await llmApp({ llmConcurrency: 2 })
})

test('through the real queue: no attempt spent, nothing dead-lettered, every lead scored', async () => {
  try {
    let opened = false
    llm.fake.respondWith(({ nth }) => {
      opened ||= nth >= 5
      return nth <= 6 ? fault.status(503) : undefined
    })
    for (let lead = 0; lead < 8; lead++) {
      await llm.say(`lead${lead}@outage.example`, 'What is the price?')
    }
    await until(
      () => Promise.resolve(llm.app.meters().gate),
      ({ probing, pausedMs }) => opened && probing && pausedMs > 0,
      40_000,
    )
    await until(
      () => standing(llm),
      ({ leads, unscored }) => leads === 8 && unscored === 0,
      // Two pauses of the circuit (5 and 10 s), then the delays of the jobs given back.
      100_000,
    )
    const jobs = await llm.database.query<{ attempts: unknown; dead: unknown }>(
      `select max(retry_count) as attempts,
         count(*) filter (where state = 'failed' or name = $1) as dead from pgboss.job`,
      [DEAD_LETTER_QUEUE],
    )
    assert.equal([Number(jobs[0]?.attempts), Number(jobs[0]?.dead)], [0, 0])
    assert.ok(llm.fake.calls.length <= 8 + 7, `${llm.fake.calls.length} calls`)
  } finally {
    // Before the other test stops the clock of this process.
    await llm.close()
  }
})

test('leads whose calls always fail hold nobody up for long', async () => {
  const time = install({ toFake: ['Date'], now: new Date('2026-11-24T10:00:00Z') })
  const fake = await fakeOpenAi()
  try {
    const scorer = scorerOf(fake)
    const llmGate = gate({ limit: LIMIT, clock: clockOf(time) })
    const POISONED = 12
    const poisoned = new Set(
      Array.from({ length: POISONED }, (_, lead) => leadReference(`lead-${lead}`)),
    )
    fake.respondWith(({ leadRef }) => (poisoned.has(leadRef ?? '') ? fault.status(500) : undefined))
    const failures = new Map<number, number>()
    const scoredAfterS = new Map<number, number>()
    const underWay = new Set<Promise<void>>()
    let poisonCalls = 0

    /** From the window to the answer, by the table; the database's part is the map of failures. */
    function ask(lead: number, unscoredSince: number): void {
      const failed = failures.get(lead) ?? 0
      const about = { nowMs: Date.now(), lastAttempt: false, random: 0.5 }
      const window = {
        covered: false,
        disqualified: false,
        dueInMs: 0,
        unscoredForMs: Date.now() - unscoredSince,
        failures: failed,
      }
      const { effects } = advance(
        { phase: 'Quiet', awaits: 'window' },
        { type: 'window', window },
        about,
      )
      const [effect] = effects
      assert.ok(effect?.do === 'acquire permit')
      const { since } = effect
      const permit: { current?: Permit } = {}
      permit.current = llmGate.acquire({ workspaceId: 'w', since, failures: failed }, () => {
        const work = score(lead, unscoredSince, failed, permit).finally(() => underWay.delete(work))
        underWay.add(work)
      })
    }
    async function score(
      lead: number,
      unscoredSince: number,
      failed: number,
      permit: { current?: Permit },
    ): Promise<void> {
      const result = await scorer.score(requestOf(`lead-${lead}`), new AbortController().signal)
      if (result.outcome !== 'ok') failures.set(lead, failed + result.interactions.length)
      if (lead < POISONED) poisonCalls += result.interactions.length
      const { effects } = advance(
        { phase: 'InFlight', awaits: 'answer', seen: 1, failures: failed },
        { type: 'answered', result },
        { nowMs: Date.now(), lastAttempt: false, random: 0.5 },
      )
      for (const effect of effects) {
        if (effect.do === 'release permit') permit.current?.release(callOutcome(result))
        if (effect.do === 'write score') {
          scoredAfterS.set(lead, (Date.now() - unscoredSince) / SECOND_MS)
        }
        if (effect.do === 'give back') {
          time.setTimeout(() => ask(lead, unscoredSince), effect.delayMs)
        }
      }
    }
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        time.tick(SECOND_MS)
        while (underWay.size > 0) await Promise.all(underWay)
      }
    }

    for (let lead = 0; lead < POISONED; lead++) ask(lead, Date.now())
    await pass(300)
    for (let lead = 100; lead < 120; lead++) {
      ask(lead, Date.now())
      await pass(20)
    }
    await pass(120)
    assert.is(scoredAfterS.size, 20)
    const waits = [...scoredAfterS.values()]
    assert.ok(Math.max(...waits) <= 61, `waited ${Math.max(...waits)} s`)
    // Each comes back after 45 s here, and after a call that opened the circuit only as a probe.
    const before = poisonCalls
    await pass(600)
    assert.ok(poisonCalls - before <= POISONED * 20, `${poisonCalls - before} calls`)
  } finally {
    time.uninstall()
    await fake.close()
  }
})

test('ten minutes: probes only, no attempt spent, and then the oldest lead first', async () => {
  const time = install({ toFake: ['Date'], now: new Date('2026-11-24T10:00:00Z') })
  const startedAt = Date.now()
  const fake = await fakeOpenAi()
  try {
    const scorer = scorerOf(fake)
    const llmGate = gate({ limit: LIMIT, clock: clockOf(time) })
    const called: { atSecond: number; inFlight: number }[] = []
    let down = true
    fake.respondWith(() => {
      called.push({ atSecond: (Date.now() - startedAt) / SECOND_MS, inFlight: fake.inFlight() })
      return down ? fault.status(503) : undefined
    })

    const underWay = new Set<Promise<void>>()
    const granted: number[] = []
    const scored: number[] = []
    const failedJobs: number[] = []
    let givenBack = 0

    function queue(lead: number): void {
      const permit: { current?: Permit } = {}
      const call = { workspaceId: 'w', since: lead }
      permit.current = llmGate.acquire(call, () => {
        granted.push(lead)
        const work = score(lead, permit).finally(() => underWay.delete(work))
        underWay.add(work)
      })
    }
    async function score(lead: number, permit: { current?: Permit }): Promise<void> {
      const result = await scorer.score(requestOf(`lead-${lead}`), new AbortController().signal)
      const about = { nowMs: Date.now(), lastAttempt: false, random: 0.5 }
      const answered = { type: 'answered' as const, result }
      const { effects } = advance(
        { phase: 'InFlight', awaits: 'answer', seen: 1, failures: 0 },
        answered,
        about,
      )
      for (const effect of effects) {
        if (effect.do === 'release permit') permit.current?.release(callOutcome(result))
        if (effect.do === 'write score') scored.push(lead)
        if (effect.do === 'fail job') failedJobs.push(lead)
        if (effect.do === 'give back') {
          givenBack += 1
          time.setTimeout(() => queue(lead), effect.delayMs)
        }
      }
    }
    const settle = async () => {
      while (underWay.size > 0) await Promise.all(underWay)
    }

    for (let lead = 0; lead < 20; lead++) queue(lead)
    await settle()
    const opening = called.length
    assert.ok(opening >= 5 && opening <= CALLS_TO_OPEN_MAX, `${opening} calls`)
    assert.equal(llmGate.meters().probing, true)
    for (let passedMs = 0; passedMs < OUTAGE_MS; passedMs += SECOND_MS) {
      // Messages go on coming.
      if (passedMs % (60 * SECOND_MS) === 0) queue(20 + passedMs / (60 * SECOND_MS))
      time.tick(SECOND_MS)
      await settle()
    }
    const probes = called.slice(opening)
    assert.equal(
      probes.map(({ atSecond }) => atSecond),
      [5, 15, 35, 75, 135, 195, 255, 315, 375, 435, 495, 555],
    )
    assert.ok(
      probes.every(({ inFlight }) => inFlight === 1),
      'one at a time',
    )
    assert.is(givenBack, called.length, 'each failed call gave its job back')
    assert.equal(scored, [])

    down = false
    granted.length = 0
    for (let seconds = 0; seconds < 60 && scored.length < 30; seconds++) {
      time.tick(SECOND_MS)
      await settle()
    }
    const everyLead = Array.from({ length: 30 }, (_, lead) => lead)
    assert.equal(granted, everyLead, 'the longest unscored lead first')
    assert.equal(
      [...scored].sort((a, b) => a - b),
      everyLead,
    )
    assert.equal(failedJobs, [], 'no attempt is spent')
    assert.is(llmGate.meters().limit, LIMIT)
  } finally {
    time.uninstall()
    await fake.close()
  }
})

test.run()
