/** A small seeded generator (mulberry32): the same seed gives the same stream on every machine. */

export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number
  between(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  shuffled<T>(list: readonly T[]): T[]
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  function pick<T>(list: readonly T[]): T {
    const index = Math.floor(next() * list.length)
    if (index >= list.length) throw new RangeError('nothing to pick from')
    return list[index] as T
  }

  function shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((entry) => ({ entry, rank: next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ entry }) => entry)
  }

  return {
    next,
    pick,
    shuffled,
    between: (min, max) => min + next() * (max - min),
    chance: (probability) => next() < probability,
  }
}

/**
 * Deals every entry once before any comes again, in an order of its own each round: a short stream
 * then holds all kinds, which independent draws would not promise.
 */
export function createDeck<T>(random: Random, entries: readonly T[]): { deal(): T } {
  let left: T[] = []
  return {
    deal() {
      if (left.length === 0) left = random.shuffled(entries)
      return left.pop() ?? random.pick(entries)
    },
  }
}
