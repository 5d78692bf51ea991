/** Clay: one row is posted to the workspace's table webhook; its answer comes to our own webhook. */
import { type Enricher, OutsideError } from '../domain/post-process/outside.ts'
import type { Outbound } from './outbound.ts'

export function clayEnricher(outbound: Outbound, callbackUrl: Enricher['callbackUrl']): Enricher {
  return {
    callbackUrl,
    async send({ url, body }, signal) {
      if (!URL.canParse(url)) throw new OutsideError('clayWebhookUrl is no URL')
      await outbound.post({ url: new URL(url), body }, signal)
    },
  }
}
