/**
 * Contract tests for nact 7.6.2: one test per quirk that `src/actors/actor.ts` works around, and
 * the few promises it builds on. A test that fails after an update of nact says which workaround
 * to look at again. This file and `src/actors/actor.ts` are the only ones that import nact.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { dispatch, query, type Ref, spawn, spawnStateless, start, stop } from 'nact'
import * as assert from 'uvu/assert'
import { suite } from '../support/suite.ts'

const root = join(import.meta.dirname, '../..')
const test = suite('contract with nact')

/** What nact really passes; its own types know neither `sender` nor what is missing when. */
interface Context {
  name: string
  self: Ref<unknown>
  parent: Ref<unknown> | undefined
  children: Map<string, Ref<unknown>>
  /** Only in `onCrash` and `afterStop`. */
  mailbox: { message: unknown }[]
  stop: symbol
  resume: symbol
  escalate: symbol
  resetAll: symbol
}
type Handler = (state: unknown, message: unknown, context: Context) => unknown
interface Properties {
  initialState?: unknown
  initialStateFunc?: () => unknown
  onCrash?: (message: unknown, error: unknown, context: Context, child?: Ref<unknown>) => unknown
  afterStop?: (state: unknown, context: Context) => unknown
  shutdownAfter?: unknown
}

let system: Ref<unknown>
test.before.each(() => {
  system = start() as unknown as Ref<unknown>
})
test.after.each(() => stop(system))

function actor(name: string, handle: Handler, properties: Properties = {}, parent = system) {
  return spawn(parent as never, handle as never, name, properties as never) as Ref<unknown>
}
function send(ref: Ref<unknown>, ...messages: unknown[]): void {
  for (const message of messages) dispatch(ref, message)
}
/** An actor that only writes down what it handles. */
function recorder(name: string, seen: unknown[], properties: Properties = {}, parent = system) {
  return actor(name, (_state, message) => void seen.push(message), properties, parent)
}
async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1)
}
const boom = () => {
  throw new Error('boom')
}

// What the facade builds on

