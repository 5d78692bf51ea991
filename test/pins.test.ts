import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { suite } from './support/suite.ts'

const test = suite('pinned versions')
interface Manifest {
  version: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}
const read = (path: string) =>
  JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Manifest
const { dependencies, devDependencies } = read('../package.json')
const pins: Record<string, string> = { ...dependencies, ...devDependencies }

// npm under an older Node installs older majors without a word.
test('what is installed is what is pinned, to the digit', () => {
  assert.ok(Object.keys(pins).length > 30)
  for (const [name, pin] of Object.entries(pins)) {
    assert.match(pin, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${name} is not pinned exactly`)
    const installed = read(`../node_modules/${name}/package.json`)
    assert.is(installed.version, pin, name)
  }
})

test('all of MikroORM is one version: unequal ones start in silence and fail later', () => {
  const versions = Object.keys(pins).filter((name) => name.startsWith('@mikro-orm/'))
  assert.equal([...new Set(versions.map((name) => pins[name]))], ['7.2.1'])
})

test('the tests run on Node 24', () => {
  assert.match(process.version, /^v24\./)
})

test.run()
