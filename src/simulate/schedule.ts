/**
 * The stream: who says what when, and by which provider it arrives. A function of seed and options
 * alone; ids, addresses and clock times are added when it is rendered (`deliveries.ts`).
 */

import { scripts } from './conversations.ts'
import { converse, type Talk } from './dialogue.ts'
import type { Happening } from './happening.ts'
import { formatNames, type Outcome } from './payloads/format.ts'
import { formats, nextFormats } from './payloads/formats.ts'
import { createPersonas, type Persona } from './people.ts'
import { createDeck, createRandom, type Random } from './random.ts'

export interface StreamOptions {
  leads: number
  /** Webhooks per second. */
  rate: number
  seconds: number
  seed: number
}

export interface Stream {
  personas: Persona[]
  /** In the order of time; an original always comes before what repeats it. */
  happenings: Happening[]
  /** Leads that say something: fewer than asked for when there are too few webhooks. */
  writers: number
}

/** Of all webhooks, how many are spent on talk, before second events and repetitions. */
const TALK_SHARE = 0.74
const SECOND_SHARE = 0.07
const AGAIN_SHARE = 0.07
/** Talk starts until here, as a share of the run. */
const START_UNTIL = 0.85
const NEXT_FORMAT_CHANCE = 0.3

export function planStream(options: StreamOptions): Stream {
  const random = createRandom(options.seed)
  const personas = createPersonas(random, options.leads)
  const total = Math.max(1, Math.round(options.rate * options.seconds))
  const endMs = options.seconds * 1000
  const talks = openTalks(random, personas, Math.ceil(total * TALK_SHARE), endMs)
  const said = talks.flatMap((talk) => talk.happenings).slice(0, total)
  const planned = [...said]
  const add = (happening: Happening) => {
    if (planned.length < total) planned.push({ ...happening, id: planned.length })
  }
  // Ids are the order of making; whatever refers to another happening is made after it.
  for (const happening of secondEvents(random, said, Math.ceil(total * SECOND_SHARE), endMs)) {
    add(happening)
  }
  for (const happening of redeliveries(random, planned, Math.ceil(total * AGAIN_SHARE), endMs)) {
    add(happening)
  }
  addNoise(random, planned, total, endMs)
  planned.sort((a, b) => a.atMs - b.atMs || a.id - b.id)
  return { personas, happenings: planned, writers: talks.length }
}

/** One conversation per lead while the budget lasts; what is left goes to follow-ups. */
function openTalks(random: Random, personas: Persona[], budget: number, endMs: number): Talk[] {
  const formatDeck = createDeck(random, formatNames)
  const scriptDeck = createDeck(random, scripts)
  const talks: Talk[] = []
  let count = 0
  for (const persona of personas) {
    const format = formatDeck.deal()
    let script = scriptDeck.deal()
    while (script.mailOnly && !formats[format].payloads.bounce) script = scriptDeck.deal()
    const startMs = random.next() * endMs * START_UNTIL
    const talk = converse(random, { persona, format, script, startMs, endMs, firstId: count })
    if (talks.length > 0 && count + talk.happenings.length > budget) break
    count += talk.happenings.length
    talks.push(talk)
  }
  const open = talks.filter((talk) => !talk.ended)
  while (count < budget && open.length > 0) {
    const talk = random.pick(open)
    if (random.chance(NEXT_FORMAT_CHANCE)) talk.format = random.pick(nextFormats[talk.format])
    const added = talk.followUp(random, count)
    count += added
    if (talk.ended) open.splice(open.indexOf(talk), 1)
  }
  return talks
}

function secondEvents(random: Random, said: Happening[], count: number, endMs: number) {
  const candidates = said.flatMap((happening) => {
    const { occasion, format, id } = happening
    const second = occasion === 'noise' ? undefined : formats[format].second[occasion]
    // Nobody marks a refusal as interest.
    const fits = occasion !== 'reply' || positiveScripts.has(happening.script)
    if (!second || !fits) return []
    const atMs = later(random, happening, endMs)
    return [{ ...happening, atMs, outcome: second.outcome, as: 'second', original: id } as const]
  })
  return random.shuffled(candidates).slice(0, count)
}

const positiveScripts = new Set(
  scripts.filter(({ score }) => score.intent >= 3).map(({ name }) => name),
)
const stored: ReadonlySet<Outcome> = new Set(['message', 'auto_reply', 'opt_out', 'bounce', 'echo'])

/** A provider that missed our answer sends the same bytes again. */
function redeliveries(random: Random, planned: Happening[], count: number, endMs: number) {
  const candidates = planned.filter(({ outcome }) => stored.has(outcome))
  return random
    .shuffled(candidates)
    .slice(0, count)
    .map((happening) => ({
      ...happening,
      atMs: later(random, happening, endMs),
      outcome: 'duplicate' as const,
      as: 'again' as const,
      original: happening.id,
    }))
}

function later(random: Random, { atMs }: Happening, endMs: number): number {
  return Math.min(endMs, atMs + random.between(300, 4000))
}

/** Fills the quietest of a few moments each time, so that the rate comes out even. */
function addNoise(random: Random, planned: Happening[], total: number, endMs: number): void {
  const base = planned.filter(({ format }) => formats[format].noise.length > 0)
  const perSecond = new Map<number, number>()
  const secondOf = (atMs: number) => Math.floor(atMs / 1000)
  const countIn = (atMs: number) => perSecond.get(secondOf(atMs)) ?? 0
  const mark = (atMs: number) => perSecond.set(secondOf(atMs), countIn(atMs) + 1)
  for (const { atMs } of planned) mark(atMs)
  const names = createDeck(
    random,
    formatNames.filter((name) => formats[name].noise.length > 0),
  )
  while (planned.length < total) {
    const moments = Array.from({ length: 5 }, () => random.next() * endMs)
    const atMs = moments.reduce((best, moment) => (countIn(moment) < countIn(best) ? moment : best))
    mark(atMs)
    const about = random.pick(base.length > 0 ? base : planned)
    const format = base.length > 0 ? about.format : names.deal()
    const id = planned.length
    planned.push({
      ...about,
      id,
      atMs,
      format,
      occasion: 'noise',
      message: id,
      answers: null,
      outcome: 'ignored',
      as: 'first',
      original: null,
      variant: Math.floor(random.next() * formats[format].noise.length),
    })
  }
}
