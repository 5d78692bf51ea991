/**
 * A fresh, migrated database for a suite, on the storage that TEST_STORAGE names: `pglite`
 * (default) or `postgres` (server at TEST_DATABASE_URL; `npm test` starts one when it is absent).
 * Made from a template that is migrated once per test process; close it in `after`.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { type Database, openDatabase } from '../../src/database.ts'
import { openLog } from '../../src/log.ts'

export const silentLog = openLog({ level: 'silent', pretty: false })
export const storage = process.env.TEST_STORAGE === 'postgres' ? 'postgres' : 'pglite'

let template: Promise<string> | undefined

export async function testDatabase(): Promise<Database> {
  const place = await testStorage()
  const database = await openDatabase({ ...place, log: silentLog, poolMax: 8 })
  return {
    ...database,
    async close() {
      await database.close()
      await place.remove()
    },
  }
}

export interface TestStorage {
  databaseUrl: string | null
  dataDir: string
  remove(): Promise<void>
}

/** The place only: for suites that open, close and reopen the database themselves. */
export async function testStorage(): Promise<TestStorage> {
  const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-test-'))
  const removeDir = () => rmSync(dataDir, { recursive: true, force: true })
  if (storage === 'pglite') {
    template ??= pgliteTemplate()
    cpSync(await template, dataDir, { recursive: true })
    return { databaseUrl: null, dataDir, remove: async () => removeDir() }
  }
  template ??= postgresTemplate()
  const name = `lp_${uuidv7().replaceAll('-', '')}`
  await onServer(`create database ${name} template ${await template}`)
  return {
    databaseUrl: urlOf(name),
    dataDir,
    async remove() {
      removeDir()
      await onServer(`drop database if exists ${name} with (force)`)
    },
  }
}

async function pgliteTemplate(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-template-'))
  const database = await openDatabase({ databaseUrl: null, dataDir, log: silentLog })
  await database.close()
  process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }))
  return dataDir
}

async function postgresTemplate(): Promise<string> {
  const name = `lp_template_${uuidv7().replaceAll('-', '')}`
  await onServer(`create database ${name}`)
  const database = await openDatabase({ databaseUrl: urlOf(name), dataDir: '', log: silentLog })
  await database.close()
  return name
}

function urlOf(name: string): string {
  const url = new URL(serverUrl())
  url.pathname = `/${name}`
  return url.href
}

function serverUrl(): string {
  const url = process.env.TEST_DATABASE_URL
  if (!url) throw new Error('TEST_STORAGE=postgres needs TEST_DATABASE_URL; run it by `npm test`')
  return url
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl() })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