test('messages are handled in order, one at a time, across async handlers', async () => {
  const log: string[] = []
  const ref = actor('order', async (_state, message) => {
    log.push(`begin ${message}`)
    await turns(2)
    log.push(`end ${message}`)
  })
  send(ref, 1, 2, 3)
  await until(() => log.length === 6)
  assert.equal(log, ['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
})

test('nothing is handled within the dispatch itself', async () => {
  const seen: unknown[] = []
  send(recorder('later', seen), 1)
  assert.equal(seen, [])
  await turns(1)
  assert.equal(seen, [1])
})

test('a busy actor handles one message per turn of the event loop', async () => {
  const seen: string[] = []
  const flooded = actor('flooded', () => void seen.push('flooded'))
  const other = actor('other', () => void seen.push('other'))
  for (let n = 0; n < 1000; n++) send(flooded, n)
  send(other, 'one')
  await until(() => seen.includes('other'))
  assert.ok(seen.length <= 3, `the other came after ${seen.length - 1} messages of the flood`)
  const before = seen.length
  await turns(20)
  assert.ok(seen.length - before <= 21, `${seen.length - before} messages in 20 turns`)
})

test('what an actor sends itself while it handles comes in a later turn, after what waits', async () => {
  const seen: unknown[] = []
  const ref = actor('self', (_state, message, { self }) => {
    if (message === 1) {
      dispatch(self, 3)
      assert.equal(seen, [])
    }
    seen.push(message)
  })
  send(ref, 1, 2)
  await turns(1)
  assert.equal(seen, [1])
  await until(() => seen.length === 3)
  assert.equal(seen, [1, 2, 3])
})

test('an actor with an empty mailbox that stops itself while it handles is gone, and nothing follows', async () => {
  const crashes: unknown[] = []
  const seen: unknown[] = []
  const ref = actor(
    'once',
    (_state, message, { self }) => {
      stop(self)
      seen.push(message)
      return null
    },
    { onCrash: (_message, error) => void crashes.push(error) },
  )
  send(ref, 1)
  await turns()
  send(ref, 2)
  await turns()
  assert.equal([seen, crashes], [[1], []])
  recorder('once', seen)
})

test('resume after the own crash keeps the queue, its order and the state', async () => {
  const seen: unknown[] = []
  const ref = actor(
    'resume',
    (state, message) => {
      if (message === 2) boom()
      seen.push([state, message])
      return message
    },
    { initialState: 0, onCrash: (_message, _error, context) => context.resume },
  )
  send(ref, 1, 2, 3, 4)
  await until(() => seen.length === 3)
  assert.equal(seen, [
    [0, 1],
    [1, 3],
    [3, 4],
  ])
})

test('stop as the answer to the own crash ends the actor and frees its name', async () => {
  const seen: unknown[] = []
  const onCrash: Properties['onCrash'] = (_message, _error, context) => context.stop
  const ref = actor(
    'crash',
    (_state, message) => {
      seen.push(message)
      boom()
    },
    { onCrash },
  )
  send(ref, 1, 2)
  await turns()
  assert.equal(seen, [1])
  recorder('crash', seen)
})

// Stop

test('stop of a parent leaves its children alive, cut off and without afterStop', async () => {
  const seen: unknown[] = []
  let afterStops = 0
  const parent = recorder('parent', [])
  const child = recorder('child', seen, { afterStop: () => void afterStops++ }, parent)
  send(child, 1, 2, 3)
  stop(parent)
  send(child, 'cut off')
  await turns()
  assert.equal(seen, [1, 2, 3], 'the queue runs on')
  assert.is(afterStops, 0)
})

test('stop of the system stops no actor', async () => {
  const seen: unknown[] = []
  let afterStops = 0
  const ref = recorder('survivor', seen, { afterStop: () => void afterStops++ })
  send(ref, 1, 2, 3)
  stop(system)
  await turns()
  assert.equal(seen, [1, 2, 3])
  assert.is(afterStops, 0)
})

test('stop loses the message that is scheduled, even from the mailbox it shows', async () => {
  const seen: unknown[] = []
  let mailbox: unknown[] | undefined
  const ref = recorder('lossy', seen, {
    afterStop(_state, context) {
      mailbox = context.mailbox.map(({ message }) => message)
    },
  })
  send(ref, 1, 2, 3)
  stop(ref)
  await until(() => mailbox !== undefined)
  assert.equal(mailbox, [2, 3], 'nobody is told of 1')
  assert.equal(seen, [])
})

test('stop does not wait: afterStop runs before the handler ends, with the state of before', async () => {
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  const ref = actor(
    'running',
    async () => {
      log.push('begin')
      await gate.promise
      log.push('end')
      return 'new'
    },
    { initialState: 'old', afterStop: (state) => void log.push(`afterStop ${state}`) },
  )
  send(ref, 1)
  await until(() => log.length === 1)
  stop(ref)
  await until(() => log.length === 2)
  gate.resolve()
  await until(() => log.length === 3)
  assert.equal(log, ['begin', 'afterStop old', 'end'])
})

test('a throw after the stop asks onCrash again, and stop runs afterStop twice', async () => {
  let crashes = 0
  let afterStops = 0
  const gate = Promise.withResolvers<void>()
  const ref = actor('twice', () => gate.promise, {
    onCrash(_message, _error, context) {
      crashes++
      return context.stop
    },
    afterStop: () => void afterStops++,
  })
  send(ref, 1)
  await turns()
  stop(ref)
  gate.reject(new Error('late'))
  await turns()
  assert.is(crashes, 1)
  assert.is(afterStops, 2)
})

// References and names

test('a reference is a path: an old one reaches, and stops, the next actor of that name', async () => {
  const seen: unknown[] = []
  const old = recorder('name', [])
  stop(old)
  recorder('name', seen)
  send(old, 'for the old one')
  await turns()
  assert.equal(seen, ['for the old one'])
  stop(old)
  recorder('name', [])
})

test('a message to a stopped, unknown or absent target is dropped in silence', async () => {
  const seen: unknown[] = []
  const ref = recorder('gone', seen)
  stop(ref)
  send(ref, 1)
  stop(ref)
  const systemGone = start() as unknown as Ref<unknown>
  const orphan = recorder('orphan', seen, {}, systemGone)
  stop(systemGone)
  send(orphan, 1)
  await turns()
  assert.equal(seen, [])
})

test('a duplicate name, a bad name and a stopped parent throw at spawn', () => {
  const ref = recorder('taken', [])
  assert.throws(() => recorder('taken', []), /already exists/)
  for (const name of ['jane@example.com', 'jane%40example.com', 'a b', 'a/b', 'é']) {
    assert.throws(() => recorder(name, []), /path may only contain/, name)
  }
  for (const name of ['0190c7a2-4b1e-7abc-8def-0123456789ab', '6a616e65-17', '-1', 'a_b']) {
    recorder(name, [])
  }
  stop(ref)
  assert.throws(() => recorder('child', [], {}, ref), /stopped or never even existed/)
})

test('without a name an actor gets a name of 32 random bits', () => {
  const ref = recorder('', []) as unknown as { name: string }
  assert.match(ref.name, /^anonymous--?\d{1,10}$/)
})

test('a text as the name of a system is ignored', () => {
  const named = start('leadpulse') as unknown as { name: string }
  assert.is.not(named.name, 'leadpulse')
  stop(named as unknown as Ref<unknown>)
})

test('a second system of one name replaces the first without a word', async () => {
  const seen: string[] = []
  const first = start({ name: 'same' } as never) as unknown as Ref<unknown>
  const inFirst = actor('a', () => void seen.push('first'), {}, first)
  const second = start({ name: 'same' } as never) as unknown as Ref<unknown>
  actor('a', () => void seen.push('second'), {}, second)
  send(inFirst, 1)
  await turns()
  assert.equal(seen, ['second'])
  stop(second)
})

// Handlers and state

test('a handler whose promise never settles wedges the actor', async () => {
  const seen: unknown[] = []
  const ref = actor('wedged', (_state, message) => {
    seen.push(message)
    return new Promise(() => {})
  })
  send(ref, 1, 2)
  await turns(50)
  assert.equal(seen, [1])
})

test('returning undefined makes the state undefined; it does not stop the actor', async () => {
  const states: unknown[] = []
  const ref = actor('state', (state) => void states.push(state), { initialState: 'first' })
  send(ref, 1, 2)
  await until(() => states.length === 2)
  assert.equal(states, ['first', undefined])
})

test('an async initialStateFunc makes a promise the state', async () => {
  const states: unknown[] = []
  send(
    actor('async', (state) => void states.push(state), { initialStateFunc: async () => 'ready' }),
    1,
  )
  await until(() => states.length === 1)
  assert.instance(states[0], Promise)
})

test('the map of children is a copy, stale within the handler that spawns', async () => {
  const sizes: number[] = []
  const ref = actor('parent', (_state, _message, context) => {
    recorder(`child-${sizes.length}`, [], {}, context.self)
    sizes.push(context.children.size)
  })
  send(ref, 1, 2)
  await until(() => sizes.length === 2)
  assert.equal(sizes, [0, 1])
})

test('a queued message runs in the async context of the message before it', async () => {
  const storage = new AsyncLocalStorage<string>()
  const contexts: unknown[] = []
  const ref = actor('context', () => void contexts.push(storage.getStore()))
  storage.run('tenant 1', () => send(ref, 1))
  storage.run('tenant 2', () => send(ref, 2))
  await until(() => contexts.length === 2)
  assert.equal(contexts, ['tenant 1', 'tenant 1'])
})

// Crashes

test('without onCrash the whole message is printed and the actor stopped', async () => {
  const printed: unknown[] = []
  const { log } = console
  console.log = (...args: unknown[]) => void printed.push(args)
  try {
    const ref = actor('private', boom)
    send(ref, { email: 'jane@example.com' })
    await until(() => printed.length > 0)
    await turns(1)
    assert.match(JSON.stringify(printed), 'jane@example.com')
    recorder('private', [])
  } finally {
    console.log = log
  }
})

test('spawnStateless replaces onCrash by a silent resume', async () => {
  const seen: unknown[] = []
  let crashes = 0
  const ref = spawnStateless(
    system as never,
    ((message: unknown) => {
      seen.push(message)
      boom()
    }) as never,
    'stateless',
    { onCrash: () => void crashes++ } as never,
  ) as Ref<unknown>
  send(ref, 1, 2)
  await until(() => seen.length === 2)
  await turns()
  assert.is(crashes, 0)
})

test('spawnStateless handles one message at a time as well', async () => {
  const seen: unknown[] = []
  const gate = Promise.withResolvers<void>()
  const handle = (message: unknown) => {
    seen.push(message)
    return gate.promise
  }
  const ref = spawnStateless(system as never, handle as never, 'sequential') as Ref<unknown>
  send(ref, 1, 2)
  await turns()
  assert.equal(seen, [1])
  gate.resolve()
  await until(() => seen.length === 2)
})

test('escalate answered by resume leaves the child wedged', async () => {
  const seen: unknown[] = []
  let asked = 0
  const parent = recorder('parent', [], {
    onCrash(_message, _error, context) {
      asked++
      return context.resume
    },
  })
  const child = actor(
    'child',
    (_state, message) => {
      seen.push(message)
      if (message === 1) boom()
    },
    { onCrash: (_message, _error, context) => context.escalate },
    parent,
  )
  send(child, 1, 2)
  await until(() => asked === 1)
  await turns()
  assert.equal(seen, [1])
})

test('resetAll runs two handlers at once in a busy sibling', async () => {
  let running = 0
  let most = 0
  const gate = Promise.withResolvers<void>()
  const busy = actor('busy', async () => {
    most = Math.max(most, ++running)
    await gate.promise
    running--
  })
  const crashing = actor('crashing', boom, {
    onCrash: (_message, _error, context) => context.resetAll,
  })
  send(busy, 1, 2)
  await until(() => running === 1)
  send(crashing, 1)
  await until(() => most === 2)
  gate.resolve()
  await until(() => running === 0)
})

// Timers

test('a query to an actor that throws waits for its timeout', async () => {
  const ref = actor('deaf', boom, { onCrash: (_message, _error, context) => context.resume })
  const ask = () => query(ref as never, (() => 'question') as never, 1) as Promise<unknown>
  const [answer] = await Promise.allSettled([ask()])
  assert.is(answer.status, 'rejected')
  assert.match(String((answer as PromiseRejectedResult).reason), 'Query Timeout')
})

test('shutdownAfter beyond 32 bits fires at once', async () => {
  let stopped = false
  recorder('longlived', [], {
    shutdownAfter: 2 ** 32,
    afterStop: () => {
      stopped = true
    },
  })
  await until(() => stopped)
})

test('shutdownAfter of a wrong type leaves a zombie that holds the name', () => {
  const zombie = () => recorder('zombie', [], { shutdownAfter: '5 minutes' })
  assert.throws(zombie, /should be specified as a number/)
  assert.throws(zombie, /already exists/)
})

// What ends the process: each in a child process, which says how it would have died

function deathOf(code: string): Promise<string> {
  const script = `
    import { dispatch, spawn, start, stop } from 'nact'
    process.on('uncaughtException', (error, origin) => {
      console.log(origin + ': ' + error.message)
      process.exit(0)
    })
    const system = start()
    ${code}`
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module', '-e', script]
    execFile(process.execPath, args, { cwd: root, timeout: 100_000 }, (error, stdout) => {
      if (error) reject(error)
      else resolve(stdout.trim() || 'none')
    })
  })
}

