/** One simulation from beginning to end: plan, connections, feed, sending, waiting, report. */
import { randomBytes } from 'node:crypto'
import { createApi } from '../cli/api.ts'
import { CommandError } from '../command-error.ts'
import { createProgress, type Progress } from '../progress.ts'
import { openConnections } from './connections.ts'
import { type Delivery, renderStream, replayRendering } from './deliveries.ts'
import type { SimulateOptions } from './options.ts'
import { remarks, reportRows, table } from './report.ts'
import { planStream } from './schedule.ts'
import { sendAll } from './send.ts'
import { type Settled, settle } from './settle.ts'
import { type Watch, watchScores } from './watch.ts'

/** Longest quiet window plus a slow model; whoever has no score then is reported so. */
const SCORES_LIMIT_MS = 40_000

export interface RunDeps {
  token: string
  /** For people: what is going on, and the table unless JSON was asked for. */
  output: NodeJS.WriteStream
  print(json: unknown): void
}

/** Answers whether every webhook was taken. */
export async function simulate(
  options: SimulateOptions,
  { token, output, print }: RunDeps,
): Promise<boolean> {
  const { url, seed } = options
  const stream = planStream(options)
  const startedAt = new Date()
  const nonce = randomBytes(8).toString('hex')
  const rendering = options.replay ? replayRendering(options) : { nonce, startedAt }
  const deliveries = renderStream(stream, seed, rendering)
  const api = createApi({ url, token })
  const paths = await openConnections(api)
  const watch = await watchScores({ url, token })
  const progress = createProgress(output)
  try {
    output.write(opening(options, deliveries, stream.writers))
    const { sent, behindMs } = await sendWithProgress(deliveries, { url, paths }, progress)
    let waiting = false
    const settled = await settle({
      api,
      watch,
      sent,
      startedAt,
      waitMs: SCORES_LIMIT_MS,
      onProgress(covered, inbound) {
        if (!waiting) progress.start('scored', inbound)
        waiting = true
        progress.update(covered)
      },
    })
    progress.stop()
    if (options.json) print(reportJson(options, settled, behindMs))
    else report(settled, behindMs, output)
    failIfLost(watch)
    return settled.sent.every(({ status }) => status !== 'failed' && status !== 'rejected')
  } finally {
    // After an error too, so that its line stands on a line of its own.
    progress.stop()
    watch.close()
  }
}

function opening(options: SimulateOptions, deliveries: readonly Delivery[], writers: number) {
  const { leads, seconds, seed, url, replay } = options
  const few = writers < leads ? ` (too few webhooks for ${leads})` : ''
  const again = replay ? ', replayed' : ''
  return `${deliveries.length} webhooks of ${writers} leads${few} in ${seconds} s to ${url}, seed ${seed}${again}\n`
}

async function sendWithProgress(
  deliveries: readonly Delivery[],
  target: Pick<Parameters<typeof sendAll>[1], 'url' | 'paths'>,
  progress: Progress,
) {
  let answered = 0
  progress.start('sent', deliveries.length)
  const result = await sendAll(deliveries, {
    ...target,
    onAnswer: () => {
      answered += 1
      progress.update(answered)
    },
  })
  progress.stop()
  return result
}

function report(settled: Settled, behindMs: number, output: NodeJS.WriteStream): void {
  const lines = [table(reportRows(settled)), ...remarks(settled, behindMs)]
  output.write(`${lines.join('\n')}\n`)
}

function reportJson({ seed }: SimulateOptions, settled: Settled, behindMs: number) {
  const rows = reportRows(settled)
  const formats = rows.slice(0, -1)
  return { seed, ...rows.at(-1), formats, behindMs: Math.round(behindMs) }
}

/** Times without the whole feed would look better than they were. */
function failIfLost(watch: Watch): void {
  const lost = watch.lost()
  if (lost) throw new CommandError(`${lost}: the scores above are not complete`)
}
