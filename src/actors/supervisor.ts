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
  /** First wait before a respawn; doubles per crash in the window. Each is cut by up to half. */
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
  /** Messages taken, its own and its timers' too: sent = seen + depth + those a crash or stop lost. */
  sent: number
  seen: number
  restarts: number
  /** Messages sent to nobody, or left unhandled by a crash or stop. */
  deadLetters: number
}

/** Properties, not methods: of a method TypeScript would let a wider message type pass. */
export interface Actor<Msg> {
  readonly name: string
  /** False when nobody is there to take it; counted as a dead letter. */
  readonly tell: (message: Msg) => boolean
  /** Like `tell`, but also refuses (uncounted) when `depthMax` messages wait already. */
  readonly offer: (message: Msg, depthMax: number) => boolean
  /** Ends the incarnation; may be called twice. Unhandled messages go to `onLost`. */
  stop(): void
  /** Resolves when the side work of all its incarnations is over; `stop` aborts it. */
  stopped(): Promise<void>
  meters(): ActorMeters
}

export interface ActorSystem {
  spawn<Msg>(spec: ActorSpec<Msg>): Actor<Msg>
  /** One row per living actor. */
  meters(): ActorMeters[]
  /** Stops whatever still lives, the youngest first, then the system. May be called twice. */
  stop(): void
  /** Resolves when the side work of every actor is over; `stop` aborts it. */
  stopped(): Promise<void>
}

export interface ActorSystemOptions {
  onCrash(actor: string, error: unknown, status: ActorStatus): void
  /** From 0 to 1: actors that crashed together do not come back together. */
  random?(): number
}

/** Channel, dispatcher and feed actors: five crashes within a minute and it is down, not looping. */
export const defaultRestart: RestartPolicy = {
  delayMs: 1000,
  delayMsMax: 60_000,
  crashesMax: 5,
  windowMs: 60_000,
  retryDownMs: 300_000,
}

export function actorSystem(options: ActorSystemOptions): ActorSystem {
  const root = actorRoot()
  const actors = new Set<Actor<never>>()
  const work = workSet()
  let stopped = false
  return {
    spawn(spec) {
      if (stopped) throw new Error(`the actor system is stopped: no ${spec.name}`)
      return supervise(spec, root, { ...options, living: actors, onWork: work.add })
    },
    meters: () => [...actors].map((actor) => actor.meters()),
    stop() {
      // Again and again: an actor that another one's `onLost` spawns meanwhile must end as well.
      while (actors.size > 0) for (const actor of [...actors].reverse()) actor.stop()
      stopped = true
      root.stop()
    },
    stopped: work.over,
  }
}

interface Surroundings extends ActorSystemOptions {
  living: Set<Actor<never>>
  onWork(work: Promise<void>): void
}

function supervise<Msg>(
  spec: ActorSpec<Msg>,
  root: ActorRoot,
  { onCrash, living, onWork, random = Math.random }: Surroundings,
): Actor<Msg> {
  const crashes = spec.restart && crashCounter(spec.restart, random)
  const work = workSet()
  const counters = { sent: 0, seen: 0, restarts: 0, deadLetters: 0 }
  let status: ActorStatus = 'running'
  let respawnTimer: NodeJS.Timeout | undefined
  let life: Life<Msg> | undefined

  function incarnate(): void {
    status = 'running'
    const born = root.live<Msg>({
      name: spec.name,
      incarnate: spec.incarnate,
      onSent: () => void counters.sent++,
      onHandled: () => void counters.seen++,
      onWork(begun) {
        work.add(begun)
        onWork(begun)
      },
      onCrash: crashed,
    })
    life = born
    // What is built may stop its actor; the life was not there to be ended yet.
    if ((status as ActorStatus) === 'stopped') lose(born.end())
  }

  /** Settles what follows before it tells anybody: a callback may stop the actor, and that holds. */
  function crashed(error: unknown, unhandled: Msg[]): void {
    if (status !== 'stopped') respawnLater()
    const settled = status
    lose(unhandled)
    onCrash(spec.name, error, settled)
    if (settled === 'down') spec.onDown?.(error)
  }

  function respawnLater(): void {
    const next = crashes?.add(Date.now())
    status = next?.status ?? 'down'
    if (!next) {
      living.delete(actor as Actor<never>)
      return
    }
    respawnTimer = setTimeout(() => {
      counters.restarts += 1
      incarnate()
    }, next.waitMs)
  }

  function lose(unhandled: Msg[]): void {
    counters.deadLetters += unhandled.length
    if (unhandled.length > 0) spec.onLost?.(unhandled)
  }

  function tell(message: Msg): boolean {
    const taken = life?.send(message) ?? false
    if (!taken) counters.deadLetters += 1
    return taken
  }

  const actor: Actor<Msg> = {
    name: spec.name,
    tell,
    offer: (message, depthMax) => (life?.depth() ?? 0) < depthMax && tell(message),
    stop() {
      if (status === 'stopped') return
      status = 'stopped'
      clearTimeout(respawnTimer)
      living.delete(actor as Actor<never>)
      lose(life?.end() ?? [])
    },
    stopped: work.over,
    meters: () => ({ name: spec.name, status, depth: life?.depth() ?? 0, ...counters }),
  }
  living.add(actor as Actor<never>)
  incarnate()
  return actor
}

/** What follows a crash: a respawn whose wait doubles, or a long pause when they come too fast. */
function crashCounter(policy: RestartPolicy, random: () => number) {
  const jittered = (ms: number) => ms * (1 - random() / 2)
  let times: number[] = []
  return {
    add(now: number): { status: ActorStatus; waitMs: number } {
      times = [...times.filter((at) => now - at < policy.windowMs), now]
      if (times.length > policy.crashesMax) {
        return { status: 'down', waitMs: jittered(policy.retryDownMs) }
      }
      const backoffMs = policy.delayMs * 2 ** (times.length - 1)
      return { status: 'restarting', waitMs: jittered(Math.min(backoffMs, policy.delayMsMax)) }
    },
  }
}

/** Side work that is under way. */
function workSet() {
  const open = new Set<Promise<void>>()
  return {
    add(work: Promise<void>): void {
      open.add(work)
      void work.then(() => open.delete(work))
    },
    async over(): Promise<void> {
      // What ends may have begun more.
      while (open.size > 0) await Promise.all(open)
    },
  }
}
