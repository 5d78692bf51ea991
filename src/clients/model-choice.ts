/**
 * Which model the next call goes to: the configured one until its published shutdown date or until
 * the provider no longer knows it, then its successor. One object per client remembers it.
 */
import { hasShutDown, modelToUse } from '../domain/scoring/models.ts'

export interface ModelReplaced {
  level: 'warn'
  event: 'openai.model_replaced'
  model: string
  successor: string
  cause: 'shutdown_date' | 'not_found'
}

export interface ModelChoice {
  current(): string
  /** The model to try after `model` was not found; null when there is none left. */
  afterMissing(model: string): string | null
  inUse(): { model: string; because: 'configured' | 'shutdown_date' | 'not_found' }
}

export function modelChoice(options: {
  model: string
  successor: string
  now: () => Date
  announce: (event: ModelReplaced) => void
}): ModelChoice {
  const { model, successor, now } = options
  const announce = (cause: ModelReplaced['cause']) =>
    options.announce({ level: 'warn', event: 'openai.model_replaced', model, successor, cause })
  let missing = false

  return {
    current() {
      if (missing) return successor
      const chosen = modelToUse({ model, successor, now: now() })
      if (chosen !== model) announce('shutdown_date')
      return chosen
    },
    afterMissing(tried) {
      if (tried === model && successor !== model) {
        missing = true
        announce('not_found')
        return successor
      }
      // Neither is known: the next question starts with the configured model again, in case the
      // fault was the account's and somebody has mended it.
      missing = false
      return null
    },
    inUse() {
      if (missing) return { model: successor, because: 'not_found' }
      return hasShutDown(model, now())
        ? { model: successor, because: 'shutdown_date' }
        : { model, because: 'configured' }
    },
  }
}
