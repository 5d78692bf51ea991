/** The command line as a person runs it: a real child process, with its words and its exit code. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export const cli = join(import.meta.dirname, '../../src/cli.ts')

export interface Ended {
  code: number | null
  out: string
  err: string
}

/** `program`: the node to run it with and the script. */
export function command(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  program = [process.execPath, cli],
): Promise<Ended> {
  const kept = ['PATH', 'HOME', 'NODE_COMPILE_CACHE']
  const own = Object.entries(process.env).filter(([name]) => kept.includes(name))
  const [node = '', ...rest] = program
  const child = spawn(node, [...rest, ...args], {
    env: { ...Object.fromEntries(own), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}
