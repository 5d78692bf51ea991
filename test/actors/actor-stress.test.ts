/**
 * Random schedules over the actor facade: messages, crashes, stops, timers and side work, at any
 * moment and in any order. Whatever happens, every message is accounted for, handlers never overlap,
 * nothing is handled after a stop, and nothing is left behind.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Behavior, Self } from '../../src/actors/actor.ts'
import {
  type Actor,
  type ActorSystem,
  actorSystem,
  type RestartPolicy,
} from '../../src/actors/supervisor.ts'
import { suite } from '../support/suite.ts'

const SEED = 8_675_309
const restart: RestartPolicy = {
  delayMs: 0.1,
  delayMsMax: 1,
  crashesMax: 2,
  windowMs: 50,
  retryDownMs: 1,
}

const orders = [
  'nothing',
  'crash',
  'tell itself',
  'set a timer',
  'set and cancel a timer',
  'work',
  'work that fails',
  'work whose result crashes it',
  'work that hangs',
  'work that hangs and crashes it',
  'stop',
  'stop and go on',
] as const
const builds = ['plain', 'busy', 'throws', 'busy and throws', 'stops', 'stops and throws'] as const
interface Note {
  id: number
  order: (typeof orders)[number]
}

interface Traits {
  restarts: boolean
  stopsWhenLosing: boolean
  /** How each incarnation is built, the first one first; those beyond are plain. */
  builds: (typeof builds)[number][]
}
type Step =
  | { do: 'tell'; to: number; order: Note['order'] }
  | { do: 'offer'; to: number; order: Note['order']; depthMax: number }
  | { do: 'stop'; to: number }
  | { do: 'wait for a restart'; to: number }
  | { do: 'settle work' }
  | { do: 'turn' }

