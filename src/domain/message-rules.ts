/**
 * Text rules on a stored message (already without quotes): wishes to stop and machine answers that
 * no model is asked about. They decide what must never be missed and what is certain; wording that
 * needs judgement stays `text` and is judged by the sentiment classifier.
 */
import type { Channel, EventKind, MessageSignals } from './channels/inbound-event.ts'
import { optOutPhraseIn } from './text/opt-out-phrase.ts'

export type MessageKind = Exclude<EventKind, 'label'>

export interface RuleInput {
  channel: Channel
  direction: 'inbound' | 'outbound'
  /** What the provider declared; it wins over every rule. */
  kind: MessageKind
  subject: string | null
  body: string | null
  signals: MessageSignals
}

export interface Classification {
  kind: MessageKind
  /** For people, e.g. `SMS keyword STOP`; null when nothing was decided. */
  reason: string | null
}

/** A keyword message is short; longer ones are wording. */
const KEYWORD_CHARACTERS_MAX = 80
/** `Unsubscribe` + name and position below it: the whole mail is this short. */
const FIRST_LINE_BODY_CHARACTERS_MAX = 400
const EMPTY_BODY_CHARACTERS_MAX = 40
const RULE_CHARACTERS_MAX = 20_000

const smsOptOutWords = new Set(
  'stop,stopall,stop all,unsubscribe,cancel,end,quit,revoke,optout,opt out,arret,remove,td'.split(
    ',',
  ),
)
const smsOptInWords = new Set(['start', 'unstop'])
const optOutWords = new Set(
  [
    'stop texting,stop texting me,stop messaging,stop messaging me,do not text,do not text me',
    'stop stop,stop,stop all,stop it,just stop,unsubscribe,unsubscribe me,unsubscribed,remove,remove me,optout',
    'opt out,opt me out,take me off,delete me,do not contact,no more emails,no more messages',
    'leave me alone,abmelden,abbestellen,austragen,desabonner,desinscription,desinscrire,baja',
    'dar de baja,darme de baja',
  ]
    .join(',')
    .split(','),
)
const mailChannels: ReadonlySet<Channel> = new Set(['email', 'smartlead', 'instantly'])

const absence =
  /\bout of (?:the )?office\b|\booo\b|\b(?:on|away on) (?:\w+ )?(?:leave|vacation|holidays?|pto)\b|\baway from (?:my |the )?(?:desk|office|e-?mail)|\b(?:currently|be) (?:away|travell?ing)\b|\babwesen(?:d|heit)|nicht im (?:büro|hause?)|im urlaub|außer haus|en congé|absente? du bureau|absence du bureau|fuera de (?:la )?oficina|de vacaciones|estoy ausente|fuori sede|fuori ufficio/
