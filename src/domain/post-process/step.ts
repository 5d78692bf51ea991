/** What a step of post-processing is: a name, and a plan made from the message at hand. */
import type { Channel } from '../channels/inbound-event.ts'
import type { Store, Tx } from '../sql.ts'
import type { Outside } from './outside.ts'
import type { StepMessage } from './step-message.ts'

export const stepNames = [
  'rules',
  'transcript_backfill',
  'contacts',
  'enrichment',
  'sentiment',
  'draft',
  'rollups',
] as const
export type StepName = (typeof stepNames)[number]

/** Runs in the transaction that also marks the step as done; the lead is locked. */
export type StepWrite = (tx: Tx) => Promise<void>

export type StepPlan =
  /** Nothing to do for this message; told again by the next look, so not recorded. */
  | { skip: string }
  /** Nothing but writing. */
  | { write: StepWrite }
  /** Calls outside, with no transaction open. A throw makes the step `failed` and no more. */
  | { call(signal: AbortSignal): Promise<CallResult> }

export interface CallResult {
  write?: StepWrite
  /** The step ended in its second-best way, e.g. by rules instead of a model: it counts as failed. */
  failure?: string
}

export interface StepOptions {
  store: Store
  outside: Outside
}

export interface Step {
  name: StepName
  /**
   * Decides from the message alone. May change `kind` and `sentimentTag` of the message, which are
   * stored with the step.
   */
  plan(message: StepMessage, options: StepOptions): StepPlan
}

/** `background-job/<job-type-in-kebab-case>` of an AI interaction. */
export const sourceOf = (channel: Channel) => `background-job/${channel}-inbound-post-process`
