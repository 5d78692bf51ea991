import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { openapiFile, openapiText } from '../support/openapi.ts'
import { suite } from '../support/suite.ts'

interface Operation {
  tags?: string[]
  summary?: string
  security?: object[]
  responses: Record<string, { content?: Record<string, unknown> }>
}

const openapi = suite('openapi')
let text = ''
let operations: [string, Operation][] = []

openapi.before(async () => {
  text = await openapiText()
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, Operation>> }
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  )
})

openapi('the committed openapi.json is the one that the routes make', () => {
  assert.is(
    readFileSync(openapiFile, 'utf8') === text,
    true,
    'openapi.json is old: run node test/support/write-openapi.ts',
  )
})

openapi('it is version 3.1 and every reference leads somewhere', () => {
  const document = JSON.parse(text)
  assert.is(document.openapi, '3.1.0')
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    assert.ok(document.components.schemas[name as string], `${name} is missing`)
  }
})

openapi('it names no schema that nothing uses', () => {
  const { components } = JSON.parse(text)
  for (const name of Object.keys(components.schemas)) {
    assert.ok(text.includes(`"#/components/schemas/${name}"`), `${name} is not used`)
  }
})

openapi('every route says what it does and belongs to a group', () => {
  assert.ok(operations.length > 15)
  for (const [name, { summary, tags }] of operations) {
    assert.ok(summary, `${name} has no summary`)
    assert.ok(tags?.length, `${name} has no tag`)
  }
})

openapi('every API route says how it refuses a stranger', () => {
  for (const [name, { responses, security }] of operations) {
    if (!name.includes('/api/')) continue
    assert.ok(responses['401']?.content?.['application/problem+json'], `${name} without 401`)
    assert.is(security, undefined, `${name} opts out of the bearer token`)
  }
})

openapi('times are documented as times, and the front door without a bearer token', () => {
  const { components, paths } = JSON.parse(text)
  assert.equal(components.schemas.Lead.properties.createdAt, {
    type: 'string',
    format: 'date-time',
  })
  assert.equal(paths['/webhooks/{channel}/{token}'].post.security, [])
})

openapi.run()