/** Each is one sign; two different ones, or one with a subject or header sign, decide. */
const machinePhrases: readonly RegExp[] = [
  absence,
  /\b(?:limited|no|little|intermittent|without) access to (?:my |our )?e-?mails?\b/,
  /\b(?:urgent|immediate|emergenc)[^.!?\n]{0,80}\b(?:contact|reach out to|e-?mail|call|kontaktieren|contacter)\b(?! (?:me|us)\b)|\b(?:in|during) my absence\b/,
  /\b(?:will|shall) (?:respond|reply|answer|get back to you|be in touch)[^.!?\n]{0,60}\b(?:return|i am back|i'm back|as soon as i)/,
  /\bthis is an auto(?:mated|matic|-generated)|\bautomatically generated\b|\bdo not reply to this (?:e-?mail|message)/,
  /\b(?:have |has been |we |i )received your (?:e-?mail|message|inquiry|enquiry|request)\b/,
  /\bno longer (?:with|works? (?:at|for)|employed (?:at|by))\b/,
  /\bi'm driving\b|\bi'm not receiving notifications\b/,
]
const autoReplySubject =
  /^(?:auto(?:matic|mated)?[- ]?(?:reply|response|antwort)?\s?:|automatic reply|autoreply|out of (?:the )?office|ooo\b|automatische antwort|abwesenheits|réponse automatique|respuesta automática|risposta automatica|automatisch antwoord)/

export function classifyMessage(input: RuleInput): Classification {
  if (input.kind !== 'text') return { kind: input.kind, reason: declaredReasons[input.kind] }
  if (input.direction === 'outbound') return { kind: 'text', reason: null }
  return bulkMail(input) ?? keyword(input) ?? automaticAnswer(input) ?? phrase(input) ?? undecided
}

/** Tells an absence from other automatic answers; meant for subject and body of an auto reply. */
export function isOutOfOffice(text: string): boolean {
  return absence.test(comparable(text))
}

const undecided: Classification = { kind: 'text', reason: null }

const declaredReasons: Record<Exclude<MessageKind, 'text'>, string> = {
  auto_reply: 'Automatic reply',
  opt_out: 'Unsubscribed at the provider',
  opt_in: 'Opted in at the provider',
  bounce: 'Mail could not be delivered',
}

function bulkMail({ signals }: RuleInput): Classification | null {
  return signals.bulk ? { kind: 'auto_reply', reason: 'Newsletter or mailing list' } : null
}

function keyword({ channel, subject, body }: RuleInput): Classification | null {
  const word = keywordOf(body ?? '')
  if (channel === 'sms') {
    if (smsOptOutWords.has(word)) return optOut(`SMS keyword ${word.toUpperCase()}`)
    if (smsOptInWords.has(word)) {
      return { kind: 'opt_in', reason: `SMS keyword ${word.toUpperCase()}` }
    }
  }
  const plain = withoutPoliteness(word)
  if (optOutWords.has(plain)) return optOut(`Message says only "${plain}"`)
  const firstWord = withoutPoliteness(keywordOf(lineAboveSignature(body ?? '')))
  if (optOutWords.has(firstWord)) return optOut(`Message says "${firstWord}"`)
  if (!mailChannels.has(channel)) return null
  const topic = (subject ?? '').trim().toLowerCase()
  // A `mailto:` List-Unsubscribe arrives as ordinary mail, often with a token in its subject.
  const asksBySubject =
    optOutWords.has(withoutPoliteness(keywordOf(topic))) ||
    /^unsubscribe(?: request)?(?:[\s:=_-]{1,3}[\w.:@=-]{1,200})?$/.test(topic)
  const isEmpty = (body ?? '').trim().length <= EMPTY_BODY_CHARACTERS_MAX
  return asksBySubject && isEmpty ? optOut('Subject "unsubscribe"') : null
}

function automaticAnswer({ channel, subject, body, signals }: RuleInput): Classification | null {
  const text = comparable(body ?? '')
  const phrases = machinePhrases.filter((pattern) => pattern.test(text)).length
  const bySubject = mailChannels.has(channel) && autoReplySubject.test(comparable(subject ?? ''))
  const signs = phrases + (bySubject ? 1 : 0) + (signals.autoReplyHint ? 1 : 0)
  if (signs < 2) return null
  const isAbsence = absence.test(`${comparable(subject ?? '')} ${text}`)
  return { kind: 'auto_reply', reason: isAbsence ? 'Out of office' : 'Automatic reply' }
}

function phrase({ body }: RuleInput): Classification | null {
  const found = optOutPhraseIn(comparable(body ?? ''))
  return found ? optOut(`Asks to stop: "${found}"`) : null
}

function optOut(reason: string): Classification {
  return { kind: 'opt_out', reason }
}

/** Lower case, one spelling of quotes and compatibility letters; line ends stay. */
function comparable(text: string): string {
  return text
    .slice(0, RULE_CHARACTERS_MAX)
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[’‘`´]/g, "'")
    .replace(/[‐‑–]/g, '-')
    .replace(/[^\S\n]+/g, ' ')
}

/** A whole short message as carriers compare it; '' when it is too long to be a keyword. */
function keywordOf(text: string): string {
  const trimmed = text.trim()
  if (trimmed.length > KEYWORD_CHARACTERS_MAX) return ''
  return trimmed
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '')
    .replace(/[\s\u2010-\u2015-]+/g, ' ')
}

function withoutPoliteness(word: string): string {
  return word
    .replace(/\b(?:please|pls|plz|kindly|thanks|thank you|thx|now|immediately|asap|bitte)\b/g, '')
    .replace(/[\s,.!]+/g, ' ')
    .trim()
}

/**
 * The line of a short message that stands over nothing but a signature; a greeting above it does not
 * count. '' where the writer goes on: "Stop! \n I was about to call you".
 */
function lineAboveSignature(body: string): string {
  if (body.length > FIRST_LINE_BODY_CHARACTERS_MAX) return ''
  const lines = body.split('\n').filter((line) => line.trim() !== '')
  const isGreeting = /^\s*(?:hi|hello|hey|dear|hallo|bonjour|hola)\b.{0,40}$/i.test(lines[0] ?? '')
  const [line = '', ...below] = isGreeting ? lines.slice(1) : lines
  const goesOn = below.some((next) => !SENT_FROM.test(next) && TALK.test(next))
  return goesOn ? '' : line
}

const SENT_FROM = /^\s*(?:sent from|get outlook for|gesendet von|envoyé de)\b/i
/** Words of a sentence, not of a name, a position or an address. */
const TALK =
  /\?|\b(?:i|i'm|i'll|i'd|we|we're|we'll|you|your|me|us|let's|is|are|was|were|have|has|can|could|will|would|do|don't|not|it|this|that|but|because|sounds|works)\b/i
