/**
 * Actors: the one file that knows nact. nact gives spawn, dispatch and a sound order of handling;
 * its lifecycle and supervision are not reliable, so one incarnation is wrapped here with its own
 * mailbox, timers, side work and end, and `supervisor.ts` decides about restarts.
 *
 * Guarantees: handlers run one at a time and in order; no message, timer or result is handled after
 * the end. Not guaranteed: that what waits in the mailbox at the end is handled; `end` answers it.
 */
import { dispatch, type Ref, spawn, start, stop } from 'nact'
import { mailbox } from './mailbox.ts'

export interface Behavior<Msg> {
  /** Synchronous. What it starts it hands to `self.run`, and the result comes back as a message. */
  // biome-ignore lint/suspicious/noConfusingVoidType: plain void would let an async handler pass
  handle(message: Msg): void | undefined
  /** Called once at the end; must not throw. */
  dispose?(): void
}

/**
 * What an incarnation may do to itself. Everything here ends with the incarnation. Its functions are
 * properties because TypeScript checks the message of a method only loosely.
 */
export interface Self<Msg> {
  readonly name: string
  /** Aborted when the incarnation ends. */
  readonly signal: AbortSignal
  readonly tell: (message: Msg) => void
  /** Sends `message` to this incarnation after `ms`; answers the cancel function. */
  readonly after: (ms: number, message: Msg) => () => void
  /** Runs async work beside the mailbox; its outcome arrives as a message, unless the end came first. */
  run<T>(
    work: (signal: AbortSignal) => Promise<T>,
    done: (result: T) => Msg,
    failed: (error: unknown) => Msg,
  ): void
}

export interface Life<Msg> {
  /** False after the end. */
  send(message: Msg): boolean
  depth(): number
  /** Ends it once: timers cleared, side work aborted; answers the messages left unhandled. */
  end(): Msg[]
}

export interface LifeOptions<Msg> {
  name: string
  incarnate(self: Self<Msg>): Behavior<Msg>
  /** A message was taken: from outside, from itself, from a timer or from side work. */
  onSent(): void
  onHandled(): void
  /** Side work was begun; settles, never rejects, when it is over, also after the end. */
  onWork(work: Promise<void>): void
  /** The handler threw, or mapping a result to a message did. The life is over already. */
  onCrash(error: unknown, unhandled: Msg[]): void
}

export interface ActorRoot {
  live<Msg>(options: LifeOptions<Msg>): Life<Msg>
  stop(): void
}

/** All that travels through nact; the message itself waits in the incarnation's mailbox. */
const NEXT = { next: true } as const

export function actorRoot(): ActorRoot {
  const system = start()
  // A parent with many children must get no messages (27 ms each at 100,000 children): it gets none.
  const holder = spawn(system, () => null, 'actors') as Ref<unknown>
  let generation = 0
  return {
    live: (options) => live(options, holder, ++generation),
    stop() {
      stop(holder)
      stop(system)
    },
  }
}

function live<Msg>(options: LifeOptions<Msg>, holder: Ref<unknown>, generation: number): Life<Msg> {
  const waiting = mailbox<Msg>()
  const controller = new AbortController()
  const timers = timerSet()
  let behavior: Behavior<Msg> | undefined
  let ended = false
  // Hexadecimal, because nact refuses other names; with the generation in it, because nact finds
  // actors by path and an old reference must not reach a new incarnation.
  const path = `${Buffer.from(options.name).toString('hex')}-${generation}`
  const ref = spawn(holder as never, handleNext, path, {
    // Of nact's decisions only `stop` and `resume` are sound. handleNext never throws anyway.
    onCrash: (_message: unknown, _error: unknown, context: { stop: symbol }) => context.stop,
  } as never) as Ref<unknown>

  function handleNext(): null {
    if (ended) return null
    const message = waiting.shift() as Msg
    options.onHandled()
    try {
      behavior?.handle(message)
    } catch (error) {
      crash(error)
    }
    return null
  }

  function send(message: Msg): boolean {
    if (ended) return false
    waiting.push(message)
    options.onSent()
    dispatch(ref as never, NEXT as never)
    return true
  }

  function end(): Msg[] {
    if (ended) return []
    ended = true
    timers.end()
    controller.abort()
    stop(ref as never)
    behavior?.dispose?.()
    return waiting.drain()
  }

  function crash(error: unknown): void {
    if (!ended) options.onCrash(error, end())
  }

  const self: Self<Msg> = {
    name: options.name,
    signal: controller.signal,
    tell: (message) => void send(message),
    after: (ms, message) => timers.after(ms, () => send(message)),
    run(work, done, failed) {
      if (ended) return
      options.onWork(
        Promise.resolve()
          .then(() => work(controller.signal))
          .then(done, failed)
          .then(send)
          .then(() => {}, crash),
      )
    },
  }
  try {
    behavior = options.incarnate(self)
  } catch (error) {
    crash(error)
  }
  return { send, depth: waiting.size, end }
}

/** The timers of one incarnation. Its handler may go on after the end: none is set then. */
function timerSet() {
  const timers = new Set<NodeJS.Timeout>()
  let ended = false
  return {
    after(ms: number, fire: () => void): () => void {
      if (ended) return () => {}
      const timer = setTimeout(() => {
        timers.delete(timer)
        fire()
      }, ms)
      timers.add(timer)
      return () => {
        clearTimeout(timer)
        timers.delete(timer)
      }
    },
    end() {
      ended = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
