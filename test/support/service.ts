/** The real service as a child process, on a free port and a data directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../src/main.ts')

export interface Service {
  url: string
  adminToken: string
  /** Ready-made webhook URL per channel; empty on later starts. */
  webhooks: Record<string, string>
  /** Everything it printed so far. */
  output(): string
  child: ChildProcess
  /** Ends it with a signal; answers the exit code, null when a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>
  api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>
}

export interface Ended {
  code: number | null
  output: string
}

/** Runs it until it ends by itself: for starts that must fail. */
export async function runToEnd(env: NodeJS.ProcessEnv): Promise<Ended> {
  const { child, output } = launch(env)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, output: output() }
}

/** Resolves when it is ready; throws with its output when it ends before. */
export async function startService(env: NodeJS.ProcessEnv, adminToken?: string): Promise<Service> {
  const { child, output } = launch({ PORT: '0', ...env })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', () => {
      if (output().includes('Leadpulse is running at')) resolve()
    })
    child.once('close', () => reject(new Error(`it ended:\n${output()}`)))
  })
  // The greeting is one write, but may arrive in pieces: its end is an empty line.
  const url = /running at (\S+)/.exec(output())?.[1] ?? ''
  const token = adminToken ?? /#token=(\S+)/.exec(output())?.[1] ?? ''
  const webhooks: Record<string, string> = {}
  for (const [, channel, webhook] of output().matchAll(/^ +(\w+) +(\S+\/webhooks\/\S+)$/gm)) {
    if (channel && webhook) webhooks[channel] = webhook
  }
  return {
    url,
    adminToken: token,
    webhooks,
    output,
    child,
    end: (signal) =>
      new Promise((resolve) => {
        child.once('close', resolve)
        child.kill(signal)
      }),
    async api<T>(method: string, path: string, body?: unknown) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      if (!response.ok)
        throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
      return (await response.json()) as T
    },
  }
}

function launch(env: NodeJS.ProcessEnv) {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      /^(PATH|HOME|TMPDIR|LANG|NODE_COMPILE_CACHE)$/.test(name),
    ),
  )
  const child = spawn(process.execPath, [main], {
    env: { ...clean, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  return { child, output: () => text }
}
