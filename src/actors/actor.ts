/**
 * Actors: the one file that knows nact. nact gives spawn, dispatch and a sound mailbox; its
 * lifecycle and supervision are not reliable, so this facade owns stop, restart, timers, pending
 * work and counters, and keeps to `start`, `spawn`, `dispatch` and `stop` of childless actors.
 *
 * Guarantees: handlers run one at a time and in order; a late timer or result of an earlier
 * incarnation is dropped; a crash stops the incarnation, aborts its work and respawns it with
 * backoff; `stop` may be called twice and before anything ran. Not guaranteed: that a message in
 * the mailbox of a crashed incarnation is handled; `onLost` hands each such message back.
 */
import { dispatch, type Ref, spawn, start, stop } from 'nact'

export interface ActorSpec<Msg> {
  name: string
  /** Builds one incarnation: fresh state in a closure and the handler that owns it. */
  incarnate(self: Self<Msg>): Behavior<Msg>
  restart: RestartPolicy
  /** Messages that a crash or stop left unhandled, oldest first. */
  onLost?(messages: Msg[]): void
}

export interface Behavior<Msg> {
  /** Synchronous. What it starts it hands to `self.run`, and the result comes back as a message. */
  handle(message: Msg): void
  /** Called once when the incarnation ends; must not throw. */
  dispose?(): void
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

/** What an incarnation may do to itself. Everything here ends with the incarnation. */
export interface Self<Msg> {
  readonly name: string
  /** Aborted when the incarnation ends. */
  readonly signal: AbortSignal
  tell(message: Msg): void
  /** Sends `message` to this incarnation after `ms`; answers the cancel function. */
  after(ms: number, message: Msg): () => void
  /** Runs async work beside the mailbox; its outcome arrives as a message, unless the end came first. */
  run<T>(
    work: (signal: AbortSignal) => Promise<T>,
    done: (result: T) => Msg,
    failed: (error: unknown) => Msg,
  ): void
}

export type ActorStatus = 'running' | 'restarting' | 'down' | 'stopped'

export interface ActorMeters {
  name: string
  status: ActorStatus
  depth: number
  sent: number
  seen: number
  restarts: number
  deadLetters: number
}

export interface Actor<Msg> {
  readonly name: string
  /** False when nobody is there to take it; the message is counted as a dead letter. */
  tell(message: Msg): boolean
  /** Like `tell`, but also refuses when `depthMax` messages wait already. */
  offer(message: Msg, depthMax: number): boolean
  /** Resolves when the incarnation has ended. Its unhandled messages go to `onLost`. */
  stop(): Promise<void>
  meters(): ActorMeters
}

export interface ActorSystem {
  spawn<Msg>(spec: ActorSpec<Msg>): Actor<Msg>
  /** Messages sent to nobody or dropped as late, over all actors. */
  deadLetters(): number
  stop(): Promise<void>
}

export interface ActorSystemOptions {
  onCrash(actor: string, error: unknown, status: ActorStatus): void
}

export const defaultRestart: RestartPolicy = {
  delayMs: 1000,
  delayMsMax: 60_000,
  crashesMax: 5,
  windowMs: 60_000,
  retryDownMs: 300_000,
}

export function actorSystem({ onCrash }: ActorSystemOptions): ActorSystem {
  const system = start()
  // A parent with many children must get no messages (27 ms each at 100,000 children): it gets none.
  const holder = spawn(system, () => null, 'actors') as Ref<unknown>
  const actors = new Set<{ stop(): Promise<void>; meters(): ActorMeters }>()
  let retiredDeadLetters = 0
  let generations = 0
  return {
    spawn(spec) {
      const actor = supervise(
        spec,
        holder,
        () => ++generations,
        onCrash,
        () => {
          retiredDeadLetters += actor.meters().deadLetters
          actors.delete(actor)
        },
      )
      actors.add(actor)
      return actor
    },
    deadLetters() {
      let total = retiredDeadLetters
      for (const actor of actors) total += actor.meters().deadLetters
      return total
    },
    async stop() {
      await Promise.all([...actors].map((actor) => actor.stop()))
      stop(holder)
      stop(system)
    },
  }
}

/** One running incarnation. `pending` are the messages it was sent and has not begun to handle. */
interface Incarnation<Msg> {
  ref: Ref<unknown>
  pending: Pending<Msg>
  controller: AbortController
  timers: Set<NodeJS.Timeout>
  behavior: Behavior<Msg> | null
  ended: boolean
}

function supervise<Msg>(
  spec: ActorSpec<Msg>,
  holder: Ref<unknown>,
  nextGeneration: () => number,
  onCrash: ActorSystemOptions['onCrash'],
  onStopped: () => void,
): Actor<Msg> {
  const { restart } = spec
  const counters = { sent: 0, seen: 0, restarts: 0, deadLetters: 0 }
  let status: ActorStatus = 'running'
  let crashes: number[] = []
  let respawnTimer: NodeJS.Timeout | undefined
  let current = incarnate()

  function incarnate(): Incarnation<Msg> {
    const life: Incarnation<Msg> = {
      ref: null as never,
      pending: pendingQueue(),
      controller: new AbortController(),
      timers: new Set(),
      behavior: null,
      ended: false,
    }
    // The generation in the name keeps an old reference from reaching the new incarnation.
    const path = `${Buffer.from(spec.name).toString('hex')}-${nextGeneration()}`
    life.ref = spawn(holder as never, () => handleNext(life), path, {
      // Only the decisions `stop` and `resume` are sound; handleNext never throws anyway.
      onCrash: (_message: unknown, _error: unknown, context: { stop: symbol }) => context.stop,
    } as never) as Ref<unknown>
    life.behavior = spec.incarnate(selfOf(life))
    return life
  }

  function send(life: Incarnation<Msg>, message: Msg): boolean {
    if (life.ended) {
      counters.deadLetters += 1
      return false
    }
    counters.sent += 1
    life.pending.push(message)
    dispatch(life.ref as never, NEXT as never)
    return true
  }

  function handleNext(life: Incarnation<Msg>): null {
    if (life.ended) return null
    counters.seen += 1
    const message = life.pending.shift() as Msg
    try {
      life.behavior?.handle(message)
    } catch (error) {
      crash(life, error)
    }
    return null
  }

  function selfOf(life: Incarnation<Msg>): Self<Msg> {
    return {
      name: spec.name,
      signal: life.controller.signal,
      tell: (message) => void send(life, message),
      after(ms, message) {
        const timer = setTimeout(() => {
          life.timers.delete(timer)
          send(life, message)
        }, ms)
        life.timers.add(timer)
        return () => {
          clearTimeout(timer)
          life.timers.delete(timer)
        }
      },
      run(work, done, failed) {
        const { signal } = life.controller
        Promise.resolve()
          .then(() => work(signal))
          .then(done, failed)
          .then((message) => send(life, message))
          .catch((error) => crash(life, error))
      },
    }
  }

  /** Ends an incarnation once: no timer, result or message of it is seen afterwards. */
  function end(life: Incarnation<Msg>): void {
    if (life.ended) return
    life.ended = true
    for (const timer of life.timers) clearTimeout(timer)
    life.timers.clear()
    life.controller.abort()
    stop(life.ref as never)
    life.behavior?.dispose?.()
    const lost = life.pending.drain()
    counters.deadLetters += lost.length
    if (lost.length > 0) spec.onLost?.(lost)
  }

  function crash(life: Incarnation<Msg>, error: unknown): void {
    if (life.ended) return
    end(life)
    const now = Date.now()
    crashes = [...crashes.filter((at) => now - at < restart.windowMs), now]
    const down = crashes.length > restart.crashesMax
    status = down ? 'down' : 'restarting'
    onCrash(spec.name, error, status)
    const backoffMs = Math.min(restart.delayMs * 2 ** (crashes.length - 1), restart.delayMsMax)
    respawnTimer = setTimeout(respawn, down ? restart.retryDownMs : backoffMs)
  }

  function respawn(): void {
    counters.restarts += 1
    status = 'running'
    try {
      current = incarnate()
    } catch (error) {
      // An incarnation that cannot even be built counts as a crash of its own.
      crash({ ...current, ended: false }, error)
    }
  }

  return {
    name: spec.name,
    tell: (message) => send(current, message),
    offer(message, depthMax) {
      if (current.pending.size() >= depthMax) return false
      return send(current, message)
    },
    async stop() {
      if (status === 'stopped') return
      status = 'stopped'
      clearTimeout(respawnTimer)
      end(current)
      onStopped()
    },
    meters: () => ({ name: spec.name, status, depth: current.pending.size(), ...counters }),
  }
}

/** All that travels through nact: the message itself waits in the incarnation's own queue. */
const NEXT = { next: true }

interface Pending<Msg> {
  push(message: Msg): void
  shift(): Msg | undefined
  size(): number
  drain(): Msg[]
}

/** A queue with cheap shift: the dead front of the array is cut off when it outgrows the rest. */
function pendingQueue<Msg>(): Pending<Msg> {
  let items: Msg[] = []
  let head = 0
  return {
    push: (message) => void items.push(message),
    shift() {
      const message = items[head]
      items[head] = undefined as never
      head += 1
      if (head > 64 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return message
    },
    size: () => items.length - head,
    drain() {
      const rest = items.slice(head)
      items = []
      head = 0
      return rest
    },
  }
}
