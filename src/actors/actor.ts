/**
 * Actors: the one file that knows nact. nact gives spawn, dispatch and a sound order of handling;
 * its lifecycle and supervision are not reliable, so one incarnation is wrapped here with its own
 * mailbox, timers, side work and end, and `supervisor.ts` decides about restarts.
 *
 * Guarantees: handlers run one at a time and in order, a few messages per turn of the event loop; no
 * message, timer or result is handled after the end. Not guaranteed: that what waits in the mailbox
 * at the end is handled; `end` answers it.
 *
 * An incarnation at rest has no nact actor, nor anything else it does not need just then: each live
 * lead is one, and most of them wait. bench/README.md has the bytes.
 */
import { dispatch, type Ref, spawn, start, stop } from 'nact'
import { Mailbox } from './mailbox.ts'

export interface Behavior<Msg> {
  /** Synchronous. What it starts it hands to `self.run`, and the result comes back as a message. */
  // biome-ignore lint/suspicious/noConfusingVoidType: plain void would let an async handler pass
  handle(message: Msg): void | undefined
  /** Called once at the end; must not throw. */
  dispose?(): void
}

/**
 * What an incarnation may do to itself. Everything here ends with the incarnation. Its functions are
 * properties because TypeScript checks the message of a method only loosely; call them on `self`.
 */
export interface Self<Msg> {
  readonly name: string
  /** Aborted when the incarnation ends. For side work that can be broken off. */
  readonly signal: AbortSignal
  readonly tell: (message: Msg) => void
  /** Sends `message` to this incarnation after `ms`; answers the cancel function. */
  readonly after: (ms: number, message: Msg) => () => void
  /** Runs async work beside the mailbox; its outcome arrives as a message, unless the end came first. */
  run<T>(work: () => Promise<T>, done: (result: T) => Msg, failed: (error: unknown) => Msg): void
}

export interface Life<Msg> {
  /** False after the end. */
  send(message: Msg): boolean
  depth(): number
  /** Ends it once: timers cleared, side work aborted; answers the messages left unhandled. */
  end(): Msg[]
}

/** Whose incarnation it is. */
export interface LifeOwner<Msg> {
  readonly name: string
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
  live<Msg>(owner: LifeOwner<Msg>): Life<Msg>
  stop(): void
}

export function actorRoot(): ActorRoot {
  const system = start()
  // A parent with many children must get no messages (27 ms each at 100,000 children): it gets none.
  const holder = spawn(system, () => null, 'actors') as Ref<unknown>
  const runSoon = runnersOf(holder)
  return {
    live: (owner) => new Incarnation(owner, runSoon),
    stop() {
      stop(holder)
      stop(system)
    },
  }
}

/** A mailbox, as those who see to it that it is worked through know it. */
interface Runnable {
  /** Answers whether more waits. */
  handleNext(): boolean
}

/**
 * Of one mailbox, before sockets and other actors have their turn. With one a channel of the ingest
 * took as many offers a second as the loop had turns, fewer the busier it was, and what was stored
 * waited behind them; with hundreds, slow handlers would hold up everybody else.
 */
export const MESSAGES_PER_TURN = 16

/** Kept for the next mailbox. More would only hold memory after a rush of many actors. */
const RESTING_MAX = 256

/**
 * nact actors, each working through one mailbox, some messages in each turn of the event loop, and
 * free for another once it is empty. So there are as many as incarnations have something to do.
 */
