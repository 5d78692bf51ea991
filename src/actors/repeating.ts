/** An actor that does one piece of work again and again, each time a while after the last one ended. */
import { type ActorSystem, defaultRestart } from './supervisor.ts'

export interface Repeating<Result> {
  system: ActorSystem
  name: string
  /** Aborted by a stop. */
  work(signal: AbortSignal): Promise<Result>
  /** Before the first time; absent: at once. */
  firstMs?: number
  /** Until the next time. */
  pauseMs(result: Result): number
  /** Until the next time after a failure. */
  failedMs: number
  onDone?(result: Result): void
  onError(error: unknown): void
}

type Message<Result> =
  | { type: 'begin' }
  | { type: 'done'; result: Result }
  | { type: 'failed'; error: unknown }

export function repeatingActor<Result>(options: Repeating<Result>): void {
  const { system, name, work, firstMs, pauseMs, failedMs, onDone, onError } = options
  system.spawn<Message<Result>>({
    name,
    restart: defaultRestart,
    incarnate(self) {
      const begin = () =>
        self.run(
          () => work(self.signal),
          (result): Message<Result> => ({ type: 'done', result }),
          (error): Message<Result> => ({ type: 'failed', error }),
        )
      if (firstMs === undefined) begin()
      else self.after(firstMs, { type: 'begin' })
      return {
        handle(message) {
          switch (message.type) {
            case 'begin':
              begin()
              break
            case 'done':
              onDone?.(message.result)
              self.after(pauseMs(message.result), { type: 'begin' })
              break
            case 'failed':
              onError(message.error)
              self.after(failedMs, { type: 'begin' })
              break
          }
        },
      }
    },
  })
}
