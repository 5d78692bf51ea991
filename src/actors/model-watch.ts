/**
 * The model watch: reads the provider's list of models at the start and once a day, so that a
 * shutdown date is known, shown and kept to without a restart. Without a list the service goes on
 * by its own table and by "model not found".
 */
import type { ModelWatch } from '../domain/ai/model-life.ts'
import { repeatingActor } from './repeating.ts'
import type { ActorSystem } from './supervisor.ts'

export interface ModelWatchOptions {
  system: ActorSystem
  watch: ModelWatch
  onError(error: unknown): void
}

const CHECK_MS = 24 * 3_600_000
/** After a failure; a provider that has no list is asked no more often than this. */
const RETRY_MS = 3_600_000

export function modelWatchActor({ system, watch, onError }: ModelWatchOptions): void {
  repeatingActor({
    system,
    name: 'model-watch',
    work: (signal) => watch.check(signal),
    pauseMs: () => CHECK_MS,
    failedMs: RETRY_MS,
    onError,
  })
}
