/**
 * A small model of what surrounds the lead scorer, in virtual time: the leads' rows, the queue (one
 * waiting, one retry and one active job per lead, fenced by the attempt), leases, and processes that
 * each have a gate. It drives the real phase table, the real gate and the real rules for crashes,
 * and throws where an invariant of scoring breaks.
 */
import * as assert from 'uvu/assert'
import { callOutcome } from '../../src/actors/call-pace.ts'
import { crashParks } from '../../src/actors/crashed-job.ts'
import { type Gate, gate, type Permit } from '../../src/actors/gate.ts'
import {
  advance,
  type FailedAttempt,
  type LeadEffect,
  type LeadEvent,
  type LeadState,
} from '../../src/domain/scoring/lead-phases.ts'
import type { ScoringResult } from '../../src/domain/scoring/score.ts'
import { isDatabaseAway } from '../../src/domain/sql.ts'
import { SCORING_QUEUE } from '../../src/job-queues.ts'
import { type ClaimedJob, isLastAttempt, StaleClaimError } from '../../src/jobs.ts'
import { createRandom } from '../../src/simulate/random.ts'
import { type Witness, witness } from './scoring-witness.ts'

export const QUIET_MS = 3000
export const MAX_WAIT_MS = 15_000
export const LLM_LIMIT = 2
const RETRY_LIMIT = 8
/** After an event: something follows that nobody waits for, as a late timer or a second result. */
const STRAY_CHANCE = 0.05
/** While the snapshot is read: the lead is disqualified just then, or no longer. */
const TURN_CHANCE = 0.05
const LEASE_MS = 6000
const SWEEP_MS = 60_000
/** Slower reads would only shift every time below by as much. */
export const READ_MS_MAX = 40
/** Under the lease: what a frozen process had asked is over before another one takes its lead. */
const CALL_MS_MAX = 5000
/** A schedule takes some hundreds; one that reaches this goes round in a circle. */
const EVENTS_MAX = 100_000

/** What is always wrong with a lead. */
export type LeadKind = 'sound' | 'refused' | 'invalid' | 'poison' | 'disqualified' | 'outbound only'

export interface ModelOptions {
  seed: number
  kinds: LeadKind[]
  processes: number
  /** 0 to 1: how often a call, or a step of the database, goes wrong while faults last. */
  faults: number
  /** Instant after which nothing goes wrong by chance any more. */
  faultsUntilMs: number
}

export interface ModelLead {
  id: string
  kind: LeadKind
  messageSeq: number
  scoredSeq: number
  /** Of each message_seq from 1. */
  receivedAt: number[]
  error: string | null
  parked: boolean
  /** The person was erased: no row, no job. */
  gone: boolean
  touchedAt: number
  jobs: ModelJob[]
  /** What each score that was written covers. */
  scores: number[]
  calls: number
  /** Since its last score. */
  failures: number
}

interface ModelJob extends ClaimedJob {
  lead: ModelLead
  state: 'created' | 'retry' | 'active' | 'completed' | 'failed'
  dueAt: number
  started: boolean
  /** Whose heartbeat renews the lease. */
  holder: Scorer | null
}

interface Scorer {
  job: ModelJob
  claim: ClaimedJob
  process: Process
  claimedAt: number
  state: LeadState
  /** False from its end on: nothing that comes later reaches it. */
  alive: boolean
  permit: Permit | undefined
  calling: boolean
  /** Has asked for a permit since it was claimed. */
  asked: boolean
  witness: Witness
}

interface Process {
  gate: Gate
  scorers: Set<Scorer>
  alive: boolean
  /** Stopped by the system, with what fell due meanwhile. */
  frozen: { settle: boolean; run: () => void }[] | null
}

export type Counts = Record<
  | 'scored'
  | 'parked'
  | 'kills'
  | 'stale'
  | 'crashes'
  | 'outages'
  | 'invalid'
  | 'evictions'
  | 'broken'
  | 'atMaxWait'
  | 'strays'
  | 'jittered'
  | 'covered'
  | 'turned'
  | 'erased',
  number
>

