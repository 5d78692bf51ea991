/** The model watch: the provider's list is read at the start, each day, and sooner after a failure. */
import { install } from '@sinonjs/fake-timers'
import * as assert from 'uvu/assert'
import { modelWatchActor } from '../../src/actors/model-watch.ts'
import { actorSystem } from '../../src/actors/supervisor.ts'
import type { ModelWatch } from '../../src/domain/ai/model-life.ts'
import { suite } from '../support/suite.ts'

const test = suite('model watch')
const HOUR_MS = 3_600_000

test('at the start, then once a day; an hour after a failure', async () => {
  // The suite's own time limit is set once this test waits for the first time.
  await new Promise((resolve) => setImmediate(resolve))
  const time = install({ toFake: ['setTimeout', 'clearTimeout'] })
  const asked: { resolve(): void; reject(error: Error): void }[] = []
  const errors: unknown[] = []
  const watch = {
    check: () =>
      new Promise<void>((resolve, reject) => {
        asked.push({ resolve, reject })
      }),
  } as unknown as ModelWatch
  const system = actorSystem({ onCrash: (_, error) => errors.push(error) })
  /** What was answered comes back as a message, and what that starts is started. */
  const turns = async () => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  try {
    modelWatchActor({ system, watch, onError: (error) => errors.push(error) })
    await turns()
    assert.is(asked.length, 1, 'at the start')
    asked[0]?.resolve()
    await turns()
    time.tick(24 * HOUR_MS - 1)
    await turns()
    assert.is(asked.length, 1)
    time.tick(1)
    await turns()
    assert.is(asked.length, 2, 'a day later')
    asked[1]?.reject(new Error('no list'))
    await turns()
    assert.is(errors.length, 1)
    time.tick(HOUR_MS)
    await turns()
    assert.is(asked.length, 3, 'an hour after a failure')
  } finally {
    system.stop()
    time.uninstall()
  }
})

test.run()