function runnersOf(holder: Ref<unknown>): (mailbox: Runnable) => void {
  const resting: Ref<unknown>[] = []
  let spawned = 0

  function handle(_state: unknown, mailbox: Runnable, { self }: { self: Ref<unknown> }): null {
    work(mailbox, self, MESSAGES_PER_TURN)
    return null
  }

  /** Between two messages side work begins and ends: a crash must not overtake what went before. */
  function work(mailbox: Runnable, self: Ref<unknown>, messagesMax: number): void {
    if (!mailbox.handleNext()) rest(self)
    else if (messagesMax > 1) queueMicrotask(() => work(mailbox, self, messagesMax - 1))
    else dispatch(self as never, mailbox as never)
  }

  function rest(self: Ref<unknown>): void {
    if (resting.length < RESTING_MAX) resting.push(self)
    else stop(self as never)
  }

  function spawnRunner(): Ref<unknown> {
    spawned += 1
    return spawn(holder as never, handle as never, `runner-${spawned}`, {
      // Of nact's decisions only `stop` and `resume` are sound. `handle` never throws anyway.
      onCrash: (_message: unknown, _error: unknown, context: { stop: symbol }) => context.stop,
    } as never) as Ref<unknown>
  }

  return (mailbox) => dispatch((resting.pop() ?? spawnRunner()) as never, mailbox as never)
}

/** A class, because each live lead is one: methods are shared, closures would be 64 bytes apiece. */
class Incarnation<Msg> implements Life<Msg>, Self<Msg>, Runnable {
  private readonly owner: LifeOwner<Msg>
  private readonly runSoon: (mailbox: Runnable) => void
  private readonly waiting = new Mailbox<Msg>()
  private behavior: Behavior<Msg> | undefined = undefined
  private controller: AbortController | undefined = undefined
  private timers: NodeJS.Timeout[] | undefined = undefined
  private ended = false
  /** A runner has the mailbox, and will come to what is put into it. */
  private running = false

  constructor(owner: LifeOwner<Msg>, runSoon: (mailbox: Runnable) => void) {
    this.owner = owner
    this.runSoon = runSoon
    try {
      this.behavior = owner.incarnate(this)
    } catch (error) {
      this.crash(error)
    }
  }

  get name(): string {
    return this.owner.name
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    if (this.ended) this.controller.abort()
    return this.controller.signal
  }

  depth(): number {
    return this.waiting.size
  }

  send(message: Msg): boolean {
    if (this.ended) return false
    this.waiting.push(message)
    this.owner.onSent()
    if (!this.running) {
      this.running = true
      this.runSoon(this)
    }
    return true
  }

  tell(message: Msg): void {
    this.send(message)
  }

  handleNext(): boolean {
    // An end meanwhile has emptied it.
    if (this.waiting.size > 0) this.handle(this.waiting.shift() as Msg)
    this.running = this.waiting.size > 0
    return this.running
  }

  after(ms: number, message: Msg): () => void {
    // A handler may go on after the end of its life: no timer is set then.
    if (this.ended) return () => {}
    const timer = setTimeout(() => {
      this.forget(timer)
      this.send(message)
    }, ms)
    // Not pushed: the array would keep room for sixteen more.
    this.timers = this.timers ? [...this.timers, timer] : [timer]
    return () => {
      clearTimeout(timer)
      this.forget(timer)
    }
  }

  run<T>(work: () => Promise<T>, done: (result: T) => Msg, failed: (error: unknown) => Msg): void {
    if (this.ended) return
    const begun = Promise.resolve().then(work).then(done, failed)
    this.owner.onWork(
      begun.then(
        (message) => this.tell(message),
        (error) => this.crash(error),
      ),
    )
  }

  end(): Msg[] {
    if (this.ended) return []
    this.ended = true
    for (const timer of this.timers ?? []) clearTimeout(timer)
    this.timers = undefined
    this.controller?.abort()
    this.behavior?.dispose?.()
    return this.waiting.drain()
  }

  private handle(message: Msg): void {
    this.owner.onHandled()
    try {
      this.behavior?.handle(message)
    } catch (error) {
      this.crash(error)
    }
  }

  private crash(error: unknown): void {
    if (!this.ended) this.owner.onCrash(error, this.end())
  }

  private forget(timer: NodeJS.Timeout): void {
    const rest = this.timers?.filter((each) => each !== timer) ?? []
    this.timers = rest.length > 0 ? rest : undefined
  }
}
