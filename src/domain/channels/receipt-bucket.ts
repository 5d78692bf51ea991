/**
 * Keys for messages that name neither an id nor a time: the minute of receipt stands in. A repeated
 * delivery within one to two minutes is recognised; the same text later is a new message, since
 * losing a second "yes" is worse than storing one twice.
 */

const BUCKET_MS = 60_000

interface BucketedKey {
  dedupeKey: string
  /** The minute before: a repetition may fall just past the edge of a minute. */
  dedupeAliases: string[]
}

export function bucketedKey(receivedAt: Date, keyOf: (bucket: string) => string): BucketedKey {
  const minute = Math.floor(receivedAt.getTime() / BUCKET_MS)
  return {
    dedupeKey: keyOf(`received-${minute}`),
    dedupeAliases: [keyOf(`received-${minute - 1}`)],
  }
}
