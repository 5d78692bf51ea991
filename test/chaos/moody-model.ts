/**
 * The fake OpenAI server in a bad mood: some calls fail in every way the notes know, the others take
 * their time. Watches that no lead ever has two calls open at once, and tells whose calls are open.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createDeck, type Random } from '../../src/simulate/random.ts'
import {
  type FakeAnswer,
  type FakeCall,
  type FakeOpenAi,
  fakeOpenAi,
  fault,
} from '../support/fake-openai.ts'
import type { Belongings } from './belongings.ts'

/** Names the process that calls; the SDK adds what OPENAI_CUSTOM_HEADERS says. */
const PROCESS_HEADER = 'x-chaos-process'

export interface MoodyModel {
  /** Environment of a process that is to be known by this name. */
  env(processName: string): NodeJS.ProcessEnv
  /** From now on every call is answered well. */
  calmDown(): void
  /** Of scoring. */
  callCount(): number
  faultCount(): number
  /** Of every kind. */
  callsOf(processName: string): number
  /** Leads (by their reference in the prompt) with an open call, of one process or of all. */
  inFlight(processName?: string): string[]
  /** A call of this lead came in. */
  onCall(listener: (leadRef: string, processName: string) => void): void
  /** One line per call that began while another of its lead was open. */
  overlaps: string[]
  /** Requests that the real API would refuse. */
  breaches: string[]
  close(): Promise<void>
}

export interface Mood {
  /** Share of calls that go wrong. */
  faults: number
  latencyMs: [min: number, max: number]
  /** Of what is asked about a single message; as long as a scoring call unless it says otherwise. */
  messageLatencyMs?: [min: number, max: number]
  timeoutMs: number
}

export const usualMood: Mood = { faults: 0.15, latencyMs: [30, 500], timeoutMs: 1200 }

/** Each round of the deck holds every fault, the cheap ones more often. */
const deckOfFaults: (() => FakeAnswer)[] = [
  () => fault.status(503),
  () => fault.status(500),
  () => fault.status(429, { code: 'rate_limit_exceeded' }, { 'retry-after': '1' }),
  () => fault.status(429, { code: 'rate_limit_exceeded' }, { 'retry-after': '2' }),
  () => fault.stalledBody(),
  () => fault.stalledHeaders(),
  () => fault.resetMidBody(),
  () => fault.resetBeforeHeaders(),
  () => fault.invalidJson(),
  () => fault.wrongSchema(),
  () => fault.notJsonText(),
  () => fault.incomplete(),
  () => fault.html(),
]

export async function moodyModel(
  random: Random,
  mood: Mood,
  belongings: Belongings,
): Promise<MoodyModel> {
  const faults = createDeck(random, deckOfFaults)
  const listeners: ((leadRef: string, processName: string) => void)[] = []
  const overlaps: string[] = []
  const open = new Set<FakeCall>()
  let calm = false
  let faultCount = 0
  const isOpen = (call: FakeCall) => call.status === null && !call.abandoned
  const openCalls = () => {
    for (const call of open) if (!isOpen(call)) open.delete(call)
    return [...open]
  }

  const fake: FakeOpenAi = await fakeOpenAi({
    async script(call) {
      const { leadRef } = call
      // Post-processing asks of one message, and may do so while its lead is scored.
      if (isScoring(call) && leadRef !== null) {
        const other = openCalls().find((each) => each.leadRef === leadRef)
        if (other) {
          overlaps.push(`lead ${leadRef}: ${processOf(call)} called while ${processOf(other)} did`)
        }
        open.add(call)
        for (const listener of listeners) listener(leadRef, processOf(call))
      }
      const goesWrong = !calm && random.chance(mood.faults)
      const answer = goesWrong ? faults.deal()() : undefined
      if (goesWrong) faultCount += 1
      const { latencyMs, messageLatencyMs = latencyMs } = mood
      await delay(random.between(...(isScoring(call) ? latencyMs : messageLatencyMs)))
      return answer
    },
  })
  const close = belongings.add(fake.close)
  return {
    env: (processName) => ({
      OPENAI_API_KEY: fake.apiKey,
      OPENAI_BASE_URL: fake.url,
      OPENAI_TIMEOUT_MS: String(mood.timeoutMs),
      OPENAI_CUSTOM_HEADERS: `${PROCESS_HEADER}: ${processName}`,
    }),
    calmDown() {
      calm = true
    },
    callCount: () => fake.calls.filter(isScoring).length,
    faultCount: () => faultCount,
    callsOf: (name) => fake.calls.filter((call) => processOf(call) === name).length,
    inFlight: (name) =>
      openCalls()
        .filter((call) => name === undefined || processOf(call) === name)
        .map(({ leadRef }) => leadRef as string),
    onCall: (listener) => void listeners.push(listener),
    overlaps,
    breaches: fake.breaches,
    close,
  }
}

const processOf = (call: FakeCall) => String(call.headers[PROCESS_HEADER] ?? 'a process')
const isScoring = (call: FakeCall) => call.request.text?.format?.name === 'lead_score'
