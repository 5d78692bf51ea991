/**
 * What the rules know of business: industries, roles and places, as words of plain text. Order
 * matters where one is a special case of another: a match takes its words away, so that a dental
 * clinic is not also a clinic.
 */
import { phrases } from './rules-signal.ts'

export interface Term {
  name: string
  pattern: RegExp
}

function term(name: string, ...alternatives: string[]): Term {
  return { name, pattern: phrases(...alternatives) }
}

export const industries: readonly Term[] = [
  term(
    'dental',
    '(?:dental|orthodontic)(?:s| care| clinics?| practices?)?|dentist(?:s|ry)?|orthodontics',
    'zahnarzt[a-z]*',
  ),
  term('veterinary', '(?:veterinary|vet|animal)(?: clinics?| practices?| hospitals?)?|vets'),
  term(
    'hospitality',
    'restaurants?|cafes?|bistros?|bars?|pubs?|baker(?:y|ies)|food trucks?|hotels?|hospitality',
    'catering|pizzeria',
  ),
  term(
    'e-commerce',
    'e-?commerce|online (?:shops?|stores?|retail(?:ers?)?)|web ?shops?|shopify|dtc',
  ),
  term('retail', 'retail(?:ers?)?|(?:shops?|stores?|boutiques?)'),
  term(
    'logistics',
    'logisti[ckq][a-z]*|freight|trucking|hauling|haulage|shipping|warehous(?:es?|ing)|3pl',
    'couriers?|transport(?:ation)?|supply chain|spedition',
  ),
  term(
    'real estate',
    'real estate(?: agents?| agenc(?:y|ies))?|realty|realtors?|property manage(?:ment|rs?)',
    'estate agen(?:ts?|c(?:y|ies))|lettings|immobilien',
  ),
  term(
    'construction',
    'construction|builders?|contractors?|roof(?:ing|ers?|s)|plumb(?:ing|ers?)|concrete|drywall',
    'carpent(?:ry|ers?)|hvac|electricians?|landscap(?:ing|ers?)|bau(?:unternehmen|firma)?',
  ),
  term(
    'manufacturing',
    'manufactur(?:ing|ers?|es?)|factor(?:y|ies)|fabricat(?:ion|ors?)|machining|steel|metallbau',
    'production|industrial|maschinenbau',
  ),
  term(
    'agriculture',
    'farm(?:s|ing|ers?)?|agricultur(?:e|al)|agrar|landwirt(?:schaft)?|vineyards?',
  ),
  term(
    'software',
    'saas|software|apps?|cloud|tech(?:nology)? (?:company|companies|startups?)|platform',
  ),
  term(
    'legal',
    'law(?: firms?| practices?)?|lawyers?|attorneys?|solicitors?|legal|notar(?:y|ies)',
    'rechtsanwalt[a-z]*|avocats?',
  ),
  term(
    'finance',
    'bank(?:s|ing)?|financ(?:e|ial)(?: services| advisors?)?|fintech|wealth|accountan(?:ts?|cy)',
    'accounting|insur(?:ance|ers?)|credit unions?',
  ),
  term(
    'healthcare',
    'hospitals?|clinics?|health ?care|medical(?: cent(?:er|re)s?)?|care homes?|nursing homes?',
    'doctors?|physicians?|pharmac(?:y|ies)',
  ),
  term('education', 'schools?|universit(?:y|ies)|colleges?|education|teachers?|students?'),
  term(
    'agency',
    '(?:marketing|seo|advertising|creative|digital|design) (?:agenc(?:y|ies)|studios?)|seo',
  ),
  term('recruiting', 'recruit(?:ing|ment|ers?)|staffing'),
  term('consulting', 'consult(?:ing|ancy|ants?)'),
  term('automotive', 'automotive|car dealers?(?:hips?)?|auto repair|garages?'),
  term('nonprofit', 'non-?profits?|charit(?:y|ies)|church(?:es)?|ngos?'),
  term('fitness', 'gyms?|fitness|yoga|salons?|spas?|beauty'),
  term('energy', 'energy|utilit(?:y|ies)|oil|solar installers?'),
  term('government', 'government|municipal(?:ity)?|city council|public sector'),
]

export const roles: readonly Term[] = [
  term('nursing', 'chief nursing officers?|cno|director of nursing|head nurses?|matrons?'),
  term(
    'finance',
    'cfos?|chief financial officers?|controllers?|finance (?:directors?|managers?|leads?)',
    'head of finance|bookkeepers?|accountants?',
  ),
  term(
    'technology',
    'ctos?|cios?|chief technology officers?',
    '(?:vp|head|director) (?:of )?(?:engineering|it|technology)|it (?:managers?|directors?)',
    'engineering (?:managers?|leads?)',
  ),
  term(
    'security',
    'cisos?|(?:head|director|vp) of (?:information )?security',
    'security (?:managers?|leads?|officers?)',
  ),
  term(
    'operations',
    'coos?|operations?|supply chain|logistics managers?',
    '(?:head|director|vp) of (?:logistics|operations)|fulfil?lment managers?',
  ),
  term(
    'people',
    'hr|human resources|people (?:ops|operations|managers?|partners?)',
    '(?:head|director|vp) of people|talent',
  ),
  term('marketing', 'cmos?|marketing|growth|brand managers?'),
  term('sales', 'cros?|sales|business development'),
  term('office', '(?:office|practice) (?:managers?|administrators?)'),
  term('partner', '(?:managing |senior |equity )?partners?'),
  term(
    'owner',
    'owners?|(?:co-?)?founders?|proprietors?|ceos?|presidents?|managing directors?',
    'general managers?|principals?|directors?|geschaftsfuhrer(?:in)?|inhaber(?:in)?',
    'propietari[oa]s?|gerante?|dueno|duena|pdg',
  ),
]

/** Legal forms count as a place: an LLC is American, a GmbH German. */
export const places: readonly Term[] = [
  term('United States', 'usa?|united states|american?|llc|inc'),
  term('United Kingdom', 'uk|united kingdom|britain|british|england|scotland|wales|london|ltd'),
  term('Germany', 'germany|german|deutschland|dach|gmbh|berlin|hamburg|munich|munchen|koln'),
  term('France', 'france|french|paris|sarl|sas'),
  term('Spain', 'spain|spanish|espana|madrid|barcelona'),
  term('Netherlands', 'netherlands|dutch|holland|amsterdam|bv'),
  term('Canada', 'canada|canadian|toronto|vancouver'),
  term('Australia', 'australian?|sydney|melbourne|pty'),
  term('Austria', 'austria|osterreich|wien|vienna'),
  term('Switzerland', 'switzerland|swiss|schweiz|zurich'),
]

/** The names found, and what is left of the text without their words. */
export function findTerms(
  plain: string,
  table: readonly Term[],
): { names: Set<string>; rest: string } {
  const names = new Set<string>()
  let rest = plain
  for (const { name, pattern } of table) {
    const without = rest.replace(pattern, ' ~ ')
    if (without !== rest) names.add(name)
    rest = without
  }
  return { names, rest }
}
