/**
 * What post-processing needs of the outside world, as ports that `clients` implement. Every call
 * ends by itself within a time limit of its own and throws OutsideError with a cause fit for people.
 */
import type { ProviderName } from '../channels/inbound-event.ts'
import type { Interaction, InteractionOutcome } from '../scoring/score.ts'

/** An outbound call that failed; its message names no secret and quotes no text. */
export class OutsideError extends Error {
  override name = 'OutsideError'
}

export interface ApiAccount {
  apiKey: string
  /** Null: the provider's public address. */
  baseUrl: string | null
}

/** A message that our side sent, as the provider's API tells it. */
export interface SentMessage {
  /** The key that the provider's webhook for the same message would have. */
  dedupeKey: string
  externalId: string | null
  subject: string | null
  /** Plain text without quoted thread; never empty. */
  body: string
  sentAt: Date
}

export interface TranscriptSource {
  /**
   * What our side sent in the conversation that this payload belongs to, at most a few hundred
   * messages; null when the payload names no conversation that the API could be asked for.
   */
  sentMessages(
    of: { payload: unknown; account: ApiAccount },
    signal: AbortSignal,
  ): Promise<SentMessage[] | null>
}

export interface EnrichmentRequest {
  url: string
  body: Record<string, unknown>
}

export interface Enricher {
  /** Resolves when the request was taken; the answer comes later, by webhook. */
  send(request: EnrichmentRequest, signal: AbortSignal): Promise<void>
  /** Where the answer for this lead has to be posted. */
  callbackUrl(lead: { workspaceId: string; leadId: string }): string
}

/** One question to a language model with a strict schema for its answer. */
export interface ModelQuestion<Value> {
  promptVersion: string
  workspaceId: string
  instructions: string
  input: { role: 'developer' | 'user'; content: string }[]
  /** Strict JSON schema of the answer. */
  format: { name: string; schema: Record<string, unknown> }
  maxOutputTokens: number
  /** Checks the answer's text; the reason must not quote it. */
  read(text: string): { value: Value } | { invalid: string }
}

export type ModelAnswer<Value> =
  | { outcome: 'ok'; value: Value; model: string; interactions: Interaction[] }
  | {
      outcome: Exclude<InteractionOutcome, 'ok'>
      reason: string
      /** The provider asked to wait this long. */
      retryAfterMs?: number | null
      /** The model's circuit breaker is open and lets the next call through after this. */
      circuitOpenMs?: number
      interactions: Interaction[]
    }

export interface LanguageModel {
  /** Failure is a value; it throws for faults of our own only. */
  ask<Value>(question: ModelQuestion<Value>, signal: AbortSignal): Promise<ModelAnswer<Value>>
}

export interface Outside {
  transcripts: Partial<Record<ProviderName, TranscriptSource>>
  /** Opens a sealed API key; throws when it was sealed under another SECRETS_KEY. */
  openApiKey(sealed: string, connectionId: string): string
  enricher: Enricher | null
  model: LanguageModel | null
  /** A new marker for each question: 128 random bits as 32 hexadecimal digits. */
  marker(): string
}

/** Nothing configured: every step that would call out is skipped, rules judge sentiment. */
export const noOutside: Outside = {
  transcripts: {},
  openApiKey: () => {
    throw new OutsideError('no API keys are kept')
  },
  enricher: null,
  model: null,
  marker: () => {
    throw new OutsideError('there is no model to ask')
  },
}
