/**
 * A bench's child process and what is asked of it: one command at a time, one answer each. The child
 * serves a table of functions; the parent calls them by name.
 */
import { fork } from 'node:child_process'
import { join } from 'node:path'

// biome-ignore lint/suspicious/noExplicitAny: commands of any shape, checked by `keyof`
export type Commands = Record<string, (argument: any) => unknown>

export interface Remote<T extends Commands> {
  pid: number
  call<Name extends keyof T>(
    name: Name,
    argument?: Parameters<T[Name]>[0],
  ): Promise<Awaited<ReturnType<T[Name]>>>
  stop(): void
}

export function startProcess<T extends Commands>(file: string): Remote<T> {
  const child = fork(join(import.meta.dirname, file), { serialization: 'advanced' })
  let calls = 0
  const open = new Map<number, PromiseWithResolvers<unknown>>()
  child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const call = open.get(id)
    open.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(new Error(`${file}: ${error}`))
  })
  child.once('exit', (code) => {
    for (const call of open.values()) call.reject(new Error(`${file} ended with ${code}`))
  })
  return {
    pid: child.pid as number,
    call(name, argument) {
      const call = Promise.withResolvers<unknown>()
      const id = ++calls
      open.set(id, call)
      child.send({ id, name, argument })
      return call.promise as Promise<never>
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

export function serve(commands: Commands): void {
  process.on('message', ({ id, name, argument }: Record<string, unknown>) => {
    const answer = async () => (commands[name as string] as Commands[string])(argument)
    answer().then(
      (value) => process.send?.({ id, value }),
      (error: unknown) => process.send?.({ id, error: (error as Error).stack ?? String(error) }),
    )
  })
  process.once('disconnect', () => process.exit(0))
}

/** Processor time of this process so far, user and system. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
