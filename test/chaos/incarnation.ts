/**
 * One life of the real service as a child process. Unlike `test/support/service.ts` it can be ended
 * before it is ready: a kill at a random moment must be able to hit a start.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../src/main.ts')
/** Above the service's own 25 s. */
const STOP_LIMIT_MS = 30_000
/** One that stands still can write no log: it is asked where, and has so long to tell. */
const REPORT_MS = 2000
/** Node's own report, which needs no turn of the event loop; into the output. */
const reporting = ['--report-on-signal', '--report-signal=SIGUSR2', '--report-filename=stderr']

export interface Greeting {
  url: string
  /** Path per channel of the ready-made connections; empty on later starts. */
  webhooks: Record<string, string>
}

export interface Incarnation {
  pid: number
  /** Null until it is ready, and again when it has ended. */
  url(): string | null
  /** Rejects when it ends before. */
  ready: Promise<Greeting>
  ended: Promise<void>
  hasEnded(): boolean
  /** Exit code or signal. */
  end(): string
  output(): string
  signal(signal: NodeJS.Signals): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with false when it had to be killed in the end, after a report where it stood. */
  stop(): Promise<boolean>
}

export function incarnate(env: NodeJS.ProcessEnv): Incarnation {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      /^(PATH|HOME|TMPDIR|LANG|NODE_COMPILE_CACHE)$/.test(name),
    ),
  )
  const child = spawn(process.execPath, [...reporting, main], {
    env: { ...clean, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C goes to the harness alone, which ends its children in order.
    detached: true,
  })
  let text = ''
  let greeting: Greeting | null = null
  let over = false
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      over = true
      resolve()
    })
  })
  const ready = new Promise<Greeting>((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      text += chunk.toString()
      greeting ??= greetingOf(text)
      if (greeting) resolve(greeting)
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    child.once('close', () => reject(new Error(`it ended before it was ready: ${tail(text)}`)))
  })
  // Killed on purpose before it was ready: nobody waits for it then.
  ready.catch(() => undefined)
  return {
    pid: child.pid as number,
    url: () => (over ? null : (greeting?.url ?? null)),
    ready,
    ended,
    hasEnded: () => over,
    end: () => child.signalCode ?? String(child.exitCode),
    output: () => text,
    signal: (signal) => void child.kill(signal),
    async kill() {
      if (!over) child.kill('SIGKILL')
      await ended
    },
    async stop() {
      if (over) return true
      let inTime = true
      const timers = [
        setTimeout(() => {
          inTime = false
          child.kill('SIGUSR2')
        }, STOP_LIMIT_MS),
        setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS + REPORT_MS),
      ]
      child.kill('SIGTERM')
      await ended
      for (const timer of timers) clearTimeout(timer)
      return inTime
    },
  }
}

/** Null until the greeting, which ends with an empty line, is complete. */
function greetingOf(text: string): Greeting | null {
  const [, url, rest = ''] = /running at (\S+)\n([\s\S]*?)\n\n(?! {2})/.exec(text) ?? []
  if (!url) return null
  const webhooks: Record<string, string> = {}
  for (const [, channel, path] of rest.matchAll(/^ +(\w+) +\S+(\/webhooks\/\S+)$/gm)) {
    if (channel && path) webhooks[channel] = path
  }
  return { url, webhooks }
}

const tail = (text: string) => text.slice(-1500)
