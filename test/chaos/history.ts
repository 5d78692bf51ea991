/** What was sent, how each try was answered, and what was acknowledged: the checker's one witness. */

export interface Letter {
  externalId: string
  channel: string
  /** Identifies the lead. */
  email: string
  body: string
}

export interface Answer {
  externalId: string
  /** Null: no answer (refused, cut, timed out). */
  status: number | null
  /** Milliseconds since the epoch, at the start of the try. */
  at: number
  tookMs: number
}

export interface History {
  letters: Map<string, Letter>
  answers: Answer[]
  /** When the first 200 of each letter came. */
  acked: Map<string, number>
  /** How often each letter was answered `accepted`: more than once means stored twice. */
  accepted: Map<string, number>
  ackedCount(): number
}

export function newHistory(): History {
  const acked = new Map<string, number>()
  return {
    letters: new Map(),
    answers: [],
    acked,
    accepted: new Map(),
    ackedCount: () => acked.size,
  }
}
