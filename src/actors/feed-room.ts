/** Who listens to the feed: members by id, and a tail for each workspace that has any. */
import { closeCodes } from '../domain/feed-protocol.ts'
import { type FeedStart, type FeedSubscriber, type Member, newMember } from './feed-member.ts'
import { closeSlow, newTail, type Tail } from './feed-tail.ts'

export interface FeedMeters {
  subscribers: number
  workspaces: number
  /** Members whose next page waits for a free read. */
  catchingUp: number
  batches: number
  events: number
  resets: number
  slowClosed: number
  /** Events that slow clients got only as part of a newer one of their lead. */
  merged: number
}

export interface FeedRoom {
  /** Replaces a member of the same id. */
  enter(subscriber: FeedSubscriber, start: FeedStart): { tail: Tail; member: Member }
  /** False after it left or was replaced. */
  has(member: Member): boolean
  leave(member: Member): void
  leaveById(id: string): void
  members(): Iterable<Member>
  tails(): ReadonlyMap<string, Tail>
  /** `reason` is asked for each of them. */
  closeAll(code: number, reason: () => string): void
  closeSlow(members: Member[]): void
  closeGone(tail: Tail): void
}

export function feedRoom(meters: FeedMeters): FeedRoom {
  const byId = new Map<string, Member>()
  const tails = new Map<string, Tail>()

  function leave(member: Member): void {
    const { id, workspaceId } = member.subscriber
    if (byId.get(id) !== member) return
    byId.delete(id)
    const tail = tails.get(workspaceId)
    tail?.members.delete(member)
    if (tail?.members.size === 0) tails.delete(workspaceId)
    count()
  }

  function count(): void {
    meters.subscribers = byId.size
    meters.workspaces = tails.size
  }

  function close(member: Member, code: number, reason: string): void {
    leave(member)
    member.subscriber.close(code, reason)
  }

  return {
    enter(subscriber, { hello, since, snapshot }) {
      const before = byId.get(subscriber.id)
      const { workspaceId } = subscriber
      const tail = tails.get(workspaceId) ?? newTail(workspaceId, hello)
      const member = newMember(subscriber, (!snapshot && since) || hello)
      tails.set(workspaceId, tail)
      tail.members.add(member)
      // Only now, or the tail of a lone member would be thrown away with its memory.
      if (before) leave(before)
      byId.set(subscriber.id, member)
      count()
      return { tail, member }
    },
    has: (member) => byId.get(member.subscriber.id) === member,
    leave,
    leaveById(id) {
      const member = byId.get(id)
      if (member) leave(member)
    },
    members: () => byId.values(),
    tails: () => tails,
    closeAll(code, reason) {
      for (const member of [...byId.values()]) close(member, code, reason())
    },
    closeSlow(members) {
      for (const member of members) {
        leave(member)
        closeSlow(member.subscriber)
        meters.slowClosed += 1
      }
    },
    closeGone(tail) {
      for (const member of [...tail.members]) {
        close(member, closeCodes.forbidden, 'the workspace is gone')
      }
    },
  }
}
