/**
 * Which test files can tell one storage from the other: those whose imports lead to a module that
 * asks which storage is under test. The others would only repeat themselves on the second one.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const root = import.meta.dirname
/** The only readers of TEST_STORAGE. */
const storageModule = join(root, 'support/database.ts')

/**
 * Long ones whose subject is not the storage, though they have one: once is enough. On PostgreSQL,
 * which several of them need for a second process or a reader beside the service.
 */
const once = new Set([
  'actors/outage.test.ts',
  'backfill/cli.test.ts',
  'chaos/feed-proof.test.ts',
  'cli/doctor.test.ts',
  'faults/faults.test.ts',
  'http/access.test.ts',
])

/**
 * Those that send at a fixed rate and take no refusal: beside other passes the service is starved
 * and rightly answers 503, which says nothing of what is tested. On PostgreSQL, when the rest is done.
 */
const alone = new Set(['chaos/pm2-reloads.test.ts'])

/** Relative to `test/`, as uvu names them. */
export interface TestFiles {
  onBoth: string[]
  alone: string[]
  onPostgres: string[]
  ofNone: string[]
}

/** Test files whose path under `test/` matches. */
export function testFiles(pattern: RegExp): TestFiles {
  const seen = new Map<string, boolean>()
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && pattern.test(name))
    .sort()
  const kindOf = (name: string) => {
    if (alone.has(name)) return 'alone'
    if (!reaches(join(root, name), seen)) return 'ofNone'
    return once.has(name) ? 'onPostgres' : 'onBoth'
  }
  return { onBoth: [], alone: [], onPostgres: [], ofNone: [], ...Object.groupBy(names, kindOf) }
}

function reaches(file: string, seen: Map<string, boolean>): boolean {
  if (file === storageModule) return true
  const known = seen.get(file)
  if (known !== undefined) return known
  // What is being looked at counts as "no" meanwhile, so a circle ends.
  seen.set(file, false)
  const found = importsOf(file).some((each) => reaches(each, seen))
  seen.set(file, found)
  return found
}

/** The modules of `test/` that a file loads; nothing outside of it knows of storages under test. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const paths = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+\.ts)'/g)]
  return paths
    .map(([, path]) => resolve(dirname(file), path as string))
    .filter((path) => !relative(root, path).startsWith('..'))
}
