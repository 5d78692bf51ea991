/**
 * A binary heap whose entries can be taken out or re-ordered wherever they are: push, pop, remove
 * and moved cost O(log n). It keeps each entry's place, so an entry is in it at most once.
 */
export interface Heap<Entry> {
  readonly size: number
  peek(): Entry | undefined
  /** All of them, in no order. */
  entries(): Iterable<Entry>
  push(entry: Entry): void
  pop(): Entry | undefined
  /** False when it is not in the heap. */
  remove(entry: Entry): boolean
  /** What orders this entry has changed. */
  moved(entry: Entry): void
}

export function heap<Entry>(isBefore: (a: Entry, b: Entry) => boolean): Heap<Entry> {
  const entries: Entry[] = []
  const places = new Map<Entry, number>()

  function put(entry: Entry, place: number): void {
    entries[place] = entry
    places.set(entry, place)
  }

  function rise(entry: Entry, from: number): number {
    let place = from
    while (place > 0) {
      const above = (place - 1) >>> 1
      const parent = entries[above] as Entry
      if (!isBefore(entry, parent)) break
      put(parent, place)
      place = above
    }
    put(entry, place)
    return place
  }

  function sink(entry: Entry, from: number): void {
    let place = from
    while (true) {
      let below = 2 * place + 1
      if (below >= entries.length) break
      const right = below + 1
      if (right < entries.length && isBefore(entries[right] as Entry, entries[below] as Entry)) {
        below = right
      }
      const child = entries[below] as Entry
      if (!isBefore(child, entry)) break
      put(child, place)
      place = below
    }
    put(entry, place)
  }

  function remove(entry: Entry): boolean {
    const place = places.get(entry)
    if (place === undefined) return false
    places.delete(entry)
    const last = entries.pop() as Entry
    if (last !== entry) sink(last, rise(last, place))
    return true
  }

  return {
    get size() {
      return entries.length
    },
    peek: () => entries[0],
    entries: () => entries.values(),
    push(entry) {
      entries.push(entry)
      rise(entry, entries.length - 1)
    },
    pop() {
      const first = entries[0]
      if (first !== undefined) remove(first)
      return first
    },
    remove,
    moved(entry) {
      const place = places.get(entry)
      if (place !== undefined) sink(entry, rise(entry, place))
    },
  }
}
