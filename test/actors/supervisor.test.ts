import * as fakeTimers from '@sinonjs/fake-timers'
import * as assert from 'uvu/assert'
import { MESSAGES_PER_TURN, type Self } from '../../src/actors/actor.ts'
import {
  type ActorStatus,
  type ActorSystem,
  actorSystem,
  type RestartPolicy,
} from '../../src/actors/supervisor.ts'
import { suite } from '../support/suite.ts'

const test = suite('actors and their supervisor')
const restart: RestartPolicy = {
  delayMs: 1,
  delayMsMax: 4,
  crashesMax: 2,
  windowMs: 60_000,
  retryDownMs: 60_000,
}
let system: ActorSystem
let crashes: [string, ActorStatus][] = []
test.before.each(() => {
  crashes = []
  system = actorSystem({ onCrash: (actor, _error, status) => crashes.push([actor, status]) })
})
test.after.each(() => system.stop())

/** A promise and its resolver: tests wait for events. */
function signal<T = void>() {
  return Promise.withResolvers<T>()
}

test('messages are handled one at a time and in order', async () => {
  const seen: number[] = []
  const done = signal()
  const actor = system.spawn<number>({
    name: 'order',
    restart,
    incarnate: () => ({
      handle(message) {
        seen.push(message)
        if (message === 200) done.resolve()
      },
    }),
  })
  for (let n = 1; n <= 200; n++) assert.ok(actor.tell(n))
  assert.is(actor.meters().depth, 200)
  await done.promise
  assert.equal(
    seen,
    Array.from({ length: 200 }, (_, n) => n + 1),
  )
  const { sent, depth, deadLetters } = actor.meters()
  assert.equal({ sent, depth, deadLetters }, { sent: 200, depth: 0, deadLetters: 0 })
})

test('an actor with a long backlog lets another in after a few of its messages', async () => {
  const seen: string[] = []
  const spawnNoting = (name: string) =>
    system.spawn<number>({
      name,
      restart,
      incarnate: () => ({ handle: () => void seen.push(name) }),
    })
  const flooded = spawnNoting('flooded')
  const other = spawnNoting('other')
  for (let n = 0; n < 1000; n++) flooded.tell(n)
  other.tell(0)
  await until(() => seen.includes('other'))
  assert.ok(
    seen.length <= 2 * MESSAGES_PER_TURN + 1,
    `the other came after ${seen.length - 1} messages of the flood`,
  )
})

test('after a rush of many actors each is served as before, those that came to rest as well', async () => {
  const counts = new Map<number, number>()
  const actors = Array.from({ length: 1000 }, (_, nth) =>
    system.spawn<number>({
      name: `one of many ${nth}`,
      restart,
      incarnate: () => ({ handle: (by) => void counts.set(nth, (counts.get(nth) ?? 0) + by) }),
    }),
  )
  for (let rush = 1; rush <= 3; rush++) {
    for (const actor of actors) for (let n = 0; n < 5; n++) actor.tell(1)
    await until(() => actors.every((actor) => actor.meters().depth === 0))
    assert.ok(
      actors.every((_, nth) => counts.get(nth) === 5 * rush),
      `rush ${rush}`,
    )
  }
})

test('an offer beyond the cap is refused and not counted as sent', () => {
  const actor = system.spawn<number>({ name: 'cap', restart, incarnate: () => ({ handle() {} }) })
  assert.equal(
    [1, 2, 3].map((n) => actor.offer(n, 2)),
    [true, true, false],
  )
  assert.is(actor.meters().sent, 2)
})

test('a crash hands back what waited, aborts the work and starts afresh', async () => {
  const again = signal()
  const lost: string[] = []
  let lives = 0
  let aborted = false
  const actor = system.spawn<string>({
    name: 'crash',
    restart,
    onLost: (messages) => void lost.push(...messages),
    incarnate(self) {
      lives += 1
      self.signal.addEventListener('abort', () => {
        aborted = true
      })
      return {
        handle(message) {
          if (message === 'boom') throw new Error('boom')
          if (message === 'hello') again.resolve()
        },
      }
    },
  })
  for (const message of ['boom', 'lost 1', 'lost 2']) actor.tell(message)
  await until(() => lives === 2)
  actor.tell('hello')
  await again.promise
  assert.equal(lost, ['lost 1', 'lost 2'])
  assert.ok(aborted)
  assert.equal(crashes, [['crash', 'restarting']])
  assert.is(actor.meters().restarts, 1)
  assert.is(actor.meters().deadLetters, 2)
})

