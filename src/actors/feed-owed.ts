/**
 * What a slow client is owed: while its network takes nothing more, only the newest event of each
 * lead is kept, and how many it stands for is counted and told. An event is the whole state of its
 * lead, so nothing is lost that a person would look at. Past the bounds it is closed and resumes.
 */
import { frames } from '../domain/feed-protocol.ts'
import { type EncodedEvent, type FeedSubscriber, type Member, sendTo } from './feed-member.ts'

export const slowLimits = {
  /** With this much unsent a further frame would only wait in memory, older by the second. */
  congestedBytes: 256 * 1024,
  /** Some 800 KB a client at most, and one frame when it can take it. */
  owedLeadsMax: 2000,
  /** Further behind than this, "live" would be a lie. */
  owedMsMax: 30_000,
}

/** The frame about to be sent counts, too; an idle connection takes one of any size. */
export function isCongested(subscriber: FeedSubscriber, text: string | null): boolean {
  const buffered = subscriber.bufferedBytes()
  return buffered > 0 && buffered + (text?.length ?? 0) > slowLimits.congestedBytes
}

/** False: more is owed than may be. */
export function owe(member: Member, events: EncodedEvent[], now = performance.now()): boolean {
  member.owed ??= { newest: new Map(), merged: 0, sinceMs: now }
  const { newest } = member.owed
  for (const each of events) {
    // Taken out first, so that it goes to the end and the numbers stay in order.
    if (newest.delete(each.event.leadId)) member.owed.merged += 1
    newest.set(each.event.leadId, each)
  }
  return newest.size <= slowLimits.owedLeadsMax && now - member.owed.sinceMs <= slowLimits.owedMsMax
}

/** Sends what can be sent now. Answers the members that have waited too long. */
export function payOwed(
  members: Iterable<Member>,
  now = performance.now(),
): { late: Member[]; merged: number } {
  const late: Member[] = []
  let merged = 0
  for (const member of members) {
    const { owed, subscriber } = member
    if (!owed) continue
    if (
      isCongested(subscriber, null) ||
      subscriber.bufferedBytes() > slowLimits.congestedBytes / 2
    ) {
      if (now - owed.sinceMs > slowLimits.owedMsMax) late.push(member)
      continue
    }
    const texts = [...owed.newest.values()].map(({ json }) => json)
    const text = frames.scores(member.told + 1, member.seen, texts, owed.merged)
    if (sendTo(member, text, member.seen) === 'slow') {
      late.push(member)
      continue
    }
    merged += owed.merged
    member.told = member.seen
    member.owed = null
  }
  return { late, merged }
}