export function scoringModel(options: ModelOptions, counts: Counts) {
  const random = createRandom(options.seed)
  let now = 0
  let order = 0
  const agenda: { at: number; order: number; run: () => void }[] = []
  const leads = options.kinds.map((kind, index): ModelLead => {
    const none = { receivedAt: [], jobs: [], scores: [] }
    const row = { messageSeq: 0, scoredSeq: 0, error: null, touchedAt: 0, calls: 0, failures: 0 }
    return { id: `lead-${index}`, kind, parked: false, gone: false, ...row, ...none }
  })
  const processes = Array.from({ length: options.processes }, newProcess)
  const faulty = () => now < options.faultsUntilMs && random.chance(options.faults)

  function at(ms: number, run: () => void): () => void {
    const entry = { at: now + ms, order: order++, run }
    agenda.push(entry)
    return () => {
      entry.run = () => {}
    }
  }

  /** For what happens inside a process: not after its death, and late while it is frozen. */
  function within(process: Process, ms: number, run: () => void, settle = false): () => void {
    const due = () => {
      if (!process.alive) return
      if (process.frozen) process.frozen.push({ settle, run })
      else run()
    }
    return at(ms, due)
  }

  function newProcess(): Process {
    const process: Process = {
      gate: gate({
        limit: LLM_LIMIT,
        clock: { now: () => now, after: (ms, run) => within(process, ms, run) },
      }),
      scorers: new Set(),
      alive: true,
      frozen: null,
    }
    return process
  }

  const inState = (lead: ModelLead, state: ModelJob['state']) =>
    lead.jobs.find((job) => job.state === state)

  function enqueue(lead: ModelLead): void {
    if (lead.gone || inState(lead, 'created')) return
    lead.jobs.push({
      queue: SCORING_QUEUE,
      id: `job-${order++}`,
      attempt: 0,
      attemptsMax: RETRY_LIMIT,
      priority: 0,
      data: { workspaceId: lead.id.slice(-1), leadId: lead.id },
      lead,
      state: 'created',
      dueAt: now,
      started: false,
      holder: null,
    })
    claimSoon(lead, 0)
  }

  const claimSoon = (lead: ModelLead, ms: number) => void at(ms, () => claim(lead))

  function claim(lead: ModelLead): void {
    const ready = processes.filter(({ alive, frozen }) => alive && !frozen)
    const job = lead.jobs.find(
      ({ state, dueAt }) => (state === 'created' || state === 'retry') && dueAt <= now,
    )
    if (!job || inState(lead, 'active') || ready.length === 0) return
    if (job.started) job.attempt += 1
    job.started = true
    job.state = 'active'
    const { queue, id, attempt, attemptsMax, priority, data } = job
    const claim: ClaimedJob = { queue, id, attempt, attemptsMax, priority, data }
    const scorer: Scorer = {
      job,
      claim,
      witness: witness(isLastAttempt(claim)),
      process: random.pick(ready),
      claimedAt: now,
      state: { phase: 'Idle' },
      alive: true,
      permit: undefined,
      calling: false,
      asked: false,
    }
    job.holder = scorer
    scorer.process.scorers.add(scorer)
    tell(scorer, { type: 'claimed' })
  }

  /** Of this very claim: the job may be another worker's by now. */
  const holds = ({ job, claim: { attempt } }: Scorer) =>
    job.state === 'active' && job.attempt === attempt

  function move(job: ModelJob, state: ModelJob['state'], delayMs = 0): void {
    job.state = state
    job.dueAt = now + delayMs
    claimSoon(job.lead, 0)
    if (delayMs > 0) claimSoon(job.lead, delayMs)
    const live = job.lead.jobs.filter((each) => ['created', 'retry', 'active'].includes(each.state))
    assert.is(new Set(live.map((each) => each.state)).size, live.length, 'one job per state')
    job.lead.jobs = live
  }

  function complete(scorer: Scorer): void {
    if (!holds(scorer)) throw new StaleClaimError(scorer.job.id)
    move(scorer.job, 'completed')
  }

  function release(scorer: Scorer, delayMs: number) {
    if (!holds(scorer)) return
    if (inState(scorer.job.lead, 'created')) return move(scorer.job, 'completed')
    scorer.job.started = false
    move(scorer.job, 'created', delayMs)
  }

  function fail(scorer: Scorer, terminal: boolean) {
    const { job } = scorer
    if (!holds(scorer)) return
    if (!terminal && inState(job.lead, 'retry')) return move(job, 'completed')
    if (terminal || job.attempt >= job.attemptsMax) return move(job, 'failed')
    move(job, 'retry', Math.min(300_000, 2000 * 2 ** job.attempt))
  }

  function recordFailure(lead: ModelLead, reason: string, parked: boolean): void {
    if (lead.gone || lead.messageSeq <= lead.scoredSeq) return
    lead.error = reason
    if (parked) {
      lead.parked = true
      counts.parked++
    }
  }

  function tell(scorer: Scorer, event: LeadEvent): void {
    if (!scorer.alive) return
    const about = { nowMs: now, lastAttempt: isLastAttempt(scorer.claim), random: random.next() }
    const next = advance(scorer.state, event, about)
    scorer.witness.saw(event, scorer.state, next, now)
    scorer.state = next.state
    for (const effect of next.effects) carryOut(scorer, effect)
    checkWait(scorer)
    if (scorer.alive && event.type !== 'stopped' && random.chance(STRAY_CHANCE)) {
      counts.strays++
      tell(scorer, random.pick(strayEvents.filter(scorer.witness.isStray)))
    }
  }

  /** Nobody sits in the quiet window for longer than the maximum wait. */
  function checkWait({ state, asked, claimedAt, job: { lead } }: Scorer): void {
    const first = lead.receivedAt[lead.scoredSeq]
    if (state.phase !== 'Quiet' || asked || first === undefined) return
    const latest = Math.max(claimedAt, first + MAX_WAIT_MS) + 2 * READ_MS_MAX
    assert.ok(now <= latest, `${lead.id} waits at ${now}, should have asked by ${latest}`)
  }

  /** A step that takes time; what it throws comes back as a crash. */
  function step<T>(
    scorer: Scorer,
    work: () => T,
    done: (result: T) => LeadEvent,
    settle = false,
  ): void {
    const late = 1 + random.next() * (READ_MS_MAX / 2 - 1)
    const act = () => {
      let event: LeadEvent
      try {
        if (faulty()) throw random.chance(0.5) ? away() : new TypeError('a bug')
        event = done(work())
      } catch (error) {
        // A broken invariant of the model itself is no crash of the scorer.
        if ((error as Error).name === 'Assertion') throw error
        const stale = error instanceof StaleClaimError
        counts[stale ? 'stale' : 'crashes']++
        event = { type: 'crashed', error, stale, parks: crashParks(scorer.claim, error) }
      }
      within(scorer.process, late, () => tell(scorer, event), settle)
    }
    // What was sent to the database happens, also when the scorer is ended meanwhile.
    within(scorer.process, late, act, settle)
  }

  const settled = (): LeadEvent => ({ type: 'settled' })

  function carryOut(scorer: Scorer, effect: LeadEffect): void {
    const { lead } = scorer.job
    switch (effect.do) {
      case 'read window':
        step(
          scorer,
          () => windowOf(lead),
          (window) => ({ type: 'window', window }),
        )
        break
      case 'arm timer':
        within(scorer.process, effect.ms, () => tell(scorer, { type: 'due' }))
        break
      case 'acquire permit':
        acquire(scorer, effect.since)
        break
      case 'read snapshot':
        if (random.chance(TURN_CHANCE)) turn(lead)
        step(
          scorer,
          () => {
            // As `begin` does where a process died of the job before.
            if (!holds(scorer)) throw new StaleClaimError(scorer.job.id)
            return snapshotOf(lead)
          },
          (input) => ({ type: 'snapshot', input }),
        )
        break
      case 'ask':
        ask(scorer)
        break
      case 'release permit':
        assert.ok(scorer.permit, 'gives back what it never asked for')
        scorer.permit.release(effect.result ? callOutcome(effect.result) : undefined)
        break
      case 'end job':
        step(scorer, () => complete(scorer), settled, true)
        break
      case 'write score':
        step(scorer, () => write(scorer, effect.score.seen), settled, true)
        break
      case 'give back':
        if (effect.delayMs > 5000 && effect.delayMs < 10_000) counts.jittered++
        inTwo(scorer, effect.attempt, false, () => release(scorer, effect.delayMs))
        break
      case 'fail job':
        inTwo(scorer, effect.attempt, effect.parked, () => fail(scorer, effect.terminal))
        break
      case 'fail crashed':
        failCrashed(scorer, effect.error)
        break
      case 'end':
        end(scorer)
        break
    }
  }

  function acquire(scorer: Scorer, since: number): void {
    const { lead, data } = scorer.job
    const first = lead.receivedAt[lead.scoredSeq] ?? now
    const latest = Math.max(scorer.claimedAt, first + MAX_WAIT_MS) + 2 * READ_MS_MAX
    if (!scorer.asked) assert.ok(now <= latest, `${lead.id} asked at ${now}, due by ${latest}`)
    if (now >= first + MAX_WAIT_MS) counts.atMaxWait++
    scorer.asked = true
    const call = { workspaceId: data.workspaceId, since }
    // As in an actor: what is granted at once arrives as the next message.
    scorer.permit = scorer.process.gate.acquire(call, () => {
      within(scorer.process, 0, () => tell(scorer, { type: 'permit' }))
    })
  }

  function windowOf(lead: ModelLead) {
    if (lead.gone) return null
    const newest = lead.receivedAt.at(-1) ?? now
    const oldest = lead.receivedAt[lead.scoredSeq] ?? now
    return {
      covered: lead.scoredSeq >= lead.messageSeq,
      disqualified: lead.kind === 'disqualified',
      dueInMs: Math.min(QUIET_MS - (now - newest), MAX_WAIT_MS - (now - oldest)),
      unscoredForMs: now - oldest,
      failures: lead.failures,
    }
  }

  function snapshotOf(lead: ModelLead) {
    if (lead.gone) return null
    if (lead.kind === 'poison') throw new RangeError('always')
    return {
      seen: lead.messageSeq,
      scoredSeq: lead.scoredSeq,
      readAt: new Date(0),
      disqualifiedReason: lead.kind === 'disqualified' ? 'Bounced' : null,
      hasInbound: lead.kind !== 'outbound only',
      // The table hands the request on and never looks into it.
      request: {} as never,
    }
  }

  function ask(scorer: Scorer): void {
    const { lead } = scorer.job
    lead.calls += 1
    scorer.calling = true
    assert.is(lead.calls, 1, `${lead.id} has ${lead.calls} calls at once`)
    const { held, limitMax } = scorer.process.gate.meters()
    const calls = [...scorer.process.scorers].filter(({ calling }) => calling).length
    assert.ok(calls <= held && held <= limitMax, `${calls} calls with ${held} of ${limitMax}`)
    const result = answer(lead)
    at(1 + random.next() * (CALL_MS_MAX - 1), () => {
      endCall(scorer)
      // After a freeze the answer may be read before the fence falls: its write must be refused.
      within(scorer.process, 0, () => tell(scorer, { type: 'answered', result }), true)
    })
  }

  function endCall(scorer: Scorer): void {
    if (scorer.calling) scorer.job.lead.calls -= 1
    scorer.calling = false
  }

  function answer(lead: ModelLead): ScoringResult {
    const none = { interactions: [], terminal: false, retryAfterMs: null }
    if (lead.kind === 'refused') {
      // By the model, or for wrong credentials.
      const outcome = random.pick(['refused', 'error'] as const)
      return { outcome, reason: 'no', ...none, terminal: true }
    }
    if (lead.kind === 'invalid') return invalid()
    if (faulty()) {
      counts.outages++
      const outcome = random.pick(['timeout', 'rate_limited', 'error', 'invalid'] as const)
      if (outcome === 'invalid') return invalid()
      if (outcome !== 'rate_limited') lead.failures += 1
      const retryAfterMs = outcome === 'rate_limited' && random.chance(0.5) ? 20_000 : null
      return { outcome, reason: outcome, ...none, retryAfterMs }
    }
    const scores = { fitScore: 3, intentScore: 3, overallScore: 3, reasoning: 'r' } as const
    const given = { scores, model: 'm', promptVersion: 'p', interactions: [] }
    return { outcome: 'ok', ...given, provisional: random.chance(0.2) }

    function invalid(): ScoringResult {
      counts.invalid++
      return { outcome: 'invalid', reason: 'not a score', ...none }
    }
  }

  function write(scorer: Scorer, seen: number): void {
    const { lead } = scorer.job
    complete(scorer)
    // The row's own guard would hide it; whoever holds the claim must not need it.
    assert.ok(seen > lead.scoredSeq, `${lead.id}: ${seen} would overwrite ${lead.scoredSeq}`)
    scored(lead, seen)
    counts.scored++
  }

  function scored(lead: ModelLead, seen: number): void {
    lead.scoredSeq = seen
    lead.scores.push(seen)
    lead.failures = 0
    lead.error = null
    lead.parked = false
  }

  /** First what people see, then the end of the job: a death may come in between. */
  function inTwo(
    scorer: Scorer,
    { reason }: Pick<FailedAttempt, 'reason'>,
    parked: boolean,
    last: () => void,
  ): void {
    const first = () => {
      recordFailure(scorer.job.lead, reason, parked)
      step(scorer, last, settled, true)
    }
    within(scorer.process, random.next() * READ_MS_MAX, first, true)
  }

  function failCrashed(scorer: Scorer, error: unknown): void {
    if (isDatabaseAway(error)) {
      step(scorer, () => release(scorer, 2000), settled, true)
      return
    }
    const parks = crashParks(scorer.claim, error)
    inTwo(scorer, { reason: `crashed: ${error}` }, parks, () => fail(scorer, parks))
  }

  function end(scorer: Scorer): void {
    if (!scorer.alive) return
    tell(scorer, { type: 'stopped' })
    endCall(scorer)
    scorer.alive = false
    scorer.process.scorers.delete(scorer)
    loseClaim(scorer)
  }

  /** Nobody renews it: due again once the lease is over, as `reclaimOrphans` does it. */
  function loseClaim(scorer: Scorer): void {
    at(LEASE_MS, () => {
      const { job } = scorer
      // Given back and claimed again it has the same attempt, but somebody who renews it.
      if (job.state !== 'active' || job.holder !== scorer) return
      if (inState(job.lead, 'retry')) return move(job, 'completed')
      job.attemptsMax += 1
      move(job, 'retry')
    })
  }

  function sweep(parkedToo: boolean): void {
    for (const lead of leads) {
      const quiet = now - lead.touchedAt > SWEEP_MS
      if (lead.gone || lead.scoredSeq >= lead.messageSeq || !quiet || (lead.parked && !parkedToo))
        continue
      lead.touchedAt = now
      enqueue(lead)
    }
  }

  function change(lead: ModelLead): void {
    lead.messageSeq += 1
    lead.receivedAt.push(now)
    lead.touchedAt = now
  }

  function turn(lead: ModelLead): void {
    if (lead.gone || !(lead.kind === 'sound' || lead.kind === 'disqualified')) return
    lead.kind = lead.kind === 'sound' ? 'disqualified' : 'sound'
    change(lead)
    enqueue(lead)
    counts.turned++
  }

  const model = {
    /** `lost`: the job that should follow is not sent; only the sweep can help. */
    message(index: number, lost: boolean): void {
      const lead = leads[index % leads.length] as ModelLead
      if (lead.gone) return
      change(lead)
      if (!lost) at(random.next() * 200, () => enqueue(lead))
    },
    /** Disqualified, or no longer: perhaps while a scorer is at it. */
    turn(index: number): void {
      turn(leads[index % leads.length] as ModelLead)
    },
    erase(index: number): void {
      const lead = leads[index % leads.length] as ModelLead
      if (lead.gone) return
      lead.gone = true
      for (const job of lead.jobs) job.state = 'completed'
      lead.jobs = []
      counts.erased++
    },
    /** A score that its own scorer did not make: what it then reads is covered. */
    cover(index: number): void {
      const scorer = scorerOf(index)
      const lead = scorer?.job.lead
      if (!lead || !scorer.witness.waits() || lead.scoredSeq >= lead.messageSeq) return
      scored(lead, lead.messageSeq)
      counts.covered++
    },
    /** SIGKILL, and another process in its place. */
    kill(index: number): void {
      const place = index % processes.length
      const old = processes[place] as Process
      old.alive = false
      for (const scorer of old.scorers) {
        endCall(scorer)
        scorer.alive = false
        loseClaim(scorer)
      }
      processes[place] = newProcess()
      counts.kills++
      sweep(true)
    },
    /** SIGSTOP until its claims are another's; what it had under way fails, then its fence falls. */
    freeze(index: number): void {
      const process = processes[index % processes.length] as Process
      if (process.frozen) return
      process.frozen = []
      for (const scorer of process.scorers) loseClaim(scorer)
      at(LEASE_MS * 2, () => {
        const due = process.frozen ?? []
        process.frozen = null
        for (const { settle, run } of due) if (settle) run()
        for (const scorer of [...process.scorers]) if (!holds(scorer)) end(scorer)
        for (const { settle, run } of due) if (!settle) run()
        for (const lead of leads) claim(lead)
      })
    },
    /** The scorer of a lead is ended where it stands; `orderly`: its job is given back. */
    evict(index: number, orderly: boolean): void {
      const scorer = scorerOf(index)
      if (!scorer) return
      counts.evictions++
      if (orderly) release(scorer, 0)
      end(scorer)
    },
    /** The actor around the table throws: its state is not asked, the job fails. */
    break(index: number): void {
      const scorer = scorerOf(index)
      if (!scorer) return
      counts.broken++
      failCrashed(scorer, new TypeError('a bug'))
      end(scorer)
    },
    /** Runs all that is due within the next `ms`, or, without, until nothing is left to do. */
    run(ms = Number.POSITIVE_INFINITY): void {
      const limit = now + ms
      for (let events = 0; ; events++) {
        assert.ok(events < EVENTS_MAX, 'it never comes to rest')
        const next = soonest(agenda, limit)
        if (!next) break
        now = next.at
        next.run()
        for (const { scorers, frozen } of processes) {
          if (!frozen) for (const each of scorers) checkWait(each)
        }
      }
      if (Number.isFinite(limit)) now = limit
    },
    /** Sweeps and waits until nothing is left that a sweep would send. */
    rest(): void {
      for (let sweeps = 0; ; sweeps++) {
        assert.ok(sweeps < 20, 'a lead stays dirty for ever')
        model.run()
        now += SWEEP_MS + 1
        sweep(false)
        if (agenda.length === 0) return
      }
    },
    leads,
    gates: () => processes.map((process) => process.gate.meters()),
    held: () => processes.reduce((sum, { scorers }) => sum + scorers.size, 0),
  }

  function scorerOf(index: number): Scorer | undefined {
    const lead = leads[index % leads.length] as ModelLead
    const all = processes.filter(({ frozen }) => !frozen).flatMap(({ scorers }) => [...scorers])
    return all.find(({ job }) => job.lead === lead)
  }
  return model
}

