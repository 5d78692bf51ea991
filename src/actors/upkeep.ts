/** The upkeep actor: does on the embedded database every few seconds what autovacuum does on a server. */
import type { Sql } from '../domain/sql.ts'
import { keepUp } from '../domain/upkeep.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export interface UpkeepOptions {
  system: ActorSystem
  store: Sql
  /** How many tables had need of it. */
  onKept(tables: number): void
  onError(error: unknown): void
}

type Message =
  | { type: 'keep' }
  | { type: 'kept'; tables: number }
  | { type: 'failed'; error: unknown }

/** A burst of some thousand jobs is planned blind no longer than this; a look costs 10 ms. */
const LOOK_MS = 5000
/** What failed, for lack of room say, fails again, and each time it is a line in the log. */
const FAILED_MS = 60_000

export function upkeepActor({ system, store, onKept, onError }: UpkeepOptions): Actor<Message> {
  return system.spawn<Message>({
    name: 'upkeep',
    restart: defaultRestart,
    incarnate(self) {
      self.after(LOOK_MS, { type: 'keep' })
      return {
        handle(message) {
          if (message.type === 'keep') {
            self.run(
              () => keepUp(store),
              (tables): Message => ({ type: 'kept', tables }),
              (error): Message => ({ type: 'failed', error }),
            )
            return
          }
          if (message.type === 'failed') onError(message.error)
          else if (message.tables > 0) onKept(message.tables)
          self.after(message.type === 'failed' ? FAILED_MS : LOOK_MS, { type: 'keep' })
        },
      }
    },
  })
}
