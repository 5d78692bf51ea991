/**
 * Supervision: what stands between a crash and the next incarnation. A crash ends the incarnation
 * and aborts its work; a new one follows after a backoff, or much later when crashes come too fast.
 */
import { type ActorRoot, actorRoot, type Behavior, type Life, type Self } from './actor.ts'

export interface ActorSpec<Msg> {
  name: string
  /** Builds one incarnation: fresh state in a closure and the handler that owns it. */
  incarnate(self: Self<Msg>): Behavior<Msg>
  /** Null: a crash is the end; `onDown` says what follows. */
  restart: RestartPolicy | null
  /** Called after a crash that no respawn follows soon. */
  onDown?(error: unknown): void
  /** Messages that a crash or stop left unhandled, oldest first. */
  onLost?(messages: Msg[]): void
}

export interface RestartPolicy {
  /** First wait before a respawn; doubles per crash in the window. */
  delayMs: number
  delayMsMax: number
  /** More crashes than this within `windowMs` and the actor is down until `retryDownMs` passed. */
  crashesMax: number
  windowMs: number
  retryDownMs: number
}

export type ActorStatus = 'running' | 'restarting' | 'down' | 'stopped'

export interface ActorMeters {
  name: string
  status: ActorStatus
  /** Messages waiting in the mailbox. */
  depth: number
  sent: number
  seen: number
  restarts: number
  /** Messages sent to nobody, or left unhandled by a crash or stop. */
  deadLetters: number
}

export interface Actor<Msg> {
  readonly name: string
  /** False when nobody is there to take it; counted as a dead letter. */
  tell(message: Msg): boolean
  /** Like `tell`, but also refuses (uncounted) when `depthMax` messages wait already. */
  offer(message: Msg, depthMax: number): boolean
  /** Ends the incarnation; may be called twice. Unhandled messages go to `onLost`. */
  stop(): void
  meters(): ActorMeters
}

export interface ActorSystem {
  spawn<Msg>(spec: ActorSpec<Msg>): Actor<Msg>
  /** One row per living actor. */
  meters(): ActorMeters[]
  /** Stops whatever still lives, then the system. May be called twice. */
  stop(): void
}

export interface ActorSystemOptions {
  onCrash(actor: string, error: unknown, status: ActorStatus): void
}

/** Channel, dispatcher and feed actors: five crashes within a minute and it is down, not looping. */
export const defaultRestart: RestartPolicy = {
  delayMs: 1000,
  delayMsMax: 60_000,
  crashesMax: 5,
  windowMs: 60_000,
  retryDownMs: 300_000,
}

export function actorSystem({ onCrash }: ActorSystemOptions): ActorSystem {
  const root = actorRoot()
  const actors = new Set<Actor<never>>()
  return {
    spawn(spec) {
      const actor = supervise(spec, root, onCrash, () => actors.delete(actor as Actor<never>))
      actors.add(actor as Actor<never>)
      return actor
    },
    meters: () => [...actors].map((actor) => actor.meters()),
    stop() {
      for (const actor of [...actors]) actor.stop()
      root.stop()
    },
  }
}

function supervise<Msg>(
  spec: ActorSpec<Msg>,
  root: ActorRoot,
  onCrash: ActorSystemOptions['onCrash'],
  onStopped: () => void,
): Actor<Msg> {
  const { restart } = spec
  const counters = { sent: 0, seen: 0, restarts: 0, deadLetters: 0 }
  let status: ActorStatus = 'running'
  let crashes: number[] = []
  let respawnTimer: NodeJS.Timeout | undefined
  let life: Life<Msg> | undefined
  incarnate()

  function incarnate(): void {
    status = 'running'
    const born = root.live<Msg>({
      name: spec.name,
      incarnate: spec.incarnate,
      onHandled: () => {
        counters.seen += 1
      },
      onCrash: crashed,
    })
    life = born
  }

  function crashed(error: unknown, unhandled: Msg[]): void {
    lose(unhandled)
    if (!restart) {
      status = 'down'
      onCrash(spec.name, error, status)
      spec.onDown?.(error)
      return
    }
    const now = Date.now()
    crashes = [...crashes.filter((at) => now - at < restart.windowMs), now]
    const down = crashes.length > restart.crashesMax
    status = down ? 'down' : 'restarting'
    const backoffMs = Math.min(restart.delayMs * 2 ** (crashes.length - 1), restart.delayMsMax)
    respawnTimer = setTimeout(
      () => {
        counters.restarts += 1
        incarnate()
      },
      down ? restart.retryDownMs : backoffMs,
    )
    onCrash(spec.name, error, status)
    if (down) spec.onDown?.(error)
  }

  function lose(unhandled: Msg[]): void {
    counters.deadLetters += unhandled.length
    if (unhandled.length > 0) spec.onLost?.(unhandled)
  }

  function tell(message: Msg): boolean {
    const taken = life?.send(message) ?? false
    if (taken) counters.sent += 1
    else counters.deadLetters += 1
    return taken
  }

  return {
    name: spec.name,
    tell,
    offer: (message, depthMax) => (life?.depth() ?? 0) < depthMax && tell(message),
    stop() {
      if (status === 'stopped') return
      status = 'stopped'
      clearTimeout(respawnTimer)
      lose(life?.end() ?? [])
      onStopped()
    },
    meters: () => ({ name: spec.name, status, depth: life?.depth() ?? 0, ...counters }),
  }
}
