/**
 * Merges into the index of the lead list's search what new leads have added to its pending list. An
 * insert that finds the list full merges it by itself, and everybody in its group waits for that.
 */
import { mergeSearchWords } from '../domain/leads/search-words.ts'
import type { Sql } from '../domain/sql.ts'
import { repeatingActor } from './repeating.ts'
import type { ActorSystem } from './supervisor.ts'

export interface SearchMergeOptions {
  system: ActorSystem
  store: Sql
  onError(error: unknown): void
}

/** A thousand new leads a second fill the list in about three; an empty one costs a millisecond. */
const MERGE_MS = 2000
/** What failed once, for lack of ownership say, fails again; inserts go on merging by themselves. */
const FAILED_MS = 600_000

export function searchMergeActor({ system, store, onError }: SearchMergeOptions): void {
  repeatingActor({
    system,
    name: 'search-merge',
    work: () => mergeSearchWords(store),
    firstMs: MERGE_MS,
    pauseMs: () => MERGE_MS,
    failedMs: FAILED_MS,
    onError,
  })
}
