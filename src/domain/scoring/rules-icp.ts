/**
 * Reads the workspace's ideal customer profile as criteria and holds a lead against them. A
 * criterion is only ever met by what the profile or the lead itself says, never assumed.
 */
import { profileSize, type Range, statedSize, wantedSize } from './rules-headcount.ts'
import { phrases } from './rules-signal.ts'
import { contentWords, plainText, sentencesOf } from './rules-text.ts'
import { findTerms, industries, places, roles } from './rules-vocabulary.ts'
import type { LeadProfile } from './score.ts'

export type CriterionName = 'industry' | 'size' | 'role' | 'place' | 'specifics'
/** `clash` contradicts plainly · `near` does not meet it, but nearly · `unknown` nobody says. */
export type Verdict = 'match' | 'near' | 'clash' | 'unknown'

export interface CriterionResult {
  name: CriterionName
  verdict: Verdict
}

interface Criteria {
  industries: Set<string>
  roles: Set<string>
  places: Set<string>
  size: Range | null
  /** Words of the profile that are none of the above, e.g. an audit the lead prepares for. */
  specifics: Set<string>
}

/** Outside the wanted size by this factor is no near miss any more. */
const SIZE_CLASH_FACTOR = 2

const describesItself = phrases(
  'we are|we run|we own|i am|i run|i own|i work|we have|it is|its',
  'our (?:company|firm|business|shop|practice)',
)

export function compareWithIcp(
  idealCustomerProfile: string,
  lead: LeadProfile,
  said: string,
): CriterionResult[] {
  const wanted = criteriaOf(idealCustomerProfile)
  const title = plainText(lead.title ?? '')
  const profile = plainText([lead.industry, lead.company].filter(Boolean).join(' . '))
  const results: CriterionResult[] = []
  const add = (name: CriterionName, verdict: Verdict) => results.push({ name, verdict })
  if (wanted.industries.size > 0) add('industry', industryVerdict(wanted.industries, lead, said))
  if (wanted.size)
    add('size', sizeVerdict(wanted.size, statedSize(said) ?? profileSize(lead.headcount)))
  if (wanted.roles.size > 0) add('role', roleVerdict(wanted.roles, title))
  if (wanted.places.size > 0) {
    const found = findTerms(`${profile} . ${said}`, places).names
    add('place', overlaps(wanted.places, found) ? 'match' : 'unknown')
  }
  if (wanted.specifics.size > 0) {
    const found = contentWords(`${profile} ${title} ${said}`)
    add('specifics', overlaps(wanted.specifics, found) ? 'match' : 'unknown')
  }
  return results
}

function criteriaOf(idealCustomerProfile: string): Criteria {
  const plain = plainText(idealCustomerProfile)
  const role = findTerms(plain, roles)
  const industry = findTerms(role.rest, industries)
  const place = findTerms(industry.rest, places)
  return {
    industries: industry.names,
    roles: role.names,
    places: place.names,
    size: wantedSize(plain),
    specifics: contentWords(place.rest),
  }
}

/**
 * The industry field and what the lead says of itself can clash; a company's name only ever speaks
 * for a lead, since names mislead.
 */
function industryVerdict(wanted: Set<string>, lead: LeadProfile, said: string): Verdict {
  const aboutItself = sentencesOf(said).filter((sentence) => sentence.search(describesItself) >= 0)
  const told = findTerms(aboutItself.join(' '), industries).names
  const field = findTerms(plainText(lead.industry ?? ''), industries).names
  const named = findTerms(
    plainText(`${lead.company ?? ''} . ${lead.title ?? ''}`),
    industries,
  ).names
  if ([told, field, named].some((found) => overlaps(wanted, found))) return 'match'
  return told.size > 0 || field.size > 0 ? 'clash' : 'unknown'
}

function roleVerdict(wanted: Set<string>, title: string): Verdict {
  if (title === '') return 'unknown'
  return overlaps(wanted, findTerms(title, roles).names) ? 'match' : 'near'
}

function sizeVerdict(wanted: Range, actual: Range | null): Verdict {
  if (!actual) return 'unknown'
  if (actual.max >= wanted.min && actual.min <= wanted.max) return 'match'
  const clash =
    actual.max * SIZE_CLASH_FACTOR < wanted.min || actual.min > wanted.max * SIZE_CLASH_FACTOR
  return clash ? 'clash' : 'near'
}

function overlaps(wanted: ReadonlySet<string>, found: ReadonlySet<string>): boolean {
  return [...found].some((name) => wanted.has(name))
}
