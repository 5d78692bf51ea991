/**
 * One signal of the rules: phrases in a message and what they mean, and how a message is searched
 * for them. The tables are `rules-refusal-signals.ts`, `rules-interest-signals.ts` and
 * `rules-fit-signals.ts`.
 */
import type { SentimentTag } from '../sentiment-tag.ts'
import type { ScoreValue } from './score.ts'

/**
 * `ends` the message means this score whatever else it says · `holds` the message means this score,
 * one more when it also asks for a next step · `raises` the highest of these counts.
 */
export type SignalEffect = 'ends' | 'holds' | 'raises'

export interface Signal {
  name: string
  axis: 'intent' | 'fit'
  score: ScoreValue
  effect: SignalEffect
  /** What a message with this signal as its strongest is tagged; fit signals tag nothing. */
  tag: SentimentTag | null
  /** What it says, completing 'the lead …'; shown in the reasoning, so it quotes nobody. */
  meaning: string
  /** One made-up phrase that triggers it; the documentation shows it and a test tries it. */
  example: string
  /** Over plain text (`rules-text.ts`), global. Every repetition is bounded: linear time. */
  pattern: RegExp
}

type Entry = Omit<Signal, 'axis' | 'score' | 'effect' | 'tag'>

/** The four deciding facts in front, so that a table reads by them. */
export function intentSignal(
  score: ScoreValue,
  effect: SignalEffect,
  tag: SentimentTag,
  entry: Entry,
): Signal {
  return { axis: 'intent', score, effect, tag, ...entry }
}

export function fitSignal(score: ScoreValue, effect: SignalEffect, entry: Entry): Signal {
  return { axis: 'fit', score, effect, tag: null, ...entry }
}

/** A part of a phrase: one of these words. */
export function anyOf(...alternatives: string[]): string {
  return `(?:${alternatives.join('|')})`
}

/**
 * One expression out of alternatives, each on word boundaries of plain text. An alternative that
 * is too long for a line comes as its pieces.
 */
export function phrases(...alternatives: (string | readonly string[])[]): RegExp {
  const sources = alternatives.map((parts) => (typeof parts === 'string' ? parts : parts.join('')))
  return new RegExp(`(?<![a-z0-9])(?:${sources.join('|')})(?![a-z0-9])`, 'g')
}

/**
 * The signals present, in table order. A match takes its words away, so that 'interested' inside
 * 'not interested' counts once: the order of the table is the priority.
 */
export function matchSignals(plain: string, table: readonly Signal[]): Signal[] {
  const found: Signal[] = []
  let rest = plain
  for (const signal of table) {
    const without = rest.replace(signal.pattern, ' ~ ')
    if (without !== rest) found.push(signal)
    rest = without
  }
  return found
}
