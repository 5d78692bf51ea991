/** Reads company sizes out of plain text: ranges wanted, headcounts in profiles, sizes said. */
import { anyOf, phrases } from './rules-signal.ts'

export interface Range {
  min: number
  /** Infinity where nothing bounds it. */
  max: number
}

const NUMBER = String.raw`(\d{1,3}(?:[,.]\d{3})+|\d{1,6})`
const HEADS = anyOf(
  'employees?|people|persons?|staff|ppl|guys|headcount|ftes?|team members|workers|of us|strong',
  'mitarbeiter[a-z]*|employes|empleados',
)
const UNIT = `[- ]?${HEADS}(?![a-z])`
const LEAST = '(?:at least|more than|over|from|min(?:imum)?(?: of)?|mindestens|ab)'
const OR_MORE = String.raw`(?:\+|or more|and more|plus)`
const MOST = '(?:under|below|fewer than|less than|up to|at most|max(?:imum)?(?: of)?|bis zu)'
const GROUP = '(?:team|studio|company|staff|crew|business|office|firm)'
const ABOUT = '(?:about |around |roughly |some )?'

const betweenSizes = new RegExp(`${NUMBER} ?(?:-|to|and|bis|until|a) ?${NUMBER}${UNIT}`)
const leastSize = new RegExp(`${LEAST} ${NUMBER}${UNIT}|${NUMBER} ?${OR_MORE}${UNIT}`)
const mostSize = new RegExp(`${MOST} ${NUMBER}${UNIT}`)
const saidSize = new RegExp(`${NUMBER}${UNIT}|${GROUP} of ${ABOUT}${NUMBER}`)
const alone = phrases(
  '(?:just|only) (?:me|myself)|one[- ](?:man|person|woman)|sole trader|no employees',
)
/** Numbers people write as words, before a word that counts heads. */
const words: readonly (readonly [RegExp, string])[] = [
  [alone, '1 people'],
  [/\btwo (?=people|persons|of us)/g, '2 '],
  [/\bthree (?=people|persons|of us)/g, '3 '],
  [/\b(?:a )?dozen (?=people|employees|staff)/g, '12 '],
  [/\b(?:a )?hundred (?=people|employees|staff)/g, '100 '],
]

/** The size an ideal customer profile asks for; null where it names none. */
export function wantedSize(plain: string): Range | null {
  const between = betweenSizes.exec(plain)
  if (between) return { min: numberOf(between[1]), max: numberOf(between[2]) }
  const least = leastSize.exec(plain)
  if (least) return { min: numberOf(least[1] ?? least[2]), max: Number.POSITIVE_INFINITY }
  const most = mostSize.exec(plain)
  return most ? { min: 1, max: numberOf(most[1]) } : null
}

/** A profile's headcount: '45', '11-50', '1,000+'. */
export function profileSize(headcount: string | null): Range | null {
  const numbers = (headcount ?? '').match(/\d{1,3}(?:[,.]\d{3})+|\d{1,9}/g)?.map(numberOf)
  const [min, max] = numbers ?? []
  if (min === undefined) return null
  const open = /\+|more/.test(headcount ?? '')
  return { min, max: max ?? (open ? Number.POSITIVE_INFINITY : min) }
}

/** The size a lead tells of its own company: 'we are 50 people', 'a team of 12', 'just me'. */
export function statedSize(plain: string): Range | null {
  const inDigits = words.reduce((text, [pattern, digits]) => text.replace(pattern, digits), plain)
  const said = saidSize.exec(inDigits)
  if (!said) return null
  const size = numberOf(said[1] ?? said[2])
  return { min: size, max: size }
}

function numberOf(digits: string | undefined): number {
  return Number((digits ?? '').replace(/[,.]/g, ''))
}
