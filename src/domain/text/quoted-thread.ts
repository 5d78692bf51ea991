/**
 * The new text of a mail: what its writer added, without the quoted thread, signature block and
 * device line. It reads line by line with bounded look-ahead, so a megabyte costs milliseconds.
 * It does *not* find a name and phone number under a greeting: no delimiter, no signature.
 */
import { htmlToPlainText, tidyText } from './plain-text.ts'

const TEXT_CHARACTERS_MAX = 1_000_000
/** What is kept: four times the longest transcript a model is shown. */
const BODY_CHARACTERS_MAX = 100_000
/** No header of a quoted thread is longer; the rest of a long line needs no look. */
const LINE_CHARACTERS_MAX = 400
const ATTRIBUTION_LINES_MAX = 4
const OUTLOOK_LINES_MAX = 8
const BLANK_LINES_MAX = 10
const SIGNATURE_LINES_MAX = 15
const DEVICE_LINES_MAX = 6
/** Mailers wrap quotes near column 76; the rest of a wrapped line comes without its '>'. */
const WRAPPED_CHARACTERS_MIN = 60

const VERB =
  '(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|napisał(?:\\(a\\))?)'
const attributionStart = /^(?:On|Am|Le|El|Il|Op|Em|Den|Dnia|W dniu)\s/
const attributionEnd = new RegExp(`(?:^|\\s)${VERB}(?=[\\s:：])[^:：]{0,150}[:：]$`, 'u')
const namedAttribution = new RegExp(
  `<[^<>\\s]{1,200}@[^<>\\s]{1,200}>\\)?(?:\\s+${VERB}[^:：]{0,60})?\\s?[:：]$`,
  'u',
)
const inlineAttribution =
  /\bOn (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d|\d{1,4}[ /.-])/
const addressOrClock = /@|\d{1,2}:\d{2}/

const threadDivider = new RegExp(
  `^[-_*\\s]{2,20}(?:${[
    'original (?:message|appointment)',
    'forwarded message',
    'ursprüngliche nachricht',
    'originalnachricht',
    'weitergeleitete nachricht',
    "message d['’]origine",
    'message (?:original|transféré|initial)',
    'mensaje (?:original|reenviado)',
    'messaggio (?:originale|inoltrato)',
    'oorspronkelijk bericht',
    'mensagem original',
  ].join('|')})\\s{0,3}[-_*]{2}`,
  'iu',
)
const appleForward = /^(?:begin forwarded message|anfang der weitergeleiteten \S+):$/i

const outlookFrom = /^\*?(?:from|von|de|da|van|från|fra|od)\s?:\*?\s*\S/iu
const outlookLabel =
  /^\*?(?:sent|date|to|cc|subject|gesendet|datum|an|betreff|envoyé|à|objet|enviado|fecha|para|asunto|inviato|data|a|oggetto|verzonden|aan|onderwerp)\s?:/iu

const deviceLine =
  /^(?:sent (?:from|via) (?:my |mail|outlook|yahoo|proton|gmail|samsung)|get outlook for|von meinem .{1,40} gesendet|gesendet (?:von|mit) |envoyé de(?:puis)? mon|enviado desde mi|inviato da(?:l mio)? |verstuurd vanaf mijn|enviado do meu)/iu
const ruleLine = /^[-_=*\s]{5,}$/

export interface MailText {
  text?: string | null | undefined
  html?: string | null | undefined
}

/** Prefers the text part; '' only when nothing but quotes (or nothing at all) was sent. */
export function newTextOf({ text, html }: MailText): string {
  const own = text ? stripQuotedThread(text) : ''
  if (own || !html?.trim()) return own
  // A mailer that puts the answer into a quote container must not cost us the answer.
  return (
    stripQuotedThread(htmlToPlainText(html, { quotes: false })) ||
    stripQuotedThread(htmlToPlainText(html))
  )
}

/** Plain text without quoted thread and signature; '' only for a text that is nothing but quotes. */
export function stripQuotedThread(text: string): string {
  const lines = text.slice(0, TEXT_CHARACTERS_MAX).replace(/\r\n?/g, '\n').split('\n')
  const own = ownLines(lines)
  const body = tidyText(withoutSignature(own).join('\n')) || tidyText(own.join('\n'))
  return body.slice(0, BODY_CHARACTERS_MAX).toWellFormed()
}

