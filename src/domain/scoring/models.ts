/**
 * One table of the models a score may come from: effort to ask for, prices, end of life. Prices are
 * US dollars per million tokens of the standard service tier as published on PRICES_AS_OF. A model
 * outside the table works as well: without an effort setting and without a cost.
 */

export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

export interface ModelFacts {
  id: string
  /**
   * The least effort the model takes: three enums and a short reason need no thinking, and the
   * default (medium) bills hidden output tokens. The vocabulary differs: luna refuses `minimal`.
   */
  effort: Effort
  usdPerMillion: { input: number; cachedInput: number; cacheWrite: number; output: number }
  /** Day from which the provider answers "model not found", midnight UTC; null: none announced. */
  shutdownDate: string | null
}

export const PRICES_AS_OF = '2026-11-01'

const nano: Omit<ModelFacts, 'id'> = {
  effort: 'minimal',
  // No price of its own for cache writes: they are ordinary input.
  usdPerMillion: { input: 0.05, cachedInput: 0.005, cacheWrite: 0.05, output: 0.4 },
  shutdownDate: '2026-12-11',
}

export const models: readonly ModelFacts[] = [
  { id: 'gpt-5-nano', ...nano },
  { id: 'gpt-5-nano-2025-08-07', ...nano },
  {
    id: 'gpt-6-luna',
    effort: 'none',
    usdPerMillion: { input: 0.1, cachedInput: 0.01, cacheWrite: 0.125, output: 0.5 },
    shutdownDate: null,
  },
  {
    id: 'gpt-5.6-luna',
    effort: 'none',
    usdPerMillion: { input: 0.2, cachedInput: 0.02, cacheWrite: 0.25, output: 1.2 },
    shutdownDate: null,
  },
]

/** Tokens as the provider counts them: cached and cache-write tokens are part of the input. */
export interface TokenUsage {
  inputTokens: number
  cachedTokens: number
  cacheWriteTokens: number
  /** Includes reasoning tokens. */
  outputTokens: number
}

/**
 * The facts of a model, also under the name of a dated snapshot ("gpt-6-luna-2026-09-22"): the
 * provider answers with the snapshot's name and bills the family's price.
 */
export function factsOf(model: string): ModelFacts | undefined {
  return (
    models.find(({ id }) => id === model) ??
    models.find(({ id }) => id === model.replace(/-\d{4}-\d{2}-\d{2}$/, ''))
  )
}

/** Undefined for an unknown model: the request then leaves the effort to the provider. */
export function effortFor(model: string): Effort | undefined {
  return factsOf(model)?.effort
}

/** Null for a model without a known price: a shown cost is never a guess. */
export function costUsd(model: string, usage: TokenUsage): number | null {
  const price = factsOf(model)?.usdPerMillion
  if (!price) return null
  const cached = Math.min(usage.cachedTokens, usage.inputTokens)
  const written = Math.min(usage.cacheWriteTokens, usage.inputTokens - cached)
  const plain = usage.inputTokens - cached - written
  const perMillion =
    plain * price.input +
    cached * price.cachedInput +
    written * price.cacheWrite +
    usage.outputTokens * price.output
  return perMillion / 1_000_000
}

/** Days of shutdown as the provider publishes them; they count before the table's. */
type Published = ReadonlyMap<string, string | null>

/** YYYY-MM-DD, or null: no end is announced. A list without a date does not take the table's back. */
export function shutdownDateOf(model: string, published?: Published): string | null {
  return published?.get(model) ?? factsOf(model)?.shutdownDate ?? null
}

/** Whole days from now to midnight UTC of that day, rounded up; 0 or less once it has come. */
export function daysUntil(date: string, now: Date): number {
  return Math.ceil((midnight(date) - now.getTime()) / 86_400_000)
}

export function hasShutDown(model: string, now: Date, published?: Published): boolean {
  const date = shutdownDateOf(model, published)
  return date !== null && now.getTime() >= midnight(date)
}

/** The configured model until its published shutdown date, the successor from that day on. */
export function modelToUse(choice: {
  model: string
  successor: string
  now: Date
  published?: Published | undefined
}): string {
  const { model, successor, now, published } = choice
  return hasShutDown(model, now, published) ? successor : model
}

const midnight = (date: string) => Date.parse(`${date}T00:00:00Z`)
