/**
 * `suite` for every test file: uvu made strict. Plain uvu exits 0 when `.run()` is forgotten or
 * `before` throws, ends the whole run when `after` throws, and hangs for ever on a leaked wait; each of
 * these fails here, and nothing but itself.
 */
import { type Callback, type Test, suite as uvuSuite } from 'uvu'

/** Only what hangs takes as long, also on a machine under many times its load. */
const TEST_TIME_LIMIT_MS = 120_000
const BEFORE_TIME_LIMIT_MS = 240_000
const unfinished = new Set<string>()
let afterFailed = false

process.on('exit', () => {
  if (afterFailed) process.exitCode = 1
  for (const name of unfinished) {
    process.stderr.write(`suite "${name}" never ran to its end: is .run() missing?\n`)
    process.exitCode = 1
  }
})

export function suite(name: string, limitMs = TEST_TIME_LIMIT_MS): Test {
  const inner = uvuSuite(name)
  let setupFailure: unknown
  unfinished.add(name)

  const guarded = (test: Callback): Callback =>
    async function guardedTest(context) {
      if (setupFailure) throw setupFailure
      await withinLimit(test(context) as Promise<void> | void, limitMs)
    }
  const strict = ((title: string, test: Callback) => {
    inner(title, guarded(test))
  }) as Test
  strict.only = (title, test) => inner.only(title, guarded(test))
  strict.skip = inner.skip
  const before = (hook: Callback) =>
    inner.before(async (context) => {
      try {
        await withinLimit(hook(context) as Promise<void> | void, BEFORE_TIME_LIMIT_MS)
      } catch (error) {
        setupFailure = error ?? new Error(`before of "${name}" failed`)
      }
    })
  strict.before = Object.assign(before, { each: inner.before.each })
  const after = (hook: Callback) =>
    inner.after(async (context) => {
      try {
        await hook(context)
      } catch (error) {
        // uvu would end the process and every suite that comes after this one. What `before` did not
        // build cannot be ended.
        if (setupFailure) return
        process.stderr.write(`after of "${name}" failed: ${(error as Error).stack}\n`)
        afterFailed = true
      }
    })
  strict.after = Object.assign(after, { each: inner.after.each })
  strict.run = () => {
    inner.after(() => {
      unfinished.delete(name)
    })
    inner.run()
  }
  return strict
}

async function withinLimit(work: Promise<void> | void, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