/** As `stripQuotedThread`, but the signature stays: that is where phone numbers stand. */
export function withoutQuotedThread(text: string): string {
  const lines = text.slice(0, TEXT_CHARACTERS_MAX).replace(/\r\n?/g, '\n').split('\n')
  return tidyText(ownLines(lines).join('\n'))
}

function ownLines(lines: string[]): string[] {
  const own: string[] = []
  let previousQuote = ''
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ''
    if (isQuote(line, previousQuote !== '')) {
      previousQuote = line
      continue
    }
    const isWrappedRest = line.trim() !== '' && previousQuote.length >= WRAPPED_CHARACTERS_MIN
    previousQuote = ''
    if (isWrappedRest) continue
    const start = line.slice(0, LINE_CHARACTERS_MAX).trim()
    if (startsThread(lines, i, start)) break
    const header = attributionLength(lines, i, start)
    if (header > 0) {
      // Below-quote and in-between answers follow only where the quote marks its own lines.
      if (!quoteFollows(lines, i + header)) break
      i += header - 1
      continue
    }
    const cut = inlineCut(line)
    own.push(cut < 0 ? line : line.slice(0, cut))
    if (cut >= 0) break
  }
  return own
}

function isQuote(line: string, afterQuote: boolean): boolean {
  const start = line.slice(0, 12).trimStart()
  // ">50 seats" is an amount, unless it stands inside a quote.
  return start.startsWith('>') && (afterQuote || !/^>\d/.test(start))
}

/** Everything from here on is the thread, whatever it looks like. */
function startsThread(lines: string[], index: number, start: string): boolean {
  if (threadDivider.test(start) || appleForward.test(start)) return true
  if (!outlookFrom.test(start)) return false
  let labels = 0
  for (const next of lines.slice(index + 1, index + 1 + OUTLOOK_LINES_MAX)) {
    if (outlookLabel.test(next.slice(0, LINE_CHARACTERS_MAX).trim())) labels += 1
  }
  return labels >= 2
}

/** How many lines "On … wrote:" takes here; 0 when there is none. Mailers wrap it up to four. */
function attributionLength(lines: string[], index: number, start: string): number {
  if (isAttribution(start, namedAttribution)) return 1
  if (!attributionStart.test(start)) return 0
  let joined = ''
  for (let count = 1; count <= ATTRIBUTION_LINES_MAX; count++) {
    const next = lines[index + count - 1]?.slice(0, LINE_CHARACTERS_MAX).trim()
    if (!next) return 0
    joined = joined ? `${joined} ${next}` : next
    if (isAttribution(joined, attributionEnd) || isAttribution(joined, namedAttribution)) {
      return count
    }
  }
  return 0
}

/** With a date or an address in it: "On the website you wrote:" is a person's own sentence. */
function isAttribution(text: string, shape: RegExp): boolean {
  const last = text.at(-1)
  return (last === ':' || last === '：') && /[\d@]/.test(text) && shape.test(text)
}

function quoteFollows(lines: string[], index: number): boolean {
  for (const line of lines.slice(index, index + BLANK_LINES_MAX)) {
    if (line.trim() !== '') return isQuote(line, true)
  }
  return false
}

/** Where a thread starts inside a line: some systems flatten a whole mail into one. */
function inlineCut(line: string): number {
  const wrote = line.indexOf(' wrote:')
  if (wrote < 0) return -1
  const from = Math.max(0, wrote - 250)
  const before = line.slice(from, wrote)
  const match = inlineAttribution.exec(before)
  return match && addressOrClock.test(before.slice(match.index)) ? from + match.index : -1
}

function withoutSignature(own: string[]): string[] {
  const lines = [...own]
  while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop()
  const earliest = Math.max(1, lines.length - SIGNATURE_LINES_MAX)
  for (let i = earliest; i < lines.length; i++) {
    if (/^--\s?$/.test(lines[i] ?? '')) {
      lines.length = i
      break
    }
  }
  const tail = Math.max(0, lines.length - DEVICE_LINES_MAX)
  return lines.filter((line, i) => {
    const text = line.slice(0, LINE_CHARACTERS_MAX).trim()
    return i < tail || !(text.length <= 100 && (deviceLine.test(text) || ruleLine.test(text)))
  })
}
