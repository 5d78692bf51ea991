/**
 * Tells mail that machines send (answers, bounces, receipts, newsletters) from mail of people, by
 * its headers and sender. Wording is judged later, on the stored message (`../message-rules.ts`).
 */
import { normalizeEmail } from '../identity.ts'

/** Names lower-cased; a header may repeat. */
export type MailHeaders = ReadonlyMap<string, readonly string[]>

/**
 * `auto_reply` a machine answered for a person · `failed` mail could not be delivered · `delayed`
 * it is still tried · `receipt` it was displayed or delivered · null: nothing says machine.
 */
export interface MachineMail {
  kind: 'auto_reply' | 'failed' | 'delayed' | 'receipt' | null
  /** Newsletter or mailing list. */
  bulk: boolean
  /** A sign that needs a second one. */
  hint: boolean
}

const HEADER_CHARACTERS_MAX = 64_000
/** RFC 5322 limits a line to 998; real ids have below 200. */
const MESSAGE_ID_CHARACTERS_MAX = 300
const REPORT_CHARACTERS_MAX = 64_000
const robotName = /^(?:mailer-?daemon|mail-?daemon|postmaster|bounces?|microsoftexchange[0-9a-f]+)$/
const autoReplyHeaders = ['x-autoreply', 'x-autorespond', 'x-autoresponder', 'x-autoreply-from']
/** Neither half takes an @: else a line of them is tried in every possible split. */
const ADDRESS = '<?([^\\s<>"(),:;@]{1,128}@[^\\s<>"(),:;@]{1,190})>?'

/** From the most to the least reliable; each names the address that failed. */
const failedRecipient = [
  `^x-failed-recipients:[ \\t]{0,9}${ADDRESS}`,
  `^final-recipient:[^;\\n]{0,40};[ \\t]{0,9}${ADDRESS}`,
  `^original-recipient:[^;\\n]{0,40};[ \\t]{0,9}${ADDRESS}`,
  `(?:wasn['’]t|was not|could(?:n['’]t| not) be|cannot be) delivered to:?\\s{1,9}${ADDRESS}`,
  `(?:message|mail|e-?mail) to ${ADDRESS} (?:couldn['’]t|could not|can['’]?t|cannot|was|has|wasn['’]t)`,
  `(?:following|these|this) (?:recipient|address|person|people)[^\\n]{0,80}:?\\s{1,20}${ADDRESS}`,
  `${ADDRESS}:? [^\\n]{0,200}(?:user unknown|does not exist|no such user|address not found)`,
].map((source) => new RegExp(source, 'im'))

export function isMailRobot(address: string | null): boolean {
  return address !== null && robotName.test(address.slice(0, address.indexOf('@')))
}

/** `robot`: the sender or the provider's folder already says that no person wrote it. */
export function machineMailOf(headers: MailHeaders, about: MailFacts): MachineMail {
  const contentType = first(headers, 'content-type').toLowerCase()
  const isReport = contentType.startsWith('multipart/report')
  const bulk =
    headers.has('list-id') ||
    headers.has('list-unsubscribe') ||
    /^(?:bulk|list|junk)\b/i.test(first(headers, 'precedence'))
  const hint = headers.has('x-auto-response-suppress')
  if (isReport && contentType.includes('disposition-notification')) {
    return { kind: 'receipt', bulk, hint }
  }
  if (isReport || about.robot) return { kind: reportKind(about), bulk, hint }
  // Absence notices have an empty return path too: that alone is no bounce.
  const auto = isAutoReply(headers) || /^<\s*>$/.test(first(headers, 'return-path'))
  return { kind: auto ? 'auto_reply' : null, bulk, hint }
}

export interface MailFacts {
  robot: boolean
  subject: string | null
  text: string
}

