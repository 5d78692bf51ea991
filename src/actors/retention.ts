/** The retention actor: prunes what has grown old, a batch at a time, once an hour until none is left. */
import type { Pruned, Pruner } from '../domain/retention.ts'
import { repeatingActor } from './repeating.ts'
import type { ActorSystem } from './supervisor.ts'

export interface RetentionOptions {
  system: ActorSystem
  pruner: Pruner
  /** Before the first batch; absent: a while after the start. */
  firstMs?: number
  now(): number
  onPruned(pruned: Pruned): void
  onError(error: unknown): void
}

const SWEEP_MS = 3_600_000
/** After the start, so that pruning does not compete with what had waited for it. */
const FIRST_MS = 60_000
/** Between batches: at most some thousand rows a second, and vacuum keeps up. */
const PAUSE_MS = 250

export function retentionActor(options: RetentionOptions): void {
  const { system, pruner, firstMs = FIRST_MS, now, onPruned, onError } = options
  repeatingActor({
    system,
    name: 'retention',
    work: () => pruner.prune(now()),
    firstMs,
    pauseMs: ({ more }) => (more ? PAUSE_MS : SWEEP_MS),
    failedMs: SWEEP_MS,
    onDone: ({ pruned }) => onPruned(pruned),
    onError,
  })
}
