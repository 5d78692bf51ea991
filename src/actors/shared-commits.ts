/**
 * Shared commits: what waits in several channels when a turn is free is stored by one transaction.
 * A group costs as much as some ten rows, however small it is, so five channels with a few rows each
 * are dearer than one group of all of them.
 *
 * Guarantees: a channel's rows are handed over when its turn comes, so its group grows until then
 * and a lone one goes at once; where the database refuses the rows of a shared group, each channel
 * is stored by itself, and no channel fails by another's row.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { LostRaceError } from '../domain/ingest/lost-race.ts'
import type { Offered, Stored } from '../domain/ingest/offered.ts'
import { type EnqueuePostProcess, storeGroup } from '../domain/ingest/store-group.ts'
import { codeOf, type Sql } from '../domain/sql.ts'
import type { Observer } from './observer.ts'

export interface SharedCommits {
  /**
   * Asks for a turn. `take` is called once, when it comes, for the rows to store: at least one offer
   * and about `rowsMax` rows at most. Answers what became of each row, after the COMMIT; rejects
   * where nothing of them was stored. A channel asks again only after the answer, which is what keeps
   * its order.
   */
  commit(take: (rowsMax: number) => Offered[]): Promise<Stored[]>
}

export interface SharedCommitsOptions {
  store: Sql
  enqueue: EnqueuePostProcess
  /** Transactions at once: 2 keep the database busy while answers go out, an embedded one takes 1. */
  turns: number
  observer?: Pick<Observer, 'group'>
}

interface Request {
  take(rowsMax: number): Offered[]
  resolve(stored: Stored[]): void
  reject(error: unknown): void
}

interface Part {
  request: Request
  offered: Offered[]
}

/** One statement's worth of rows: larger groups gain nothing and hold their locks longer. */
export const GROUP_ROWS_MAX = 500
/** Groups that lose as often met a hot lead; their senders come again. */
const RACES_MAX = 8
/** Two groups that met are not to meet again; a commit takes about as long. */
const RACE_DELAY_MS = 3

export function sharedCommits(options: SharedCommitsOptions): SharedCommits {
  /** In the order they came. */
  const waiting: Request[] = []
  let turns = options.turns
  let isComing = false

  /**
   * At the end of the event loop's turn: the channels of a group that was stored ask again one after
   * the other, and the first would go alone.
   */
  function beginSoon(): void {
    if (isComing) return
    isComing = true
    setImmediate(() => {
      isComing = false
      begin()
    })
  }

  /** With several turns free, what waits is shared out to them. */
  function begin(): void {
    while (turns > 0 && waiting.length > 0) {
      const parts = takeParts(Math.ceil(waiting.length / turns))
      if (parts.length === 0) continue
      turns -= 1
      void settle(parts).finally(() => {
        turns += 1
        beginSoon()
      })
    }
  }

  function takeParts(count: number): Part[] {
    const parts: Part[] = []
    let rows = 0
    for (let n = 0; n < count && rows < GROUP_ROWS_MAX; n++) {
      const request = waiting.shift() as Request
      const offered = request.take(GROUP_ROWS_MAX - rows)
      if (offered.length === 0) request.resolve([])
      else parts.push({ request, offered })
      rows += offered.length
    }
    return parts
  }

  async function settle(parts: Part[]): Promise<void> {
    try {
      const stored = await store(
        parts.flatMap(({ offered }) => offered),
        options,
      )
      let from = 0
      for (const { request, offered } of parts) {
        request.resolve(stored.slice(from, from + offered.length))
        from += offered.length
      }
    } catch (error) {
      if (parts.length > 1 && isRefusal(error)) for (const part of parts) await settle([part])
      else for (const { request } of parts) request.reject(error)
    }
  }

  return {
    commit: (take) =>
      new Promise((resolve, reject) => {
        waiting.push({ take, resolve, reject })
        beginSoon()
      }),
  }
}

async function store(
  offered: Offered[],
  { store, enqueue, observer }: SharedCommitsOptions,
): Promise<Stored[]> {
  const begun = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      const stored = await storeGroup(store, offered, enqueue)
      observer?.group(offered.length, performance.now() - begun)
      return stored
    } catch (error) {
      if (!(error instanceof LostRaceError) || attempt >= RACES_MAX) throw error
      await delay(Math.random() * RACE_DELAY_MS * attempt)
    }
  }
}

/** Classes 22 (data exception), 23 (constraint), 54 (limit): the rows are at fault, not the server. */
export function isRefusal(error: unknown): boolean {
  return !(error instanceof LostRaceError) && /^(22|23|54)/.test(codeOf(error) ?? '')
}
