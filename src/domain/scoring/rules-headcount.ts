/** Reads company sizes out of plain text: ranges wanted, headcounts in profiles, sizes said. */

export interface Range {
  min: number
  /** Infinity where nothing bounds it. */
  max: number
}

const NUMBER = String.raw`(\d{1,3}(?:[,.]\d{3})+|\d{1,6})`
const UNIT = String.raw`(?:[- ]?(?:employees?|people|persons?|staff|ppl|guys|headcount|ftes?|team members|workers|mitarbeiter[a-z]*|employes|empleados|(?:of us)|strong))(?![a-z])`

const betweenSizes = new RegExp(String.raw`${NUMBER} ?(?:-|to|and|bis|until|a) ?${NUMBER}${UNIT}`)
const leastSize = new RegExp(
  String.raw`(?:at least|more than|over|from|min(?:imum)?(?: of)?|mindestens|ab) ${NUMBER}${UNIT}|${NUMBER} ?(?:\+|or more|and more|plus)${UNIT}`,
)
const mostSize = new RegExp(
  String.raw`(?:under|below|fewer than|less than|up to|at most|max(?:imum)?(?: of)?|bis zu) ${NUMBER}${UNIT}`,
)
const saidSize = new RegExp(
  String.raw`${NUMBER}${UNIT}|(?:team|studio|company|staff|crew|business|office|firm) of (?:about |around |roughly |some )?${NUMBER}`,
)
const words: readonly (readonly [RegExp, string])[] = [
  [
    /\b(?:just|only) (?:me|myself)\b|\bone[- ](?:man|person|woman)\b|\bsole trader\b|\bno employees\b/,
    '1 people',
  ],
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