const strayWindow = {
  covered: false,
  disqualified: false,
  dueInMs: 0,
  unscoredForMs: 0,
  failures: 0,
}
const strayInput = {
  seen: 1,
  scoredSeq: 0,
  readAt: new Date(0),
  disqualifiedReason: null,
  hasInbound: true,
}
const strayEvents: LeadEvent[] = [
  { type: 'claimed' },
  { type: 'window', window: null },
  { type: 'window', window: strayWindow },
  { type: 'due' },
  { type: 'permit' },
  { type: 'snapshot', input: null },
  { type: 'snapshot', input: { ...strayInput, request: {} as never } },
  {
    type: 'answered',
    result: {
      outcome: 'refused',
      reason: 'stray',
      terminal: true,
      retryAfterMs: null,
      interactions: [],
    },
  },
  { type: 'settled' },
]

const away = () => Object.assign(new Error('connection lost'), { code: '08006' })

/** Some dozens wait at a time: a search is quick enough. */
function soonest(agenda: { at: number; order: number; run: () => void }[], limit: number) {
  let best = -1
  for (const [index, each] of agenda.entries()) {
    const than = agenda[best]
    if (each.at > limit) continue
    if (!than || each.at < than.at || (each.at === than.at && each.order < than.order)) best = index
  }
  return best < 0 ? undefined : agenda.splice(best, 1)[0]
}
