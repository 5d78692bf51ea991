/**
 * Intent by rules: the signals of each message a person wrote, and the state of the conversation
 * that they leave behind. Automatic replies never get here.
 */
import { anyOf, matchSignals, phrases, type Signal } from './rules-signal.ts'
import { intentSignals } from './rules-signals.ts'
import { plainText, sentencesOf, spokenText } from './rules-text.ts'
import type { ScoreValue, TranscriptEntry } from './score.ts'

/** What one message means for intent; null score: it says nothing, the earlier state stands. */
export interface MessageIntent {
  score: ScoreValue | null
  /** The signal that decided, null where something else did. */
  signal: Signal | null
  /** What the lead does, completing 'the lead …'. */
  meaning: string
}

type OutboundQuestion = 'goodbye' | 'meeting' | 'offer' | 'open' | 'none'

/** Whole messages, politeness aside. */
const YES = anyOf(
  'yes|yep|yeah|yup|ya|y|sure(?: thing)?|sounds (?:good|great)|absolutely|definitely|of course',
  'why not|please(?: do)?|go ahead|ja(?: bitte| gerne)?|gerne|oui|si',
)
/** These agree only where something was asked; else they merely end an exchange. */
const NODS = 'ok|okay|k|perfect|great|deal|klar|vale|claro|daccord|👍|👌|✅|🙏'
const POLITE =
  '[^a-z0-9]{0,8}(?:sorry|thanks|thank you|please|thx|bitte|merci|gracias)?[^a-z0-9]{0,8}'
const yes = new RegExp(`^(?:oh |well |hi |hey )?${YES}${POLITE}$`, 'u')
const nod = new RegExp(`^(?:oh |well )?(?:${NODS})${POLITE}$`, 'u')
const no = new RegExp(`^(?:no|nope|nah|n|nein|non)${POLITE}$`)
const startsWithNo = /^(?:no|nope|nein|non)(?![a-z0-9])/
const startsWithYes = /^(?:yes|yep|yeah|sure|ok|okay)(?![a-z0-9])/

/** What our side may have asked last, the first match counts; any other question is an offer. */
const questions: readonly (readonly [OutboundQuestion, RegExp])[] = [
  [
    'goodbye',
    phrases(
      'close (?:your|the|this|my) file|lost interest|(?:should|shall) i (?:stop|close|go away)',
      'stop (?:reaching|writing|e-?mailing)|no longer interested|not interested|give up',
    ),
  ],
  [
    'meeting',
    phrases(
      'calls?|meet|meeting|demo|calendar|chat|talk|speak|minutes|mins|slots?|zoom|tomorrow',
      '(?:mon|tues|wednes|thurs|fri)day|termin|telefonieren|gesprach|en parle|hablamos|rdv|appel',
    ),
  ],
  ['open', phrases('how many|how much|how often|how do|how does|what|which|when|where')],
]

/** A bare answer to an open question is this long at least, unless it has a number. */
const ANSWER_WORDS_MIN = 4

/** Signals of one text, without the conversation around it; what the sentiment goes by as well. */
export function intentOfText(text: string): MessageIntent {
  const plain = spokenText(text)
  const found = matchSignals(plain, intentSignals)
  const end = found.find((signal) => signal.effect === 'ends')
  if (end) return decidedBy(end, end.score)
  const highest = found
    .filter((signal) => signal.effect === 'raises')
    .reduce<Signal | null>(
      (best, signal) => (best && best.score >= signal.score ? best : signal),
      null,
    )
  const hold = found.find((signal) => signal.effect === 'holds')
  if (hold) return decidedBy(hold, highest?.score === 4 ? 3 : hold.score)
  if (highest) return decidedBy(highest, highest.score)
  if (yes.test(plain)) return { score: 3, signal: null, meaning: 'agrees' }
  if (no.test(plain)) return { score: 1, signal: null, meaning: 'says no' }
  return { score: null, signal: null, meaning: 'says little' }
}

/** One inbound message in the light of what our side asked last. */
export function intentOfMessage(text: string, lastOutbound: string | null): MessageIntent {
  const plain = spokenText(text)
  const question = questionOf(lastOutbound)
  const alone = intentOfText(text)
  if (alone.signal?.effect === 'ends') return alone
  const agrees = yes.test(plain) || nod.test(plain)
  if (question === 'goodbye' && (agrees || startsWithYes.test(plain))) {
    return { score: 1, signal: null, meaning: 'agrees to end the conversation' }
  }
  if (question === 'goodbye' && startsWithNo.test(plain)) {
    return { score: 3, signal: null, meaning: 'does not want the conversation to end' }
  }
  if (agrees && question === 'meeting') {
    return { score: 4, signal: null, meaning: 'agrees to the proposed meeting' }
  }
  if (agrees && question !== 'none') return { score: 3, signal: null, meaning: 'agrees' }
  if (no.test(plain) && question === 'open') {
    return { score: null, signal: null, meaning: 'answers a question with no' }
  }
  if (alone.score === null && question === 'open' && isAnswer(plain)) {
    return { score: 3, signal: null, meaning: 'answers a question of ours' }
  }
  return alone
}

/**
 * The state after the whole conversation. The latest message that says anything counts, except
 * that interest does not take back readiness: who asked for a meeting and then asks whether Word is
 * supported is still ready.
 */
export function intentOfConversation(transcript: readonly TranscriptEntry[]): MessageIntent {
  let state: MessageIntent = { score: null, signal: null, meaning: 'says little' }
  let lastOutbound: string | null = null
  for (const entry of transcript) {
    if (entry.direction === 'outbound') {
      lastOutbound = entry.body
    } else if (entry.kind === 'text') {
      const message = intentOfMessage(entry.body, lastOutbound)
      if (message.score !== null && !(message.score === 3 && state.score === 4)) state = message
      // A question is answered once: a second 'yes' in a row is not a second agreement.
      if (message.score !== null) lastOutbound = null
    }
  }
  return state
}

function decidedBy(signal: Signal, score: ScoreValue): MessageIntent {
  const more = score > signal.score && signal.effect === 'holds'
  return { score, signal, meaning: more ? `${signal.meaning}, yet asks for more` : signal.meaning }
}

function questionOf(outbound: string | null): OutboundQuestion {
  if (outbound === null) return 'none'
  const asked = sentencesOf(plainText(outbound)).filter((sentence) => sentence.endsWith('?'))
  const question = asked.at(-1)
  if (question === undefined) return 'none'
  return questions.find(([, pattern]) => question.search(pattern) >= 0)?.[0] ?? 'offer'
}

function isAnswer(plain: string): boolean {
  return /\d/.test(plain) || plain.split(' ').length >= ANSWER_WORDS_MIN
}
