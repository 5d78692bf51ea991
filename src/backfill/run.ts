/** A backfill as a person sees it: a dry run's numbers, or a bar until every job has been sent. */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { createApi } from '../cli/api.ts'
import { createProgress } from '../progress.ts'
import type { BackfillCommandOptions } from './command.ts'

const LOOK_MS = 500

const previewSchema = z.object({ total: z.int(), disqualified: z.int() })
const runSchema = z.object({
  id: z.string(),
  state: z.enum(['running', 'done']),
  total: z.int(),
  enqueued: z.int(),
  disqualified: z.int(),
  leadsWaiting: z.int(),
})

export interface BackfillDeps {
  token: string
  /** For people. */
  output: NodeJS.WriteStream
  print(json: unknown): void
}

export async function backfill(
  options: BackfillCommandOptions,
  { token, output, print }: BackfillDeps,
): Promise<void> {
  const { scope, rate, url, workspace } = options
  const api = createApi({ url, token, workspace })
  const { total, disqualified } = await api.post('/api/v1/backfill', { scope }, previewSchema)
  const calls = `${total - disqualified} by the scorer, ${disqualified} disqualified without a call`
  output.write(
    `${scope === 'all' ? 'All' : 'Unscored'} leads with a message: ${total} (${calls})\n`,
  )
  if (!options.run) {
    output.write('This was a dry run; --run does it.\n')
    if (options.json) print({ scope, dryRun: true, total, disqualified })
    return
  }
  const body = { scope, dryRun: false, ratePerSecond: rate }
  let run = await api.post('/api/v1/backfill', body, runSchema)
  const progress = createProgress(output)
  // Leads that came or went since it began: the bar ends where the run does.
  progress.start('sent', Math.max(run.total, run.enqueued))
  while (run.state === 'running') {
    progress.update(run.enqueued)
    await sleep(LOOK_MS)
    run = await api.get(`/api/v1/backfill/${run.id}`, runSchema)
  }
  progress.update(run.enqueued)
  progress.stop()
  output.write(`Sent ${run.enqueued} scoring jobs; ${run.leadsWaiting} leads wait for a score.\n`)
  if (options.json) print({ scope, dryRun: false, ...run })
}
