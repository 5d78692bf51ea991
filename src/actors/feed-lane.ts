/** A lane of reads: a few at once, the others wait their turn. */
export interface Lane<Job> {
  add(job: Job): void
  /** One of the reads ended, well or not. */
  done(): void
  waiting(): number
}

/** `start` answers false for a job that is not needed any more. */
export function readLane<Job>(readsMax: number, start: (job: Job) => boolean): Lane<Job> {
  const queue: Job[] = []
  let reads = 0
  function startNext(): void {
    while (reads < readsMax && queue.length > 0) {
      if (start(queue.shift() as Job)) reads += 1
    }
  }
  return {
    add(job) {
      queue.push(job)
      startNext()
    },
    done() {
      reads -= 1
      startNext()
    },
    waiting: () => queue.length,
  }
}
