/** The upkeep actor: sees every few seconds to the table that has the greatest need of it. */
import type { Sql } from '../domain/sql.ts'
import { repeatingActor } from './repeating.ts'
import type { ActorSystem } from './supervisor.ts'

export interface UpkeepOptions {
  system: ActorSystem
  store: Sql
  /** Of `domain/upkeep.ts`, by the kind of the database; answers how many tables had need of it. */
  upkeep(store: Sql): Promise<number>
  /** How many tables had need of it; the worst one has been seen to. */
  onKept(tables: number): void
  onError(error: unknown): void
}

/** A burst of some thousand jobs is planned blind no longer than this; a look costs 10 ms. */
const LOOK_MS = 5000
/** A table takes some 50 ms; five at once were a stall that every webhook of that moment felt. */
const BETWEEN_MS = 1000
/** What failed, for lack of room say, fails again, and each time it is a line in the log. */
const FAILED_MS = 60_000

export function upkeepActor(options: UpkeepOptions): void {
  const { system, store, upkeep, onKept, onError } = options
  repeatingActor({
    system,
    name: 'upkeep',
    work: () => upkeep(store),
    firstMs: LOOK_MS,
    pauseMs: (tables) => (tables > 1 ? BETWEEN_MS : LOOK_MS),
    failedMs: FAILED_MS,
    onDone(tables) {
      if (tables > 0) onKept(tables)
    },
    onError,
  })
}
