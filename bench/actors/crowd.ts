/**
 * A crowd of leads: the service's own dispatcher, held jobs, gate, actors and lead scorers; only what
 * lies behind them (the job table, the lead's rows and the model) is in memory.
 */
import { randomUUID } from 'node:crypto'
import { type DispatcherOptions, dispatcher } from '../../src/actors/dispatcher.ts'
import { gate } from '../../src/actors/gate.ts'
import { leadScorer } from '../../src/actors/lead-scorer.ts'
import type { ScoringJob, ScoringSteps } from '../../src/actors/scoring-steps.ts'
import { actorSystem } from '../../src/actors/supervisor.ts'
import type { ScoringResult } from '../../src/domain/scoring/score.ts'
import type { ScoringInput } from '../../src/domain/scoring/scoring-input.ts'
import { SCORING_QUEUE } from '../../src/job-queues.ts'

/** What becomes of a lead: it stays in its window or at the model, or passes in one of many ways. */
export type Fate = 'rest' | 'wait' | 'score' | 'burst' | 'outage' | 'crash'

export interface CrowdJob extends ScoringJob {
  fate: Fate
  /** Windows read. */
  reads: number
}

export type Crowd = ReturnType<typeof crowd>

/** LLM_CONCURRENCY's default. */
const CALLS_MAX = 32
const REST_MS = 3_600_000
/** Windows end at different times: as many timer lists as the default quiet window has milliseconds. */
const REST_SPREAD_MS = 3000

const workspaces = Array.from({ length: 20 }, () => randomUUID())
let jobsMade = 0

export function jobOf(fate: Fate, leadId: string = randomUUID()): CrowdJob {
  const workspaceId = workspaces[jobsMade++ % workspaces.length] as string
  const data = { workspaceId, leadId }
  const id = randomUUID()
  return { queue: SCORING_QUEUE, id, attempt: 0, attemptsMax: 8, priority: 0, data, fate, reads: 0 }
}

/** `source` is read as slots get free; `heldMax`: leads active at once. */
export function crowd(source: Iterator<CrowdJob>, heldMax: number) {
  const seen = { crashes: 0, ended: 0 }
  const system = actorSystem({ onCrash: () => void seen.crashes++ })
  const llmGate = gate({ limit: CALLS_MAX })
  const scoring = {
    steps: stepsInMemory(),
    gate: llmGate,
    now: Date.now,
    random: Math.random,
    onError: () => undefined,
  }
  let current = source
  let onEnded: (() => void) | undefined
  const held = dispatcher({
    system,
    // Each workspace may hold as many as are free, so of n workspaces' slots one part in n + 1 is.
    scoringHeldMax: Math.ceil(heldMax * (1 + 1 / workspaces.length)),
    jobs: jobsInMemory(() => current),
    startPostProcess: () => undefined,
    startScoring: (job, onEnd) =>
      leadScorer(system, job, scoring, (ended) => {
        seen.ended += 1
        onEnd(ended)
        onEnded?.()
      }),
    hasTimeFor: () => true,
    isSaturated: () => false,
    random: Math.random,
    takeOverOrphans: async () => 0,
    onError: (what, error) => {
      throw new Error(`${what} failed`, { cause: error })
    },
  })
  /** Resolves as soon as `isReached`, which is asked whenever a job ends or a turn has passed. */
  const reach = async (isReached: () => boolean) => {
    held.wake(SCORING_QUEUE)
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        onEnded = resolve
        setImmediate(resolve)
      })
    }
    onEnded = undefined
  }
  return {
    seen,
    actors: () => system.meters().length,
    phases: () => held.meters().scoring,
    /** Until so many leads are in this phase, none of them with anything to do. */
    async settleIn(phase: string, count: number) {
      await reach(() => (held.meters().scoring[phase] ?? 0) >= count)
    },
    /** Sends these through; resolves when `count` of them have ended. */
    async pass(jobs: Iterator<CrowdJob>, count: number) {
      const target = seen.ended + count
      current = jobs
      await reach(() => seen.ended >= target)
    },
    async stop() {
      await held.shutdown(0)
      system.stop()
    },
  }
}

function jobsInMemory(source: () => Iterator<CrowdJob>): DispatcherOptions['jobs'] {
  return {
    exclusive: true,
    touch: async () => [],
    urgentBehind: async () => [],
    release: async () => undefined,
    async fetch(queue: string, most: number) {
      const taken: CrowdJob[] = []
      while (queue === SCORING_QUEUE && taken.length < most) {
        const next = source().next()
        if (next.done) break
        taken.push(next.value)
      }
      return asFetched(taken) as never[]
    },
  }
}

/**
 * As jobs come from the database: with texts of their own, the workspace's id as well, and each in
 * one piece. Those of `randomUUID` are chains of pieces that no fetched job would hold: 0.8 kB a lead.
 */
function asFetched(jobs: CrowdJob[]): CrowdJob[] {
  const read = JSON.parse(JSON.stringify(jobs)) as CrowdJob[]
  return read.map((job) => ({ ...job, queue: SCORING_QUEUE }))
}

const answer: ScoringResult = {
  outcome: 'ok',
  scores: { fitScore: 3, intentScore: 3, overallScore: 3, reasoning: 'in memory' },
  model: 'in-memory',
  promptVersion: 'none',
  interactions: [],
}
const outage: ScoringResult = {
  outcome: 'timeout',
  reason: 'no answer',
  terminal: false,
  retryAfterMs: null,
  interactions: [],
}

function stepsInMemory(): ScoringSteps {
  const done = async () => undefined
  /** The model is asked about a lead, and answers by its fate. */
  const fates = new WeakMap<object, Fate>()
  return {
    async readWindow(job) {
      const lead = job as CrowdJob
      lead.reads += 1
      const resting =
        lead.fate === 'rest' ? REST_MS + ((lead.reads * jobsMade) % REST_SPREAD_MS) : 0
      const dueInMs = lead.fate === 'burst' && lead.reads === 1 ? 1 : resting
      return { covered: false, disqualified: false, dueInMs, unscoredForMs: 0, failures: 0 }
    },
    async readSnapshot(job) {
      const { fate, data } = job as CrowdJob
      if (fate === 'crash') throw new Error('the row cannot be read')
      const input = inputOf(data)
      fates.set(input.request, fate)
      return input
    },
    async ask(request, signal) {
      const fate = fates.get(request)
      if (fate === 'wait') {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      }
      return fate === 'score' || fate === 'burst' ? answer : outage
    },
    endJob: done,
    writeScore: done,
    giveBack: done,
    failJob: done,
    failCrashed: done,
    account: done,
  }
}

function inputOf(data: { workspaceId: string; leadId: string }): ScoringInput {
  return {
    seen: 1,
    scoredSeq: 0,
    readAt: new Date(0),
    hasInbound: true,
    disqualifiedReason: null,
    request: {
      ...data,
      context: {
        companyName: null,
        serviceDescription: null,
        idealCustomerProfile: null,
        qualificationQuestions: [],
      },
      lead: { name: null, company: null, title: null, industry: null, headcount: null },
      transcript: [],
    },
  }
}
