/**
 * What is measured of a crowd of leads, each in a process of its own: nothing that another figure
 * left behind is counted.
 */
import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type CrowdJob, crowd, type Fate, jobOf } from './crowd.ts'

export interface MemoryFigure {
  leads: number
  phase: string
  /** Of the JavaScript heap and what it holds outside of it. */
  megabytes: number
  bytesPerLead: number
  /** Of the whole process, with the garbage that was made on the way. */
  residentMegabytes: number
}

export interface PassFigure {
  leads: number
  seconds: number
  crashes: number
  before: Remains
  after: Remains
}

export interface Remains {
  heapMegabytes: number
  timers: number
  actors: number
}

export interface CostFigure {
  liveLeads: number
  /** Processor time of the whole process, collection of garbage included. */
  usPerLead: number
  usPerMessage: number
}

/** Claimed to ended, a lead's scorer handles: window, permit, snapshot, answered, settled. */
const MESSAGES_PER_LEAD = 5
/** Of those that pass through, active at once. */
const PASSING_HELD_MAX = 1000
const WARM_UP_LEADS = 20_000
const ROUNDS = 5
const MEGABYTE = 1_000_000

/** Memory of `leads` active at once, all in their quiet window or all at the gate. */
export async function memory(leads: number, phase: 'Quiet' | 'Queued'): Promise<MemoryFigure> {
  const warmUp = crowd(repeat('score', 2000), PASSING_HELD_MAX)
  await warmUp.pass(repeat('score', 2000), 2000)
  await warmUp.stop()
  const before = await used()
  const fate = phase === 'Quiet' ? 'rest' : 'wait'
  const live = crowd(repeat(fate, leads), leads)
  // The gate's calls are in flight; all others wait for theirs.
  await live.settleIn(phase, phase === 'Quiet' ? leads : leads - 32)
  // A window that was just read is in its phase only once its timer is armed.
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  const after = await used()
  await live.stop()
  const bytes = after.heap - before.heap
  return {
    leads,
    phase,
    megabytes: round(bytes / MEGABYTE),
    bytesPerLead: Math.round(bytes / leads),
    residentMegabytes: round((after.resident - before.resident) / MEGABYTE),
  }
}

/** `leads` pass through, most scored at once or after a window, some by every other way out. */
export async function passThrough(leads: number): Promise<PassFigure> {
  const passing = crowd(repeat('score', 0), PASSING_HELD_MAX)
  const warmUp = Math.min(WARM_UP_LEADS, leads)
  await passing.pass(mixed(warmUp), endsOf(warmUp))
  const remains = async (): Promise<Remains> => ({
    heapMegabytes: round((await used()).heap / MEGABYTE),
    timers: timers(),
    actors: passing.actors(),
  })
  const before = await remains()
  const at = performance.now()
  await passing.pass(mixed(leads), endsOf(leads))
  const seconds = round((performance.now() - at) / 1000)
  const after = await remains()
  await passing.stop()
  return { leads, seconds, crashes: passing.seen.crashes, before, after }
}

/** What one more lead costs while `liveLeads` are in their quiet windows. */
export async function cost(liveLeads: number, passing: number): Promise<CostFigure> {
  const live = crowd(repeat('rest', liveLeads), liveLeads + PASSING_HELD_MAX)
  await live.settleIn('Quiet', liveLeads)
  await live.pass(repeat('score', WARM_UP_LEADS), WARM_UP_LEADS)
  const costs: number[] = []
  for (let nth = 0; nth < ROUNDS; nth++) {
    await used()
    const from = process.cpuUsage()
    await live.pass(repeat('score', passing), passing)
    const { user, system } = process.cpuUsage(from)
    costs.push((user + system) / passing)
  }
  await live.stop()
  const usPerLead = costs.toSorted((a, b) => a - b)[ROUNDS >> 1] as number
  return {
    liveLeads,
    usPerLead: round(usPerLead),
    usPerMessage: round(usPerLead / MESSAGES_PER_LEAD),
  }
}

function* repeat(fate: Fate, count: number): Generator<CrowdJob, undefined> {
  for (let nth = 0; nth < count; nth++) yield jobOf(fate)
}

/** Of 1,000: one is overtaken in its window by a newer claim, 10 each meet an outage or crash. */
function* mixed(count: number): Generator<CrowdJob, undefined> {
  let overtaken = randomUUID() as string
  for (let nth = 0; nth < count; nth++) {
    const place = nth % 1000
    if (place === 0) {
      overtaken = randomUUID()
      yield jobOf('rest', overtaken)
    } else if (place === 500) yield jobOf('score', overtaken)
    else if (place % 100 === 10) yield jobOf('outage')
    else if (place % 100 === 20) yield jobOf('crash')
    else yield jobOf(place % 10 === 5 ? 'burst' : 'score')
  }
}

/** All but those overtaken: a stopped scorer ends no job. */
const endsOf = (count: number) => count - count / 1000

async function used(): Promise<{ heap: number; resident: number }> {
  const collect = globalThis.gc
  if (!collect) throw new Error('start me with --expose-gc')
  // Twice, a turn apart: what the first one frees may hold other things through a callback.
  for (let nth = 0; nth < 2; nth++) {
    await nextTurn()
    collect()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, resident: rss }
}

const timers = () =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

const round = (figure: number) => Math.round(figure * 10) / 10
