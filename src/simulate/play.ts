/**
 * The simulation inside of the service: the stream of `npm run simulate`, in the providers' formats,
 * handed to the intake behind the front door. It needs no token, no connection and no address.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Intake, IntakeAnswer } from '../actors/intake.ts'
import { providerFor } from '../domain/channels/registry.ts'
import { reportSimulation, type SimulationState } from '../domain/simulation.ts'
import type { Sql } from '../domain/sql.ts'
import { type Delivery, renderStream } from './deliveries.ts'
import { formats } from './payloads/formats.ts'
import { planStream, type StreamOptions } from './schedule.ts'

/** Sent in one workspace, with which to report. */
export interface SimulationToPlay {
  workspaceId: string
  runId: string
  deliveries: Delivery[]
}

export interface SimulationPlayer {
  play(simulation: SimulationToPlay): void
  /** Ends what is playing, and says so in the database. */
  stop(): Promise<void>
}

export interface PlayerOptions {
  store: Sql
  intake: Intake
  publicUrl(): string
  log: { error(details: object, message: string): void }
}

const REPORT_MS = 1000
const ATTEMPTS_MAX = 4
const RETRY_MS = 500
const SEEDS = 2 ** 32 - 1

/** Conversations that nobody has seen, of people who do not exist. */
export function composeSimulation(options: Omit<StreamOptions, 'seed'>): Delivery[] {
  const seed = randomInt(SEEDS)
  const nonce = randomBytes(8).toString('hex')
  return renderStream(planStream({ ...options, seed }), seed, { nonce, startedAt: new Date() })
}

export function simulationPlayer(options: PlayerOptions): SimulationPlayer {
  const abort = new AbortController()
  const playing = new Set<Promise<void>>()
  return {
    play(simulation) {
      const work = play(simulation, options, abort.signal)
        .catch((error: unknown) => options.log.error({ err: error }, 'simulation failed'))
        .finally(() => playing.delete(work))
      playing.add(work)
    },
    async stop() {
      abort.abort()
      await Promise.all(playing)
    },
  }
}

async function play(
  { workspaceId, runId, deliveries }: SimulationToPlay,
  { store, intake, publicUrl }: PlayerOptions,
  signal: AbortSignal,
): Promise<void> {
  const inFlight = new Set<Promise<void>>()
  let [sent, failed] = [0, 0]
  let messageIds: string[] = []
  let reporting = Promise.resolve()
  const report = (state: SimulationState, error: string | null = null) => {
    const stored = messageIds
    messageIds = []
    const told = { runId, state, sent, failed, error, messageIds: stored }
    reporting = reporting.then(() => reportSimulation(store, told))
    return reporting
  }
  // A report that fails is made up for by the next one; only the last must get through.
  const timer = setInterval(() => void report('running').catch(() => {}), REPORT_MS)
  const count = (answer: IntakeAnswer) => {
    sent += 1
    if (answer.status === 'unavailable' || answer.status === 'malformed') failed += 1
    if ('messageId' in answer) messageIds.push(answer.messageId)
  }
  try {
    const startedAt = performance.now()
    for (const delivery of deliveries) {
      await sleep(Math.max(0, startedAt + delivery.atMs - performance.now()), undefined, { signal })
      const to = { workspaceId, runId, publicUrl }
      const sending = insist(() => deliver(intake, to, delivery), signal)
        .then(count)
        .finally(() => inFlight.delete(sending))
      inFlight.add(sending)
    }
    await Promise.all(inFlight)
    clearInterval(timer)
    await report('done')
  } catch (error) {
    clearInterval(timer)
    await Promise.allSettled([...inFlight, reporting])
    reporting = Promise.resolve()
    await report(signal.aborted ? 'stopped' : 'failed', signal.aborted ? null : 'internal error')
    if (!signal.aborted) throw error
  }
}

/** As providers do: what was not stored is sent again. */
async function insist(
  send: () => Promise<IntakeAnswer>,
  signal: AbortSignal,
): Promise<IntakeAnswer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await send()
    if (answer.status !== 'unavailable' || attempt >= ATTEMPTS_MAX || signal.aborted) return answer
    await sleep(RETRY_MS * attempt)
  }
}

async function deliver(
  intake: Intake,
  { workspaceId, runId, publicUrl }: { workspaceId: string; runId: string; publicUrl(): string },
  { format, body, contentType }: Delivery,
): Promise<IntakeAnswer> {
  const { channel, provider: name } = formats[format]
  const provider = providerFor(channel, name)
  if (!provider) throw new Error(`no provider ${name} on ${channel}`)
  return intake.accept(
    { id: runId, workspaceId, channel, provider, signature: null },
    {
      rawBody: Buffer.from(body),
      headers: { 'content-type': contentType ?? undefined },
      url: `${publicUrl()}/webhooks/${channel}`,
      receivedAt: new Date(),
      connectionId: runId,
    },
    // Its refusals are no news to anybody.
    { keep: false },
  )
}
