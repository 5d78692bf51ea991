/** The messages an actor was sent and has not begun to handle: a queue with a cheap shift. */
export interface Mailbox<Msg> {
  push(message: Msg): void
  shift(): Msg | undefined
  size(): number
  /** Empties it and answers what was left, oldest first. */
  drain(): Msg[]
}

export function mailbox<Msg>(): Mailbox<Msg> {
  let items: (Msg | undefined)[] = []
  let head = 0
  return {
    push: (message) => void items.push(message),
    shift() {
      const message = items[head]
      items[head] = undefined
      head += 1
      // The dead front is cut off once it outgrows the rest: each element is moved at most once.
      if (head > 64 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return message
    },
    size: () => Math.max(0, items.length - head),
    drain() {
      const rest = items.slice(head) as Msg[]
      items = []
      head = 0
      return rest
    },
  }
}
