/** The OpenAPI document as the committed file holds it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { testApi } from './api.ts'

const root = join(import.meta.dirname, '../..')
export const openapiFile = join(root, 'openapi.json')

export async function openapiText(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  const api = await testApi({ version })
  const { body } = await api.call('GET', '/openapi.json', { token: null })
  await api.close()
  return `${JSON.stringify(body, null, 2)}\n`
}