/** The lead's address out of a delivery report; `own` are our mailboxes, which reports name too. */
export function failedRecipientOf(
  report: { headers: MailHeaders; text: string },
  own: readonly (string | null)[],
): string | null {
  const named = first(report.headers, 'x-failed-recipients')
  const texts = [named && `x-failed-recipients: ${named}`, report.text]
  for (const text of texts) {
    for (const pattern of failedRecipient) {
      const found = pattern.exec(text.slice(0, REPORT_CHARACTERS_MAX))?.[1]
      const address = normalizeEmail(found?.replace(/[.'’]+$/, ''))
      if (address && !own.includes(address) && !isMailRobot(address)) return address
    }
  }
  return null
}

/** Headers out of one string: raw lines, or JSON of them (its encoding is undocumented). */
export function parseHeaders(raw: string | null | undefined): MailHeaders {
  const text = (raw ?? '').slice(0, HEADER_CHARACTERS_MAX).trim()
  if (/^["[{]/.test(text)) {
    try {
      return headersOfJson(JSON.parse(text))
    } catch {
      // Then it is no JSON.
    }
  }
  const unfolded = text.replace(/\r\n?/g, '\n').replace(/\n[ \t]/g, ' ')
  return headersOfPairs(
    unfolded.split('\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, Math.max(0, colon)), line.slice(colon + 1)]
    }),
  )
}

export function headersOfPairs(pairs: Iterable<readonly [string, string]>): MailHeaders {
  const headers = new Map<string, string[]>()
  for (const [rawName, value] of pairs) {
    const name = rawName.trim().toLowerCase()
    if (!name) continue
    const seen = headers.get(name)
    if (seen) seen.push(value.trim())
    else headers.set(name, [value.trim()])
  }
  return headers
}

/** Message-ID without angle brackets. */
export function messageIdOf(raw: string | null | undefined): string | null {
  const id = raw?.slice(0, MESSAGE_ID_CHARACTERS_MAX).trim().replace(/^<|>$/g, '').trim()
  return id || null
}

function first(headers: MailHeaders, name: string): string {
  return headers.get(name)?.[0] ?? ''
}

function isAutoReply(headers: MailHeaders): boolean {
  const submitted = first(headers, 'auto-submitted').split(';')[0]?.trim().toLowerCase()
  if (submitted && submitted !== 'no') return true
  const precedences = [first(headers, 'precedence'), first(headers, 'x-precedence')]
  return (
    autoReplyHeaders.some((name) => headers.has(name) && !/^no$/i.test(first(headers, name))) ||
    precedences.some((value) => /^auto[_-]reply/i.test(value))
  )
}

function reportKind({ subject, text }: MailFacts): 'failed' | 'delayed' | 'receipt' {
  const report = `${subject ?? ''}\n${text.slice(0, REPORT_CHARACTERS_MAX)}`
  if (/^action:\s{0,9}failed/im.test(report)) return 'failed'
  if (/^action:\s{0,9}(?:delivered|relayed|expanded)/im.test(report)) return 'receipt'
  const isDelay =
    /^action:\s{0,9}delayed|\(delay\)|delivery (?:is |has been )?delayed|delivery delay|(?:still|will) (?:be )?(?:trying|retry|keep trying)|this is a warning message only/im
  return isDelay.test(report) ? 'delayed' : 'failed'
}

function headersOfJson(value: unknown): MailHeaders {
  if (typeof value === 'string') return parseHeaders(/^["[{]/.test(value) ? null : value)
  const pairs: [string, string][] = []
  if (Array.isArray(value)) {
    for (const entry of value as unknown[]) {
      if (typeof entry !== 'object' || entry === null) continue
      const fields = new Map(Object.entries(entry).map(([key, text]) => [key.toLowerCase(), text]))
      pairs.push([textOf(fields.get('name')), textOf(fields.get('value'))])
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, entry] of Object.entries(value)) {
      for (const one of Array.isArray(entry) ? entry : [entry]) pairs.push([name, textOf(one)])
    }
  }
  return headersOfPairs(pairs)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