test('a timer and a result of an earlier life never reach the next one', async () => {
  const late = signal<string>()
  const reborn = signal()
  const seen: string[] = []
  let lives = 0
  const actor = system.spawn<string>({
    name: 'late',
    restart,
    incarnate(self: Self<string>) {
      lives += 1
      if (lives === 1) {
        self.after(0, 'old timer')
        self.run(
          () => late.promise,
          (result) => result,
          () => 'failed',
        )
      } else reborn.resolve()
      return {
        handle(message) {
          seen.push(message)
          if (message === 'boom') throw new Error('boom')
        },
      }
    },
  })
  actor.tell('boom')
  await reborn.promise
  late.resolve('old result')
  const last = signal()
  setImmediate(() => setImmediate(last.resolve))
  await last.promise
  assert.equal(
    seen.filter((message) => message.startsWith('old')),
    [],
  )
})

test('side work that throws comes back as a message', async () => {
  const done = signal<string>()
  system.spawn<string>({
    name: 'work',
    restart,
    incarnate(self) {
      self.run(
        () => Promise.reject(new Error('no luck')),
        () => 'done',
        (error) => (error as Error).message,
      )
      return { handle: done.resolve }
    },
  })
  assert.is(await done.promise, 'no luck')
})

test('too many crashes in the window: down, and it says so', async () => {
  const down = signal<unknown>()
  const actor = system.spawn<string>({
    name: 'hopeless',
    restart,
    onDown: down.resolve,
    incarnate: () => ({
      handle() {
        throw new Error('again')
      },
    }),
  })
  const pump = setInterval(() => actor.tell('x'), 1)
  const error = await down.promise
  clearInterval(pump)
  assert.is((error as Error).message, 'again')
  assert.equal(
    crashes.map(([, status]) => status),
    ['restarting', 'restarting', 'down'],
  )
  assert.is(actor.meters().status, 'down')
  assert.not.ok(actor.tell('nobody'), 'a message to a dead actor is refused')
})

test('without a restart policy the first crash is the end', async () => {
  const down = signal<unknown>()
  system.spawn<string>({
    name: 'once',
    restart: null,
    onDown: down.resolve,
    incarnate() {
      throw new Error('cannot be built')
    },
  })
  assert.is(((await down.promise) as Error).message, 'cannot be built')
})

test('stop ends timers, hands back the mailbox and may be called twice', () => {
  const lost: number[] = []
  let disposed = 0
  const actor = system.spawn<number>({
    name: 'stop',
    restart,
    onLost: (messages) => void lost.push(...messages),
    incarnate(self) {
      self.after(60_000, 9)
      return { handle() {}, dispose: () => void disposed++ }
    },
  })
  actor.tell(1)
  actor.stop()
  actor.stop()
  assert.equal(lost, [1])
  assert.is(disposed, 1)
  assert.is(actor.meters().status, 'stopped')
  assert.equal(
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length <= 1,
    true,
    'no timer is left but the one of the test itself',
  )
})

test('the wait before a restart doubles, up to a most, and is cut by up to half', async () => {
  const waits = async (random: number): Promise<number[]> => {
    const timers = fakeTimers.install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    try {
      const policy = { ...restart, delayMs: 1000, delayMsMax: 3000, crashesMax: 3 }
      const jittered = actorSystem({ onCrash() {}, random: () => random })
      const actor = jittered.spawn<string>({
        name: 'jitter',
        restart: policy,
        incarnate() {
          throw new Error('cannot be built')
        },
      })
      const found: number[] = []
      for (let restarts = 1; restarts <= 4; restarts++) {
        const from = Date.now()
        timers.next()
        found.push(Date.now() - from)
        assert.is(actor.meters().restarts, restarts)
      }
      jittered.stop()
      return found
    } finally {
      timers.uninstall()
    }
  }
  assert.equal(await waits(0), [1000, 2000, 3000, 60_000])
  assert.equal(await waits(1), [500, 1000, 1500, 30_000])
})

test('stop goes from the youngest to the eldest', () => {
  const order: string[] = []
  for (const name of ['root', 'branch', 'leaf']) {
    system.spawn<string>({
      name,
      restart,
      incarnate: () => ({ handle() {}, dispose: () => void order.push(name) }),
    })
  }
  system.stop()
  assert.equal(order, ['leaf', 'branch', 'root'])
})

test('stopped waits for side work, of an incarnation that crashed, too', async () => {
  const slow = signal()
  const aborted = signal()
  let crashed = false
  const actor = system.spawn<string>({
    name: 'slow',
    restart,
    incarnate(self) {
      return {
        handle(message) {
          if (message === 'boom') throw new Error('boom')
          self.run(
            async () => {
              self.signal.addEventListener('abort', () => aborted.resolve())
              await slow.promise
            },
            () => 'done',
            () => 'failed',
          )
          crashed = true
          self.tell('boom')
        },
      }
    },
  })
  actor.tell('work')
  await until(() => crashed)
  await aborted.promise
  system.stop()
  let over = 0
  const ends = Promise.all([actor, system].map((each) => each.stopped().then(() => over++)))
  await new Promise((resolve) => setImmediate(resolve))
  assert.is(over, 0, 'its work goes on')
  slow.resolve()
  await ends
  assert.is(over, 2)
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

test.run()
