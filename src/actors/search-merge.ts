/**
 * Merges into the index of the lead list's search what new leads have added to its pending list. An
 * insert that finds the list full merges it by itself, and everybody in its group waits for that.
 */
import { mergeSearchWords } from '../domain/leads/search-words.ts'
import type { Sql } from '../domain/sql.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export interface SearchMergeOptions {
  system: ActorSystem
  store: Sql
  onError(error: unknown): void
}

type Message = { type: 'merge' } | { type: 'merged' } | { type: 'failed'; error: unknown }

/** A thousand new leads a second fill the list in about three; an empty one costs a millisecond. */
const MERGE_MS = 2000
/** What failed once, for lack of ownership say, fails again; inserts go on merging by themselves. */
const FAILED_MS = 600_000

export function searchMergeActor(options: SearchMergeOptions): Actor<Message> {
  return options.system.spawn<Message>({
    name: 'search-merge',
    restart: defaultRestart,
    incarnate(self) {
      self.after(MERGE_MS, { type: 'merge' })
      return {
        handle(message) {
          switch (message.type) {
            case 'merge':
              self.run(
                () => mergeSearchWords(options.store),
                (): Message => ({ type: 'merged' }),
                (error): Message => ({ type: 'failed', error }),
              )
              break
            case 'merged':
              self.after(MERGE_MS, { type: 'merge' })
              break
            case 'failed':
              options.onError(message.error)
              self.after(FAILED_MS, { type: 'merge' })
              break
          }
        },
      }
    },
  })
}