test('a throw in afterStop is an uncaught exception', async () => {
  const death = await deathOf(`
    const ref = spawn(system, () => {}, 'a', { afterStop() { throw new Error('boom') } })
    stop(ref)`)
  assert.is(death, 'uncaughtException: boom')
})

test('a throw after the stop, escalated, is an unhandled rejection', async () => {
  const death = await deathOf(`
    const gate = Promise.withResolvers()
    const onCrash = (message, error, context) => context.escalate
    const ref = spawn(system, () => gate.promise, 'a', { onCrash })
    dispatch(ref, 1)
    setImmediate(() => {
      stop(ref)
      gate.reject(new Error('late'))
    })`)
  assert.match(death, /^unhandledRejection: .*handleFault/)
})

test('stopChild as the answer to the own crash is an unhandled rejection', async () => {
  const death = await deathOf(`
    const onCrash = (message, error, context) => context.stopChild
    const ref = spawn(system, () => { throw new Error('boom') }, 'a', { onCrash })
    dispatch(ref, 1)`)
  assert.match(death, /^unhandledRejection: /)
})

test('a crash answered by stop ends nothing but the actor', async () => {
  const death = await deathOf(`
    const onCrash = (message, error, context) => context.stop
    const ref = spawn(system, () => { throw new Error('boom') }, 'a', { onCrash })
    dispatch(ref, 1)`)
  assert.is(death, 'none')
})

