/** HTML to plain text, and the tidying every text gets before it is stored or judged. */
import { type HtmlToTextOptions, htmlToText } from 'html-to-text'

/** Converting costs about 1 ms per 1,000 characters inside the request; people write far less. */
const HTML_CHARACTERS_MAX = 256_000
/** Styles and inline images before the text; beyond it nobody wrote an answer. */
const RAW_CHARACTERS_MAX = 4_000_000
/** Longer is no subject; the list of messages shows one line. */
const SUBJECT_CHARACTERS_MAX = 500
/** Layout tables nest some 60 deep; deeper is an attack on the recursion. */
const DEPTH_MAX = 250

/** Quote containers of Gmail, Yahoo, Thunderbird and Zoho; `blockquote` serves the others. */
const quoteSelectors = [
  'blockquote',
  '.gmail_quote',
  '.yahoo_quoted',
  '.moz-cite-prefix',
  '.zmail_extra',
  '.protonmail_quote',
].map((selector) => ({ selector, format: 'skip' }))

const options: HtmlToTextOptions = {
  wordwrap: false,
  limits: { maxDepth: DEPTH_MAX, ellipsis: '' },
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
      selector,
      options: { uppercase: false },
    })),
    { selector: 'tr', format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    { selector: 'td', format: 'inlineSurround', options: { suffix: ' ' } },
    { selector: 'th', format: 'inlineSurround', options: { suffix: ' ' } },
  ],
}

const optionsWithoutQuotes: HtmlToTextOptions = {
  ...options,
  selectors: [...(options.selectors ?? []), ...quoteSelectors],
}

/** What a reader of the mail would see. `quotes: false` leaves out what marks itself as quoted. */
export function htmlToPlainText(html: string, { quotes = true } = {}): string {
  const bounded = withoutInvisibleParts(html.slice(0, RAW_CHARACTERS_MAX)).slice(
    0,
    HTML_CHARACTERS_MAX,
  )
  return tidyText(htmlToText(bounded, quotes ? options : optionsWithoutQuotes))
}

/**
 * One spelling of blanks and line ends, and nothing a reader cannot see: control, zero-width,
 * bidirectional and tag characters hide words from people but not from models or rules.
 * ZERO WIDTH JOINER stays where it joins (emoji, several scripts).
 */
export function tidyText(text: string): string {
  return text
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, '\n')
    .replace(/[^\P{Cc}\t\n]/gu, '')
    .replace(/\u00AD|\u034F|\u180E|\u200B|\u200E|\u200F|\uFEFF/g, '')
    .replace(/[\u202A-\u202E\u2060-\u2069]|[\u{E0000}-\u{E007F}]/gu, '')
    .replace(/(?:\u200C|\u200D){2,}/g, '')
    .replace(/(?:\u200C|\u200D)(?=\s|$)/g, '')
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** One bounded line, or null. */
export function subjectOf(raw: string | null | undefined): string | null {
  const line = tidyText((raw ?? '').slice(0, SUBJECT_CHARACTERS_MAX)).replaceAll('\n', ' ')
  return line.toWellFormed() || null
}

/** Styles and comments come first in a mail and would use up the bound before the text starts. */
function withoutInvisibleParts(html: string): string {
  let rest = html
  for (const [open, close] of [
    ['<!--', '-->'],
    ['<style', '</style>'],
  ] as const) {
    rest = withoutSpans(rest, open, close)
  }
  return rest
}

function withoutSpans(html: string, open: string, close: string): string {
  const lower = html.toLowerCase()
  // Lower-casing lengthens a few letters (İ); then the positions would not fit.
  if (lower.length !== html.length) return html
  const kept: string[] = []
  let position = 0
  for (;;) {
    const start = lower.indexOf(open, position)
    const end = start < 0 ? -1 : lower.indexOf(close, start)
    if (end < 0) break
    kept.push(html.slice(position, start))
    position = end + close.length
  }
  kept.push(html.slice(position))
  return kept.join('')
}
