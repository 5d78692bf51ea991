/**
 * The model watch: reads the provider's list of models at the start and once a day, so that a
 * shutdown date is known, shown and kept to without a restart. Without a list the service goes on
 * by its own table and by "model not found".
 */
import type { ModelWatch } from '../domain/ai/model-life.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export interface ModelWatchOptions {
  system: ActorSystem
  watch: ModelWatch
  onError(error: unknown): void
}

type Message = { type: 'check' } | { type: 'checked' } | { type: 'failed'; error: unknown }

const CHECK_MS = 24 * 3_600_000
/** After a failure; a provider that has no list is asked no more often than this. */
const RETRY_MS = 3_600_000

export function modelWatchActor({ system, watch, onError }: ModelWatchOptions): Actor<Message> {
  return system.spawn<Message>({
    name: 'model-watch',
    restart: defaultRestart,
    incarnate(self) {
      function check(): void {
        self.run(
          () => watch.check(self.signal),
          (): Message => ({ type: 'checked' }),
          (error): Message => ({ type: 'failed', error }),
        )
      }
      check()
      return {
        handle(message) {
          if (message.type === 'check') return check()
          if (message.type === 'failed') onError(message.error)
          self.after(message.type === 'failed' ? RETRY_MS : CHECK_MS, { type: 'check' })
        },
      }
    },
  })
}
