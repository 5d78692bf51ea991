/**
 * The load process: renders the requests once, then sends one round per command of its parent. It is
 * a process of its own, so that its work does not run on the event loop that it measures.
 */
import { renderRequests } from './requests.ts'
import { type Round, runRound } from './round.ts'

export interface LoadOptions {
  requests: number
  leads: number
}

process.once('message', ({ requests, leads }: LoadOptions) => {
  const all = renderRequests({ count: requests, leads, seed: 1 })
  process.on('message', (round: Round) => {
    runRound(round, all).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: String(error) }),
    )
  })
  const bytes = all.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0)
  const meanBytes = Math.round(bytes / all.length)
  const sample = all
    .filter(({ body }) => body.startsWith('{'))
    .toSorted((a, b) => Math.abs(a.bodyBytes - meanBytes) - Math.abs(b.bodyBytes - meanBytes))[0]
  process.send?.({ meanBytes, sample: sample?.body })
})
