/** The retention actor: prunes what has grown old, a batch at a time, once an hour until none is left. */
import type { Pruned, Pruner } from '../domain/retention.ts'
import { type Actor, type ActorSystem, defaultRestart } from './supervisor.ts'

export interface RetentionOptions {
  system: ActorSystem
  pruner: Pruner
  /** Before the first batch; absent: a while after the start. */
  firstMs?: number
  now(): number
  onPruned(pruned: Pruned): void
  onError(error: unknown): void
}

type Message =
  | { type: 'prune' }
  | { type: 'pruned'; pruned: Pruned; more: boolean }
  | { type: 'failed'; error: unknown }

const SWEEP_MS = 3_600_000
/** After the start, so that pruning does not compete with what had waited for it. */
const FIRST_MS = 60_000
/** Between batches: at most some thousand rows a second, and vacuum keeps up. */
const PAUSE_MS = 250

export function retentionActor(options: RetentionOptions): Actor<Message> {
  return options.system.spawn<Message>({
    name: 'retention',
    restart: defaultRestart,
    incarnate(self) {
      self.after(options.firstMs ?? FIRST_MS, { type: 'prune' })
      return {
        handle(message) {
          switch (message.type) {
            case 'prune':
              self.run(
                () => options.pruner.prune(options.now()),
                (result): Message => ({ type: 'pruned', ...result }),
                (error): Message => ({ type: 'failed', error }),
              )
              break
            case 'pruned':
              options.onPruned(message.pruned)
              self.after(message.more ? PAUSE_MS : SWEEP_MS, { type: 'prune' })
              break
            case 'failed':
              options.onError(message.error)
              self.after(SWEEP_MS, { type: 'prune' })
              break
          }
        },
      }
    },
  })
}
