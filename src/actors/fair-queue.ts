/**
 * Who is next at the gate: start-time fair queueing with calls of one size. A workspace that was
 * served waits until every other that wants to has been served in this round, however long its own
 * backlog is; one that had nothing waiting joins the current round. All steps O(log n).
 */
import { type Heap, heap } from './heap.ts'

export interface WaitingCall {
  workspaceId: string
  /** Orders within the workspace: milliseconds of the clock when the lead became unscored. */
  since: number
  /** Higher goes first, whatever the workspace: recovery and backfill never delay live leads. */
  priority?: number
  /** Calls of this lead that the provider failed lately; absent: none. */
  failures?: number
}

export interface Waiter {
  share: Share
  since: number
  priority: number
  failures: number
  order: number
  granted: () => void
}

/** What a workspace has had and wants. */
interface Share {
  workspaceId: string
  /** The round in which it is served next. */
  turn: number
  waiting: Heap<Waiter>
}

export interface FairQueue {
  size(): number
  add(call: WaitingCall, granted: () => void): Waiter
  /** Takes out the one that is next. */
  next(): Waiter | undefined
  /**
   * The same for a probe of a provider that may be well again: the one with the fewest failures, so
   * that a lead that always fails does not hide that others would not. O(n), once per probe.
   */
  nextProbe(): Waiter | undefined
  remove(waiter: Waiter): void
  /** Among its workspace's and among workspaces; never lower than it was. */
  raise(waiter: Waiter, priority: number): void
}

export function fairQueue(): FairQueue {
  const shares = new Map<string, Share>()
  const wanting = heap<Share>((a, b) => {
    const [first, second] = [a.waiting.peek() as Waiter, b.waiting.peek() as Waiter]
    if (first.priority !== second.priority) return first.priority > second.priority
    return a.turn === b.turn ? isOlder(first, second) : a.turn < b.turn
  })
  /** Workspaces without a waiter, remembered until the round they were served in has passed. */
  const served = new Set<Share>()
  let round = 0
  let orders = 0
  let size = 0

  function shareOf(workspaceId: string): Share {
    const known = shares.get(workspaceId)
    if (known) return known
    const share = { workspaceId, turn: round, waiting: heap<Waiter>(goesFirst) }
    shares.set(workspaceId, share)
    return share
  }

  function startRound(next: number): void {
    round = next
    for (const share of served) {
      if (share.turn > round) continue
      served.delete(share)
      if (share.waiting.size === 0) shares.delete(share.workspaceId)
    }
  }

  /** After its waiters changed: back to where it belongs among the workspaces. */
  function place(share: Share): void {
    if (share.waiting.size > 0) wanting.moved(share)
    else {
      wanting.remove(share)
      served.add(share)
    }
  }

  function serve(waiter: Waiter | undefined): Waiter | undefined {
    if (!waiter) return undefined
    const { share } = waiter
    share.waiting.remove(waiter)
    size -= 1
    const turn = Math.max(share.turn, round)
    share.turn = turn + 1
    if (turn > round) startRound(turn)
    place(share)
    return waiter
  }

  return {
    size: () => size,
    add({ workspaceId, since, priority = 0, failures = 0 }, granted) {
      const share = shareOf(workspaceId)
      const waiter = { share, since, priority, failures, order: ++orders, granted }
      share.waiting.push(waiter)
      size += 1
      if (share.waiting.size === 1) wanting.push(share)
      else wanting.moved(share)
      return waiter
    },
    next: () => serve(wanting.peek()?.waiting.peek()),
    nextProbe() {
      let best: Waiter | undefined
      for (const { waiting } of wanting.entries()) {
        for (const waiter of waiting.entries())
          if (!best || probesFirst(waiter, best)) best = waiter
      }
      return serve(best)
    },
    remove(waiter) {
      if (!waiter.share.waiting.remove(waiter)) return
      size -= 1
      place(waiter.share)
    },
    raise(waiter, priority) {
      if (priority <= waiter.priority) return
      waiter.priority = priority
      waiter.share.waiting.moved(waiter)
      wanting.moved(waiter.share)
    },
  }
}

const isOlder = (a: Waiter, b: Waiter) =>
  a.since === b.since ? a.order < b.order : a.since < b.since
const probesFirst = (a: Waiter, b: Waiter) =>
  a.failures === b.failures ? goesFirst(a, b) : a.failures < b.failures
const goesFirst = (a: Waiter, b: Waiter) =>
  a.priority === b.priority ? isOlder(a, b) : a.priority > b.priority
