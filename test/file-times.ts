/** How long each test file took, by the moments at which uvu names them: what to shorten first. */
const SHOWN = 8

export interface FileTimes {
  hear(text: string): void
  /** The slowest ones, for people. */
  summary(): string
}

export function fileTimes(now: () => number): FileTimes {
  const begun: { file: string; at: number }[] = []
  return {
    hear(text) {
      // A heading is coloured; paths in a stack are not.
      for (const [file] of text.matchAll(/(?<=\[\d+m)[\w/-]+\.test\.ts/g)) {
        if (begun.at(-1)?.file !== file) begun.push({ file, at: now() })
      }
    },
    summary() {
      const end = now()
      const took = begun.map(({ file, at }, index) => ({
        file,
        seconds: ((begun[index + 1]?.at ?? end) - at) / 1000,
      }))
      const slowest = took.toSorted((a, b) => b.seconds - a.seconds).slice(0, SHOWN)
      return slowest.map(({ file, seconds }) => `${file} ${seconds.toFixed(0)} s`).join(', ')
    },
  }
}
