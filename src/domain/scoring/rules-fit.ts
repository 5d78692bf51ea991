/**
 * Fit by rules: what the lead says about itself first, then how it compares with the ideal
 * customer profile, then whether it shows a need. Little information stays 2.
 */
import { fitSignals } from './rules-fit-signals.ts'
import { type CriterionResult, compareWithIcp, type Verdict } from './rules-icp.ts'
import { matchSignals, type Signal } from './rules-signal.ts'
import { contentWords, plainText, spokenText } from './rules-text.ts'
import type { ScoreValue, ScoringContext, ScoringRequest, TranscriptEntry } from './score.ts'

export interface Fit {
  score: ScoreValue
  /** Why, as a clause that may stand after 'Fit 2: '. */
  meaning: string
}

/** Ideal is only who meets several criteria, so that a one-word profile cannot make anybody a 4. */
const IDEAL_CRITERIA_MIN = 2
/** Words shared with the service description that count as talking about the service. */
const SERVICE_WORDS_MIN = 2

/** `engaged`: intent is 3 or more; nobody is ideal who does not want to talk. */
export function fitOf(request: ScoringRequest, engaged: boolean): Fit {
  const texts = request.transcript.filter((entry) => entry.direction === 'inbound')
  const own = texts.filter((entry) => entry.kind === 'text').map((entry) => spokenText(entry.body))
  const stated = statedFit(texts)
  if (stated) return { score: stated.score, meaning: stated.meaning }
  const said = own.filter(Boolean).join(' ')
  if (said === '') return { score: 2, meaning: 'the lead has said nothing yet' }
  const icp = request.context.idealCustomerProfile?.trim()
  const results = icp ? compareWithIcp(icp, request.lead, said) : []
  return fitOfResults(results, engaged) ?? fitOfNeed(said, request.context)
}

/**
 * The latest message that says 'not us'. Of automatic replies only 'has left the company' counts:
 * it is the one fact about the lead they are trusted with.
 */
function statedFit(inbound: readonly TranscriptEntry[]): Signal | null {
  for (const entry of inbound.toReversed()) {
    const found = matchSignals(spokenText(entry.body), fitSignals)
    const referral = found.find((signal) => signal.effect === 'holds')
    const end = found.find((signal) => signal.effect === 'ends')
    if (entry.kind === 'text' && referral) return referral
    if (end && (entry.kind === 'text' || end.name === 'gone')) return end
  }
  return null
}

function fitOfResults(results: readonly CriterionResult[], engaged: boolean): Fit | null {
  const named = (verdict: Verdict) =>
    results.filter((result) => result.verdict === verdict).map((result) => result.name)
  const matches = named('match')
  const clashes = named('clash')
  const open = [...named('unknown'), ...named('near')]
  const profile = 'the ideal customer profile'
  if (clashes.length > 0) return { score: 1, meaning: `${list(clashes)} contradicts ${profile}` }
  if (open.length === 0 && matches.length >= IDEAL_CRITERIA_MIN && engaged) {
    return { score: 4, meaning: `${list(matches)} all match ${profile}` }
  }
  // A role alone says little: every company has an owner.
  const asksIndustry = results.some((result) => result.name === 'industry')
  const strong = matches.length >= 2 || matches.some((name) => name !== 'role' || !asksIndustry)
  if (!strong) return null
  const rest = open.length > 0 ? `, ${list(open)} open` : ''
  return { score: 3, meaning: `${list(matches)} match ${profile}${rest}` }
}

function fitOfNeed(said: string, context: ScoringContext): Fit {
  const need = matchSignals(said, fitSignals).find((signal) => signal.effect === 'raises')
  if (need) return { score: need.score, meaning: need.meaning }
  const service = contentWords(plainText(context.serviceDescription ?? ''))
  const shared = [...contentWords(said)].filter((word) => service.has(word)).length
  if (shared >= SERVICE_WORDS_MIN) return { score: 3, meaning: 'talks about the service offered' }
  return { score: 2, meaning: 'little is known about the lead' }
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
