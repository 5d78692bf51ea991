/** The parent's side of the load process: starts it, and sends a round to a contender. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Contender } from './contenders.ts'
import type { LoadOptions } from './load.ts'
import type { Round, RoundResult } from './round.ts'

export interface LoadProcess {
  pid: number
  meanBytes: number
  /** One JSON body of about the mean size, for those who store without HTTP. */
  sample: string
  send(contender: Contender, how: Omit<Round, 'port' | 'paths' | 'from'>): Promise<RoundResult>
  stop(): void
}

export async function startLoad(options: LoadOptions): Promise<LoadProcess> {
  const child = fork(join(import.meta.dirname, 'load.ts'), {
    execArgv: ['--max-old-space-size=4096'],
  })
  const answer = <T>() =>
    new Promise<T>((resolve, reject) => {
      const onExit = () => reject(new Error('the load process ended'))
      child.once('exit', onExit)
      child.once('message', (message) => {
        child.off('exit', onExit)
        resolve(message as T)
      })
    })
  child.send(options)
  const { meanBytes, sample } = await answer<{ meanBytes: number; sample: string }>()
  /** Where the rounds of a contender that is not emptied go on. */
  const cursors = new Map<Contender, number>()

  return {
    pid: child.pid as number,
    meanBytes,
    sample,
    async send(contender, how) {
      const from = cursors.get(contender) ?? 0
      const { port, paths } = contender
      child.send({ ...how, port, paths, from } satisfies Round)
      const { result, error } = await answer<{ result?: RoundResult; error?: string }>()
      if (!result) throw new Error(`${contender.name}: ${error}`)
      if (!contender.empty) cursors.set(contender, result.next)
      else if (contender.stored && result.next > options.requests) {
        throw new Error(`${contender.name} took more than ${options.requests} requests in a round`)
      }
      return result
    },
    stop: () => void child.kill('SIGKILL'),
  }
}
