import * as assert from 'uvu/assert'
import { contactsIn } from '../../src/domain/contacts.ts'
import { suite } from '../support/suite.ts'

const test = suite('contacts in a text')

test('each kind is found once and normalised', () => {
  const text =
    'Ann.Lee@Harlow.example (212) 555-0187, linkedin.com/in/Ann-Lee/ ann.lee@harlow.example'
  assert.equal(contactsIn(text), [
    { kind: 'email', value: 'ann.lee@harlow.example' },
    { kind: 'phone', value: '+12125550187' },
    { kind: 'linkedin', value: 'https://www.linkedin.com/in/ann-lee' },
  ])
})

test('numbers that nobody can call, companies and half addresses are none', () => {
  const text =
    'Order 4711-0815, 40 seats for $12,000 on 2026-01-06; linkedin.com/company/harlow @dana'
  assert.equal(contactsIn(text), [])
})

test('a directory is cut short, and a megabyte costs no more than its start', () => {
  const many = Array.from({ length: 40 }, (_, n) => `person${n}@harlow.example`).join(' ')
  assert.is(contactsIn(many).length, 5)
  assert.equal(contactsIn(`${'a@'.repeat(500_000)} late@harlow.example`), [])
})

test.run()
