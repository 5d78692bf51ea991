/** What the actors tell of their work while they do it, for metrics and traces. Called often: must cost nothing. */
/**
 * Parts of the way from a message to its score. `waiting`: from the message's receipt to the question
 * for a permit, that is post-processing, queue and quiet window; `gate`: until the permit; `llm`: the
 * call; `commit`: the transaction of the score; `total`: from the receipt to that commit.
 */
export const scoringStages = ['waiting', 'gate', 'llm', 'commit', 'total'] as const
export type ScoringStage = (typeof scoringStages)[number]

export interface Observer {
  /** Messages stored by one commit, of all channels. */
  group(rows: number, ms: number): void
  stage(stage: ScoringStage, ms: number): void
}

/** A stretch of a message's way; times are Unix milliseconds. */
export interface Span {
  name: string
  fromMs: number
  toMs: number
  attributes?: Record<string, string | number>
  /** What went wrong: a name, never a text that may quote a message. */
  error?: string
}

/** A score with the spans of how it came about, or of how it got to people. */
export interface CoveringScore {
  leadId: string
  /** message_seq that it covers. */
  seen: number
  spans: Span[]
}

/** Told of single messages. Absent unless somebody traces. */
export interface Traces {
  /** The first span of a message that was stored. */
  webhook(messageId: string, span: Span): void
  message(messageId: string, span: Span): void
  /** For every message that these scores are the first to cover. */
  covered(scores: CoveringScore[]): void
}
