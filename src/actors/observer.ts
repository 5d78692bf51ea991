/** What the actors tell of their work while they do it, for metrics. Called often: must cost nothing. */
import type { Channel } from '../domain/channels/inbound-event.ts'

/**
 * Parts of the way from a message to its score. `waiting`: from the message's receipt to the question
 * for a permit, that is post-processing, queue and quiet window; `gate`: until the permit; `llm`: the
 * call; `commit`: the transaction of the score; `total`: from the receipt to that commit.
 */
export const scoringStages = ['waiting', 'gate', 'llm', 'commit', 'total'] as const
export type ScoringStage = (typeof scoringStages)[number]

export interface Observer {
  group(channel: Channel, rows: number, ms: number): void
  stage(stage: ScoringStage, ms: number): void
}
