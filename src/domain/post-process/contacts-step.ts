/**
 * Step `contacts`: phone numbers, e-mail addresses and LinkedIn profiles in what the lead wrote,
 * signature included, kept for people and for enrichment.
 */
import { contactsIn, storeContacts } from '../contacts.ts'
import { ownTextOf } from './own-text.ts'
import type { Step } from './step.ts'

export const contactsStep: Step = {
  name: 'contacts',
  plan(message) {
    if (message.kind !== 'text' && message.kind !== 'auto_reply') return { skip: 'no text' }
    const found = contactsIn(ownTextOf(message))
    if (found.length === 0) return { skip: 'none found' }
    return { write: (tx) => storeContacts(tx, message.leadId, found, 'message') }
  },
}
