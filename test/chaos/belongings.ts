/** What a run owns (processes, servers, directories) and how each is ended, whatever happens. */

export interface Belongings {
  /** Ended in reverse order. Answers a function that ends just this one, once. */
  add(end: () => Promise<void> | void): () => Promise<void>
  /** Ends everything that is left; a failure to end one does not spare the others. */
  end(): Promise<void>
}

export function belongings(): Belongings {
  const owned = new Set<() => Promise<void>>()
  return {
    add(end) {
      let ending: Promise<void> | undefined
      const once = () => {
        owned.delete(once)
        ending ??= Promise.resolve().then(end)
        return ending
      }
      owned.add(once)
      return once
    },
    async end() {
      for (const once of [...owned].reverse()) await once().catch(() => undefined)
    },
  }
}
