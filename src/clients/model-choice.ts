/**
 * Which model the next call goes to: the configured one until its published shutdown date or until
 * the provider no longer knows it, then its successor. One object per client remembers it, and what
 * the provider's own list last said of both.
 */

import type { ModelLife, PublishedModels } from '../domain/ai/model-life.ts'
import { daysUntil, hasShutDown, modelToUse, shutdownDateOf } from '../domain/scoring/models.ts'

/** A person should look while there is time to compare the successor (`npm run eval`). */
const WARN_DAYS = 30

export interface ModelReplaced {
  level: 'warn'
  event: 'openai.model_replaced'
  model: string
  successor: string
  cause: 'shutdown_date' | 'not_found'
}

export interface ModelEnding {
  level: 'warn'
  event: 'openai.model_ending'
  model: string
  successor: string
  cause: 'shutdown_date'
  shutdownDate: string
  daysUntilShutdown: number
}

export interface ModelChoice {
  current(): string
  /** The model to try after `model` was not found; null when there is none left. */
  afterMissing(model: string): string | null
  inUse(): { model: string; because: ModelLife['because'] }
  /** What the provider's list says from now on counts before our table. */
  learn(published: PublishedModels): void
  life(): ModelLife
}

export function modelChoice(options: {
  model: string
  successor: string
  now: () => Date
  announce: (event: ModelReplaced | ModelEnding) => void
}): ModelChoice {
  const { model, successor, now } = options
  let missing = false
  let published: PublishedModels | null = null
  let checkedAt: Date | null = null

  const dates = () => published ?? undefined
  const announce = (cause: ModelReplaced['cause']) =>
    options.announce({ level: 'warn', event: 'openai.model_replaced', model, successor, cause })

  function announceEnd(): void {
    const shutdownDate = shutdownDateOf(model, dates())
    if (shutdownDate === null) return
    const daysUntilShutdown = daysUntil(shutdownDate, now())
    if (daysUntilShutdown > WARN_DAYS || daysUntilShutdown <= 0) return
    const event = 'openai.model_ending' as const
    const about = { model, successor, shutdownDate, daysUntilShutdown }
    options.announce({ level: 'warn', event, cause: 'shutdown_date', ...about })
  }

  const choice: ModelChoice = {
    current() {
      if (missing) return successor
      const chosen = modelToUse({ model, successor, now: now(), published: dates() })
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
      return hasShutDown(model, now(), dates())
        ? { model: successor, because: 'shutdown_date' }
        : { model, because: 'configured' }
    },
    learn(list) {
      published = list
      checkedAt = now()
      // Found missing before, and listed again: at worst one refused call a day says otherwise.
      if (list.has(model)) missing = false
      choice.current()
      announceEnd()
    },
    life() {
      const { model: inUse, because } = choice.inUse()
      const ids = [...new Set([model, successor])]
      return {
        configured: model,
        inUse,
        because,
        checkedAt,
        models: ids.map((id) => {
          const shutdownDate = shutdownDateOf(id, dates())
          const days = shutdownDate === null ? null : daysUntil(shutdownDate, now())
          return { id, shutdownDate, daysUntilShutdown: days, listed: published?.has(id) ?? null }
        }),
      }
    },
  }
  return choice
}
