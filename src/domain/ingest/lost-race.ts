/** A concurrent writer was first with an identity, a message or a lead: store the group again. */
import { codeOf } from '../sql.ts'

export class LostRaceError extends Error {
  override name = 'LostRaceError'
}

/** By constraint, because the same code may mean a row that can never be stored. */
const RACES = new Set([
  // The same new person, or the same message under another lead.
  'lead_identity_pkey',
  'message_dedupe',
  // The lead was erased meanwhile.
  'lead_identity_lead_id_foreign',
])
/** 40P01 deadlock, 40001 serialization failure: nobody's fault. */
const TRANSIENT = /^40(P01|001)$/

export function isLostRace(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { constraint, column, table, code } = cause as Error & Record<string, unknown>
    if (typeof constraint === 'string' && RACES.has(constraint)) return true
    // `lead_id` is null when its lead was not there, or had moved on, at the time of writing.
    if (code === '23502' && table === 'message' && column === 'lead_id') return true
  }
  return TRANSIENT.test(codeOf(error) ?? '')
}
