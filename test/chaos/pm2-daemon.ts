/** The service under the real pm2 with `ecosystem.config.js`, its daemon in a home of its own. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Belongings } from './belongings.ts'

const root = join(import.meta.dirname, '../..')
const bin = join(root, 'node_modules/.bin')
const run = promisify(execFile)
/** Start or stop of the new and the old process, and pm2's own limits. */
const COMMAND_LIMIT_MS = 90_000
/** The name in `ecosystem.config.js`. */
const APP = 'leadpulse'

export interface Pm2Process {
  pid: number
  status: string
  mode: string
  restarts: number
  memoryMb: number
}

export interface Pm2 {
  start(): Promise<void>
  reload(): Promise<void>
  processes(): Promise<Pm2Process[]>
  /** Lines of the daemon's own log that match. */
  logged(pattern: RegExp): string[]
  /** What the service printed under pm2. */
  output(): string
  stop(): Promise<void>
}

export function pm2With(env: NodeJS.ProcessEnv, belongings: Belongings): Pm2 {
  const home = mkdtempSync(join(tmpdir(), 'leadpulse-pm2-'))
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(HOME|TMPDIR|LANG)$/.test(name)),
  )
  // pm2 runs a cluster's processes on the node it runs on itself: the one beside it.
  const path = `${bin}:${process.env.PATH}`
  const all = { ...clean, PATH: path, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: 'true', ...env }
  const pm2 = async (...args: string[]) => {
    try {
      const options = {
        cwd: root,
        env: all,
        timeout: COMMAND_LIMIT_MS,
        maxBuffer: 16 * 1024 * 1024,
      }
      return (await run(join(bin, 'pm2'), args, options)).stdout
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string }
      throw new Error(`pm2 ${args.join(' ')}: ${String(error)}\n${stdout}\n${stderr}`)
    }
  }
  const read = (file: string) => {
    try {
      return readFileSync(join(home, file), 'utf8')
    } catch {
      return ''
    }
  }
  const stop = belongings.add(async () => {
    await pm2('kill').finally(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }))
  })
  return {
    start: async () => void (await pm2('start', 'ecosystem.config.js')),
    reload: async () => void (await pm2('reload', APP)),
    async processes() {
      const text = await pm2('jlist')
      return (JSON.parse(text.slice(text.indexOf('['))) as Listed[]).map(
        ({ pid, monit, pm2_env }) => ({
          pid,
          status: pm2_env.status,
          mode: pm2_env.exec_mode,
          restarts: pm2_env.restart_time,
          memoryMb: Math.round((monit?.memory ?? 0) / 1024 / 1024),
        }),
      )
    },
    logged: (pattern) =>
      read('pm2.log')
        .split('\n')
        .filter((line) => pattern.test(line)),
    output: () => read(`logs/${APP}-out.log`) + read(`logs/${APP}-error.log`),
    stop,
  }
}

interface Listed {
  pid: number
  monit?: { memory: number }
  pm2_env: { status: string; exec_mode: string; restart_time: number }
}
