/**
 * DATA_DIR: made on first use, owned by one process at a time when it holds the embedded database,
 * and home of the secrets that are generated once.
 *
 * Ownership is a listening socket, not a file with a process id: the kernel drops it on kill -9 and
 * a recycled process id cannot keep a dead lock alive.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { StartupError } from './startup-error.ts'

/** The kernel's limit for a socket path is 108 bytes on Linux, 104 elsewhere. */
const SOCKET_PATH_BYTES_MAX = 100

export function openDataDir(dataDir: string): void {
  try {
    makeDirectory(resolve(dataDir))
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
    const probe = join(dataDir, '.writable')
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (error) {
    throw new StartupError(
      `DATA_DIR: cannot write to ${dataDir} (${(error as NodeJS.ErrnoException).code}); takes a directory this user may write to`,
      { cause: error },
    )
  }
}

/** Step by step: Node's own recursive form never returns on file systems that refuse with ENOENT. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeDirectory(parent)
  mkdirSync(path, { mode: 0o700 })
}

/** Holds the directory until `release`; throws StartupError while another process holds it. */
export async function lockDataDir(dataDir: string): Promise<{ release: () => Promise<void> }> {
  const path = socketPath(dataDir)
  for (let attempt = 0; attempt < 3; attempt++) {
    const server = await listenOn(path)
    if (server) {
      return { release: () => new Promise((resolve) => server.close(() => resolve())) }
    }
    if (await someoneAnswers(path)) break
    // Left behind by a killed process: nobody answers, so the name is free to take.
    rmSync(path, { force: true })
  }
  throw new StartupError(
    `DATA_DIR: ${dataDir} is in use by another Leadpulse process; the embedded database serves one process, use DATABASE_URL for more`,
  )
}

/** A shorter one can be guessed. What is made here is longer: a cut file is noticed, too. */
const SECRET_CHARACTERS_MIN = 32

/** A secret kept in DATA_DIR with mode 0600; `made` tells that this start created it. */
export function keptSecret(
  dataDir: string,
  name: string,
  make: () => string,
): { value: string; made: boolean } {
  const path = join(dataDir, name)
  const made = !existsSync(path) && writeNew(path, `${make()}\n`)
  const value = readSecret(path)
  if (value.length >= SECRET_CHARACTERS_MIN) return { value, made }
  throw new StartupError(
    `DATA_DIR: ${path} holds ${value.length} characters, takes at least ${SECRET_CHARACTERS_MIN}: restore it, or delete it to have a new one made`,
  )
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new StartupError(
      `DATA_DIR: cannot read ${path} (${code}); takes a file this user may read`,
      {
        cause: error,
      },
    )
  }
}

/** Whole or not at all; false when another process was first. */
function writeNew(path: string, text: string): boolean {
  const draft = `${path}.${randomSecret(6)}`
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  } finally {
    rmSync(draft)
  }
}

export function randomSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}

function socketPath(dataDir: string): string {
  const near = join(dataDir, 'lock.sock')
  const short = relative(process.cwd(), near)
  for (const path of [near, short]) {
    if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path
  }
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  return join(tmpdir(), `leadpulse-${id}.sock`)
}

function listenOn(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(new StartupError(`DATA_DIR: cannot lock it (${error.code})`, { cause: error }))
    })
    server.listen(path, () => {
      server.unref()
      resolve(server)
    })
  })
}

function someoneAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
