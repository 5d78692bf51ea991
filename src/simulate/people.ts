/**
 * Invented leads. A persona (name, company, position) belongs to the stream; the addresses that
 * identify a person to the service carry the run's nonce. Nobody can be reached by them: `.example`
 * domains and numbers of the North American area code 555, which does not exist.
 */
import type { Ids } from './ids.ts'
import { createDeck, type Random } from './random.ts'

export interface Persona {
  index: number
  firstName: string
  lastName: string
  company: string
  title: string
  /** How many people they would buy for; told in prices and needs. */
  seats: number
}

export interface Person extends Persona {
  email: string
  /** E.164. */
  phone: string
  linkedinId: string
  linkedinUrl: string
  domain: string
}

const firstNames = (
  'Dana Li Marcus Priya Tom Kim Luis Ann Greg Olive Nina Omar Ben Vera Sam Petra Joost Amy Raj ' +
  'Ellen Paul Hassan Lee Ivy Matt Sofia Arjun Zoe Elena Doug Henrik Grace Tina Alan Ruth Chloe ' +
  'Marta Pete Laura Gus Nora Claire Neil Meg Ada Ron Ute Hana Rico Pam Faye Cody Lou Kat Igor Wendy'
).split(' ')
const lastNames = (
  'Whit Chen Hale Rao Berg Ruiz Novak Moreau Duke Lowe Krause Vogt Brandt Wolf Okafor Silva Haas ' +
  'Lindqvist Petrov Tanaka Osei Farah Costa Dunn Keller Marsh Quinn Abbott Bauer Castro Doyle Engel'
).split(' ')
const companyNames = (
  'Harlow Orbit Nimbus Tidewater Ashgrove Bluepeak Cedar Drayton Eastgate Fairview Granite Highland ' +
  'Ironbridge Juniper Kestrel Lakeside Meridian Northway Oakfield Pinecrest Quarry Redwood Summit'
).split(' ')
const trades = ['Freight', 'Logistics', 'Haulage', 'Distribution', 'Cold Storage', 'Courier']
const titles = [
  'VP Operations',
  'Head of People',
  'HR Manager',
  'COO',
  'Owner',
  'Fleet Manager',
  'Depot Manager',
  'Director of Logistics',
]
/** Numbers from 555 200 0000 to 555 999 9999. */
const PHONES = 8_000_000

export function createPersonas(random: Random, count: number): Persona[] {
  const names = createDeck(random, firstNames)
  return Array.from({ length: count }, (_, index) => ({
    index,
    firstName: names.deal(),
    lastName: random.pick(lastNames),
    company: `${random.pick(companyNames)} ${random.pick(trades)}`,
    title: random.pick(titles),
    seats: 5 * Math.round(random.between(2, 40)),
  }))
}

/** The persona with addresses that no other lead of this or another run has. */
export function identify(persona: Persona, ids: Ids): Person {
  const { index, firstName, lastName, company } = persona
  const domain = `${company.toLowerCase().replace(/[^a-z]/g, '')}.example`
  const unique = `${ids.hex('run', 6)}${index.toString(36)}`
  const number = 2_000_000 + ((ids.number('first phone') + index) % PHONES)
  const linkedinId = `ACoAA${ids.text(`member ${index}`, 26)}`
  return {
    ...persona,
    domain,
    email: `${firstName}.${lastName}.${unique}@${domain}`.toLowerCase(),
    phone: `+1555${number}`,
    linkedinId,
    linkedinUrl: `https://www.linkedin.com/in/${linkedinId}`,
  }
}
