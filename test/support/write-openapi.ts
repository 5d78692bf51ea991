/** Writes openapi.json anew from the routes: `node test/support/write-openapi.ts`. */
import { writeFileSync } from 'node:fs'
import { openapiFile, openapiText } from './openapi.ts'

writeFileSync(openapiFile, await openapiText())
