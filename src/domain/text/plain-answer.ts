/**
 * What a model wrote, as plain text: no markup, no link that somebody could have talked the model
 * into, nothing invisible. Whoever shows it still escapes.
 */
import { sanitise } from '../scoring/transcript.ts'

/** Far above what is kept: bounds the work on an answer that runs away. */
const READ_FACTOR = 8

/** One paragraph of at most `charactersMax` characters, cut at a word. */
export function plainLine(text: string, charactersMax: number): string {
  const plain = withoutMarkup(sanitise(text.slice(0, READ_FACTOR * charactersMax)))
  return cut(plain.replace(/\s+/g, ' ').trim(), charactersMax)
}

/** Several paragraphs; line ends inside of them stay. */
export function plainParagraphs(text: string, charactersMax: number): string {
  const plain = withoutMarkup(sanitise(text.slice(0, READ_FACTOR * charactersMax)))
  const tidy = plain
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
  return cut(tidy.trim(), charactersMax)
}

function cut(plain: string, charactersMax: number): string {
  if (plain.length <= charactersMax) return plain
  const head = plain.slice(0, charactersMax - 1).replace(/[\uD800-\uDBFF]$/, '')
  return `${head.replace(/\s+\S{0,40}$/, '')}…`
}

/** Until nothing changes: taking one mark out may complete another around it. */
function withoutMarkup(text: string): string {
  let plain = text
  for (let before = ''; before !== plain; ) {
    before = plain
    plain = strip(plain)
  }
  return plain
}

/**
 * Each rule shortens the text, or leaves a form that no rule matches: repeating it ends. The link's
 * counts characters (`u`): a hundred UTF-16 units may begin in the middle of one and leave its half.
 */
function strip(text: string): string {
  return text
    .replace(/<[a-z/!?][^<>]*>/gi, ' ')
    .replace(/<(?=[a-z/!?])/gi, '')
    .replace(/!?\[([^\][]*)\]\([^()]*\)/g, '$1')
    .replace(/\S{0,100}:\/\/\S*|\b(?:www\.|mailto:|javascript:|data:)\S+/giu, 'link removed')
    .replace(/\]\(/g, '] (')
    .replace(/[*`~#|]+|(?<!\w)_+|_+(?!\w)/g, '')
    .replace(/[^\S\n]+/g, ' ')
    .trim()
}
