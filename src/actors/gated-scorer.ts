/** The scorer for people who wait for the answer: through the gate that every other call passes. */
import type { Scorer, ScoringResult } from '../domain/scoring/score.ts'
import { callOutcome } from './call-pace.ts'
import type { Gate } from './gate.ts'
import { PERMIT_WAIT_MS, withPermit } from './permit-wait.ts'

export function gatedScorer(scorer: Scorer, gate: Gate): Scorer {
  return {
    name: scorer.name,
    async score(request, signal) {
      const call = () => scorer.score(request, signal)
      const work = { call, outcomeOf: callOutcome }
      return (await withPermit(gate, request.workspaceId, signal, work)) ?? busy
    },
  }
}

const busy: ScoringResult = {
  outcome: 'rate_limited',
  reason: 'the model takes no calls just now',
  terminal: false,
  retryAfterMs: PERMIT_WAIT_MS,
  interactions: [],
}
