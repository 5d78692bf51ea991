/** One lead's conversation laid out in time and in the events of the provider it runs through. */
import { followUps, type Script, type Step, spoken } from './conversations.ts'
import type { Happening } from './happening.ts'
import type { FormatName, Occasion } from './payloads/format.ts'
import { formats } from './payloads/formats.ts'
import type { Persona } from './people.ts'
import type { Random } from './random.ts'

export interface Talk {
  format: FormatName
  happenings: Happening[]
  /** Nothing more will be said. */
  ended: boolean
  /** Goes on with something not said before; answers how many happenings that added. */
  followUp(random: Random, firstId: number): number
}

interface Opening {
  persona: Persona
  format: FormatName
  script: Script
  startMs: number
  endMs: number
  firstId: number
}

const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday']
const outOfOffice =
  'I am out of the office until Monday with no access to email. For urgent matters contact the depot.'
const driving =
  "I'm driving with Do Not Disturb on. This is an automated reply, I will get back to you when I am back."

export function converse(random: Random, opening: Opening): Talk {
  const { persona, script, endMs } = opening
  const day = random.pick(days)
  const subject = spoken(script.subject, persona, day)
  const left = random.shuffled(followUps)
  let clock = opening.startMs
  let lastOfOurs: number | null = null

  const talk: Talk = {
    format: opening.format,
    happenings: [],
    ended: false,
    followUp(source, firstId) {
      const steps = left.pop() ?? []
      const added = play(source, steps, firstId)
      talk.ended = left.length === 0
      return added
    },
  }
  play(random, script.steps, opening.firstId)
  talk.ended = script.ends ?? false
  return talk

  function play(source: Random, steps: readonly Step[], firstId: number): number {
    const before = talk.happenings.length
    for (const step of steps) {
      if (talk.happenings.length > 0) clock = after(source, step.pause)
      const id = firstId + talk.happenings.length - before
      const happening = happeningOf(step, id)
      if (!happening) continue
      talk.happenings.push(happening)
      if (step.by === 'us') lastOfOurs = id
    }
    return talk.happenings.length - before
  }

  /** Pauses shrink towards the end of the run instead of leaving it. */
  function after(source: Random, pause: Step['pause']): number {
    const wanted = pause === 'soon' ? source.between(400, 1800) : source.between(0.04, 0.25) * endMs
    return clock + Math.min(wanted, (endMs - clock) / 2)
  }

  function happeningOf(step: Step, id: number): Happening | null {
    const occasion = occasionOf(step)
    const format = formats[talk.format]
    const payload = format.payloads[occasion]
    if (!payload) return null
    const away = format.channel === 'sms' ? driving : outOfOffice
    const text = step.kind === 'out_of_office' ? away : spoken(step.text, persona, day)
    return {
      id,
      atMs: clock,
      person: persona.index,
      format: talk.format,
      script: script.name,
      occasion,
      message: id,
      text,
      subject,
      answers: step.by === 'lead' ? lastOfOurs : null,
      outcome: step.kind === 'asks_to_stop' ? 'opt_out' : payload.outcome,
      as: 'first',
      original: null,
      variant: 0,
    }
  }

  function occasionOf(step: Step): Occasion {
    if (step.by === 'us') return lastOfOurs === null ? 'campaign' : 'answer'
    return step.kind === 'says' || step.kind === 'asks_to_stop' ? 'reply' : step.kind
  }
}
