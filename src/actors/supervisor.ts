/**
 * Supervision: what stands between a crash and the next incarnation. A crash ends the incarnation
 * and aborts its work; a new one follows after a backoff, or much later when crashes come too fast.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type ActorRoot,
  actorRoot,
  type Behavior,
  type Life,
  type LifeOwner,
  type Self,
} from './actor.ts'

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

/**
 * Properties, not methods: of a method TypeScript would let a wider message type pass. Call them on
 * the actor all the same.
 */
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
  const living = new Set<Actor<never>>()
  const work = new OpenWork()
  const random = options.random ?? Math.random
  const surroundings: Surroundings = { root, living, work, random, onCrash: options.onCrash }
  let stopped = false
  return {
    spawn(spec) {
      if (stopped) throw new Error(`the actor system is stopped: no ${spec.name}`)
      const actor = new Supervised(spec, surroundings)
      actor.start()
      return actor
    },
    meters: () => [...living].map((actor) => actor.meters()),
    stop() {
      // Again and again: an actor that another one's `onLost` spawns meanwhile must end as well.
      while (living.size > 0) for (const actor of [...living].reverse()) actor.stop()
      stopped = true
      root.stop()
    },
    stopped: () => work.over(),
  }
}

/** Ends a system and waits for its side work, which may ignore its abort, for `limitMs` at most. */
export async function stopWithin(system: ActorSystem, limitMs: number): Promise<void> {
  system.stop()
  const limit = new AbortController()
  const late = delay(limitMs, undefined, { signal: limit.signal }).catch(() => {})
  await Promise.race([system.stopped(), late])
  limit.abort()
}

/** What the actors of a system share. */
interface Surroundings {
  root: ActorRoot
  living: Set<Actor<never>>
  work: OpenWork
  random(): number
  onCrash: ActorSystemOptions['onCrash']
}

/** A class, because each live lead is one: methods are shared, closures would be 64 bytes apiece. */
class Supervised<Msg> implements Actor<Msg>, LifeOwner<Msg> {
  private readonly spec: ActorSpec<Msg>
  private readonly around: Surroundings
  private readonly work = new OpenWork()
  private status: ActorStatus = 'running'
  private life: Life<Msg> | undefined = undefined
  private respawnTimer: NodeJS.Timeout | undefined = undefined
  /** Of each crash within the window. */
  private crashedAt: readonly number[] = NONE
  private sent = 0
  private seen = 0
  private restarts = 0
  private deadLetters = 0

  constructor(spec: ActorSpec<Msg>, around: Surroundings) {
    this.spec = spec
    this.around = around
  }

  get name(): string {
    return this.spec.name
  }

  start(): void {
    this.around.living.add(this as Actor<never>)
    this.respawn()
  }

  tell(message: Msg): boolean {
    const taken = this.life?.send(message) ?? false
    if (!taken) this.deadLetters += 1
    return taken
  }

  offer(message: Msg, depthMax: number): boolean {
    return (this.life?.depth() ?? 0) < depthMax && this.tell(message)
  }

  stop(): void {
    if (this.status === 'stopped') return
    this.status = 'stopped'
    clearTimeout(this.respawnTimer)
    this.around.living.delete(this as Actor<never>)
    this.lose(this.life?.end() ?? [])
  }

  stopped(): Promise<void> {
    return this.work.over()
  }

  meters(): ActorMeters {
    const { name, status, sent, seen, restarts, deadLetters } = this
    return { name, status, depth: this.life?.depth() ?? 0, sent, seen, restarts, deadLetters }
  }

  incarnate(self: Self<Msg>): Behavior<Msg> {
    return this.spec.incarnate(self)
  }

  onSent(): void {
    this.sent += 1
  }

  onHandled(): void {
    this.seen += 1
  }

  onWork(begun: Promise<void>): void {
    this.work.add(begun)
    this.around.work.add(begun)
  }

  /** Settles what follows before it tells anybody: a callback may stop the actor, and that holds. */
  onCrash(error: unknown, unhandled: Msg[]): void {
    if (this.status !== 'stopped') this.respawnLater()
    const settled = this.status
    this.lose(unhandled)
    this.around.onCrash(this.name, error, settled)
    if (settled === 'down') this.spec.onDown?.(error)
  }

  private respawn(): void {
    this.status = 'running'
    const born = this.around.root.live<Msg>(this)
    this.life = born
    // What is built may stop its actor; the life was not there to be ended yet.
    if ((this.status as ActorStatus) === 'stopped') this.lose(born.end())
  }

  private respawnLater(): void {
    const { restart } = this.spec
    if (!restart) {
      this.status = 'down'
      this.around.living.delete(this as Actor<never>)
      return
    }
    const now = Date.now()
    this.crashedAt = [...this.crashedAt.filter((at) => now - at < restart.windowMs), now]
    const next = afterCrashes(restart, this.crashedAt.length)
    this.status = next.status
    // Cut by up to half: actors that crashed together do not come back together.
    const waitMs = next.waitMs * (1 - this.around.random() / 2)
    this.respawnTimer = setTimeout(() => {
      this.restarts += 1
      this.respawn()
    }, waitMs)
  }

  private lose(unhandled: Msg[]): void {
    this.deadLetters += unhandled.length
    if (unhandled.length > 0) this.spec.onLost?.(unhandled)
  }
}

const NONE: readonly number[] = []

/** What follows a crash: a respawn whose wait doubles, or a long pause when they come too fast. */
function afterCrashes(
  policy: RestartPolicy,
  inWindow: number,
): { status: ActorStatus; waitMs: number } {
  if (inWindow > policy.crashesMax) return { status: 'down', waitMs: policy.retryDownMs }
  const backoffMs = policy.delayMs * 2 ** (inWindow - 1)
  return { status: 'restarting', waitMs: Math.min(backoffMs, policy.delayMsMax) }
}

/** Side work that is under way. Counted, not kept: each live lead has one of these. */
class OpenWork {
  private count = 0
  private end: PromiseWithResolvers<void> | undefined = undefined

  add(work: Promise<void>): void {
    this.count += 1
    void work.then(() => {
      this.count -= 1
      if (this.count > 0) return
      this.end?.resolve()
      this.end = undefined
    })
  }

  over(): Promise<void> {
    if (this.count === 0) return Promise.resolve()
    this.end ??= Promise.withResolvers<void>()
    return this.end.promise
  }
}