const ACTORS = 3
const to = fc.nat(ACTORS - 1)
/** Mostly harmless, or every schedule would be over after a few steps. */
const order = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Note['order']>('nothing') },
  { weight: 4, arbitrary: fc.constantFrom(...orders.filter((each) => !each.startsWith('stop'))) },
  { weight: 1, arbitrary: fc.constantFrom(...orders) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('tell' as const), to, order }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('offer' as const), to, order, depthMax: fc.nat(4) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), to }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait for a restart' as const), to }) },
  { weight: 2, arbitrary: fc.constant({ do: 'settle work' as const }) },
  { weight: 8, arbitrary: fc.constant({ do: 'turn' as const }) },
)
const traits: fc.Arbitrary<Traits> = fc.record({
  restarts: fc.oneof(
    { weight: 4, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
  stopsWhenLosing: fc.oneof(
    { weight: 5, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  builds: fc.array(fc.constantFrom('plain' as const, 'plain' as const, ...builds), {
    maxLength: 5,
  }),
})

/** What all actors of one schedule share. */
interface World {
  system: ActorSystem
  nextId(): number
  /** Ends the work that hangs, oldest first. */
  hanging: (() => void)[]
  problem(what: string): void
}

/** One actor under test and the book kept on it, from outside and without the facade's counters. */
function subject(name: string, { restarts, stopsWhenLosing, builds }: Traits, world: World) {
  const book = {
    /** What was certainly taken, in this order: from outside and by a life from itself. */
    accepted: [] as number[],
    /** Ids of what timers and side work may bring. */
    later: new Set<number>(),
    handled: [] as number[],
    lost: [] as number[],
    refused: 0,
    lives: 0,
    built: 0,
    disposed: 0,
    downs: 0,
    crashes: 0,
    stopped: false,
  }
  let inside = false
  let actor: Actor<Note> | undefined
  const note = (kind: Note['order'] = 'nothing'): Note => ({ id: world.nextId(), order: kind })
  const laterNote = () => {
    const late = note()
    book.later.add(late.id)
    return late
  }
  const place = (id: number) => book.accepted.indexOf(id)

  function stop(): void {
    // While the first one is built there is no actor yet, and nobody who could stop it.
    if (!actor) return
    book.stopped = true
    actor.stop()
  }

  /** A crash counts once for a life, and not after its end. */
  function crash(self: Self<Note>): never {
    if (!self.signal.aborted) book.crashes++
    throw new Error('ordered')
  }

  const hang = () => new Promise<void>((resolve) => void world.hanging.push(resolve))

  function tellItself(self: Self<Note>): void {
    const own = note()
    if (!self.signal.aborted) book.accepted.push(own.id)
    self.tell(own)
  }

  function busy(self: Self<Note>): void {
    tellItself(self)
    self.after(1, laterNote())
    self.run(() => Promise.resolve(), laterNote, laterNote)
  }

  const obey: Record<Note['order'], (self: Self<Note>) => void> = {
    nothing() {},
    crash,
    'tell itself': tellItself,
    'set a timer': (self) => void self.after(0, laterNote()),
    'set and cancel a timer'(self) {
      const cancel = self.after(0, { id: -1, order: 'nothing' })
      cancel()
      cancel()
    },
    work: (self) => self.run(() => Promise.resolve(), laterNote, laterNote),
    'work that fails': (self) =>
      self.run(() => Promise.reject(new Error('failed')), laterNote, laterNote),
    'work whose result crashes it': (self) =>
      self.run(
        () => Promise.resolve(),
        () => crash(self),
        laterNote,
      ),
    'work that hangs': (self) => self.run(hang, laterNote, laterNote),
    'work that hangs and crashes it': (self) => self.run(hang, () => crash(self), laterNote),
    stop,
    'stop and go on'(self) {
      stop()
      busy(self)
    },
  }

  function incarnate(self: Self<Note>): Behavior<Note> {
    book.lives++
    const how = builds[book.lives - 1] ?? 'plain'
    if (how.startsWith('busy')) busy(self)
    if (how.startsWith('stops')) stop()
    if (how.endsWith('throws')) crash(self)
    book.built++
    let disposed = false
    return {
      handle(message) {
        if (inside) world.problem(`${name}: handlers overlap`)
        if (book.stopped) world.problem(`${name}: ${message.id} handled after the stop`)
        if (self.signal.aborted) world.problem(`${name}: ${message.id} handled after the end`)
        book.handled.push(message.id)
        inside = true
        try {
          obey[message.order](self)
        } finally {
          inside = false
        }
      },
      dispose() {
        if (disposed) world.problem(`${name}: disposed twice`)
        if (!self.signal.aborted) world.problem(`${name}: disposed without an abort`)
        disposed = true
        book.disposed++
      },
    }
  }

  function onLost(messages: Note[]): void {
    const newest = Math.max(-1, ...book.handled.map(place))
    const places = messages.map(({ id }) => place(id)).filter((each) => each >= 0)
    if (places.some((each) => each < newest)) world.problem(`${name}: handled past a lost one`)
    if (!isRising(places)) world.problem(`${name}: lost ones out of order`)
    book.lost.push(...messages.map(({ id }) => id))
    if (stopsWhenLosing) stop()
  }

  actor = world.system.spawn<Note>({
    name,
    restart: restarts ? restart : null,
    onDown: () => void book.downs++,
    onLost,
    incarnate,
  })
  const made = actor
  return {
    book,
    stop,
    isWaiting: () => restarts && ['restarting', 'down'].includes(made.meters().status),
    tell(kind: Note['order']) {
      const message = note(kind)
      if (made.tell(message)) book.accepted.push(message.id)
      else book.refused++
    },
    offer(kind: Note['order'], depthMax: number) {
      const message = note(kind)
      const { depth, deadLetters } = made.meters()
      const taken = made.offer(message, depthMax)
      if (taken) book.accepted.push(message.id)
      else if (depth < depthMax) book.refused++
      else assert.is(made.meters().deadLetters, deadLetters, 'beyond the cap is not a dead letter')
      if (depth >= depthMax) assert.not(taken, 'taken beyond the cap')
    },
    /** The facade's counters agree with the book: between any two steps. */
    check() {
      const { sent, seen, depth, deadLetters, status } = made.meters()
      assert.is(sent, seen + book.lost.length + depth, `${name}: sent = seen + lost + depth`)
      assert.is(seen, book.handled.length, `${name}: seen`)
      assert.is(deadLetters, book.lost.length + book.refused, `${name}: dead letters`)
      assert.is(status === 'stopped', book.stopped, `${name}: ${status}`)
    },
    /** The whole story, once everything is stopped. */
    checkEnd() {
      const ended = [...book.handled, ...book.lost]
      assert.is(new Set(ended).size, ended.length, `${name}: a message ends once`)
      const expected = new Set(book.accepted)
      for (const id of ended) {
        if (!expected.delete(id)) assert.ok(book.later.has(id), `${name}: ${id} came from nowhere`)
      }
      assert.equal([...expected], [], `${name}: taken, but neither handled nor lost`)
      const places = book.handled.map(place).filter((each) => each >= 0)
      assert.ok(isRising(places), `${name}: handled out of order`)
      assert.is(made.meters().depth, 0)
      assert.is(book.disposed, book.built, `${name}: every life that was built is disposed`)
    },
  }
}
type Subject = ReturnType<typeof subject>

function isRising(places: number[]): boolean {
  return places.every((each, index) => index === 0 || each > (places[index - 1] as number))
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

async function take(step: Step, subjects: Subject[], world: World): Promise<void> {
  switch (step.do) {
    case 'tell':
      return subjects[step.to]?.tell(step.order)
    case 'offer':
      return subjects[step.to]?.offer(step.order, step.depthMax)
    case 'stop':
      return subjects[step.to]?.stop()
    case 'wait for a restart':
      while (subjects[step.to]?.isWaiting()) await turn()
      return
    case 'settle work':
      world.hanging.shift()?.()
      // Until its result has arrived: else a stop may come between a throw and the crash.
      return turn()
    case 'turn':
      return turn()
  }
}

const test = suite('actors under random schedules')

/** One schedule from start to end; answers what happened in it. */
async function play(allTraits: Traits[], steps: Step[], system: ActorSystem, problems: string[]) {
  let id = 0
  const world: World = {
    system,
    nextId: () => ++id,
    hanging: [],
    problem: (what) => void problems.push(what),
  }
  const subjects = allTraits.map((each, index) => subject(`actor ${index}`, each, world))
  for (const each of steps) {
    await take(each, subjects, world)
    for (const one of subjects) one.check()
    assert.equal(problems, [])
  }
  for (const { book } of subjects) book.stopped = true
  system.stop()
  system.stop()
  for (const end of world.hanging) end()
  for (let turns = 0; turns < 5; turns++) await turn()
  for (const one of subjects) {
    one.stop()
    one.check()
    one.checkEnd()
  }
  assert.equal(problems, [])
  assert.equal(system.meters(), [])
  return subjects.map(({ book }) => book)
}

test('every message is accounted for, in order, and nothing outlives a stop', async () => {
  // The suite arms its own time limit only after the first await.
  await turn()
  const before = timers()
  const happened = { handled: 0, lost: 0, refused: 0, lives: 0, downs: 0 }
  const property = fc.asyncProperty(
    fc.array(traits, { minLength: ACTORS, maxLength: ACTORS }),
    fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }),
    async (allTraits, steps) => {
      let downs = 0
      let crashes = 0
      const problems: string[] = []
      const system = actorSystem({
        onCrash(actor, error, status) {
          if (String(error) !== 'Error: ordered') problems.push(`${actor}: ${error}`)
          if (status === 'down') downs++
          crashes++
        },
      })
      try {
        const books = await play(allTraits, steps, system, problems)
        for (const book of books) {
          downs -= book.downs
          crashes -= book.crashes
          happened.handled += book.handled.length
          happened.lost += book.lost.length
          for (const key of ['refused', 'lives', 'downs'] as const) happened[key] += book[key]
        }
        assert.is(downs, 0, 'onDown is told exactly when an actor is down')
        assert.is(crashes, 0, 'onCrash is told of each crash once')
        assert.is(timers(), before, 'a timer is left')
      } finally {
        // A failed schedule must not disturb the shorter ones that fast-check looks for.
        system.stop()
      }
    },
  )
  await fc.assert(property, { seed: SEED, numRuns: 500, includeErrorInReport: true })
  // Guards the generator: schedules in which nothing happens prove nothing.
  for (const [what, count] of Object.entries(happened)) assert.ok(count > 100, `${what}: ${count}`)
})

test('stop before anything else, twice, and of what was never sent a message', () => {
  const empty = actorSystem({ onCrash() {} })
  empty.stop()
  empty.stop()
  assert.throws(
    () => empty.spawn({ name: 'late', restart, incarnate: () => ({ handle() {} }) }),
    /stopped/,
  )
  const before = timers()
  const system = actorSystem({ onCrash() {} })
  let disposed = 0
  const actor = system.spawn<string>({
    name: 'idle',
    restart,
    incarnate: () => ({ handle() {}, dispose: () => void disposed++ }),
  })
  actor.stop()
  system.stop()
  actor.stop()
  assert.is(disposed, 1)
  assert.is(actor.tell('nobody'), false)
  assert.is(actor.meters().deadLetters, 1)
  assert.equal(system.meters(), [])
  assert.is(timers(), before)
})

test('two actors of one name have nothing in common', async () => {
  const system = actorSystem({ onCrash() {} })
  const seen: string[] = []
  const [first, second] = ['first', 'second'].map((which) =>
    system.spawn<string>({
      name: 'jane@example.com',
      restart,
      incarnate: () => ({ handle: (message) => void seen.push(`${which} ${message}`) }),
    }),
  )
  first?.tell('a')
  second?.tell('b')
  first?.stop()
  while (seen.length === 0) await turn()
  await turn()
  assert.equal(seen, ['second b'])
  system.stop()
})

test('an actor that a loss spawns while the system stops is stopped as well', () => {
  const before = timers()
  const system = actorSystem({ onCrash() {} })
  let heir: Actor<string> | undefined
  const actor = system.spawn<string>({
    name: 'lossy',
    restart,
    incarnate: () => ({ handle() {} }),
    onLost() {
      heir = system.spawn<string>({
        name: 'heir',
        restart,
        incarnate(self) {
          self.after(60_000, 'late')
          return { handle() {} }
        },
      })
    },
  })
  actor.tell('lost')
  system.stop()
  assert.is(heir?.meters().status, 'stopped')
  assert.is(timers(), before)
})

test.run()