// The boundary

test('nothing but the facade and this file imports nact', () => {
  const files = globSync('{src,test,bench}/**/*.{ts,js,mts,cts}', { cwd: root })
  assert.ok(files.length > 50, `only ${files.length} files found`)
  const imports =
    /(?:from\s*|import\s*|import\(\s*|require\(\s*|mock\(\s*)['"]nact(?:\/[^'"]*)?['"]/
  const importers = files.filter((file) => imports.test(readFileSync(join(root, file), 'utf8')))
  assert.equal(importers.sort(), ['src/actors/actor.ts', 'test/actors/nact-contract.test.ts'])
})

test('the linter refuses nact to everybody else', async () => {
  const others = ['src/main.ts', 'src/http/a.ts', 'src/domain/a.ts', 'src/actors/a.ts']
  others.push('src/clients/a.ts', 'bench/a.ts', 'test/a.ts')
  const directory = await mkdtemp(join(tmpdir(), 'leadpulse-lint-'))
  try {
    await copyFile(join(root, 'biome.json'), join(directory, 'biome.json'))
    for (const file of [...others, 'src/actors/actor.ts']) {
      const path = join(directory, file)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, "import { spawn } from 'nact'\n\nspawn()\n")
    }
    const found = await new Promise<string>((resolve) => {
      const rule = '--only=style/noRestrictedImports'
      const args = ['lint', rule, '--reporter=github', '.']
      execFile(join(root, 'node_modules/.bin/biome'), args, { cwd: directory }, (_error, stdout) =>
        resolve(stdout),
      )
    })
    const refused = others.filter((file) => found.includes(`/${file},`))
    assert.equal(refused, others)
    assert.not.ok(found.includes('/src/actors/actor.ts,'), 'the facade may')
  } finally {
    await rm(directory, { recursive: true })
  }
})

test.run()
