/**
 * The thread of the embedded database: opens it and runs what `database-embedded.ts` sends, one after
 * the other. A statement of PGlite holds its thread until it is done; on the service's own, webhooks
 * and sockets stood still meanwhile.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import type { Done, Opening, Reply, Statement } from './database-embedded.ts'
import { CrashedError, keptStatements } from './database-kept.ts'

const port = parentPort
if (!port) throw new Error('database-thread.ts runs as a thread of the service')
const { place, asText } = workerData as Opening

const opening = PGlite.create(place, {
  extensions: { pg_trgm },
  parsers: Object.fromEntries(asText.map((oid) => [oid, (text: string) => text])),
})

let last: Promise<unknown> = Promise.resolve()
/** Its memory is no longer to be trusted: nothing more is carried out, a start recovers what is on disk. */
let crash: CrashedError | undefined
// Before it is open: a thread that listens to nothing ends.
port.on('message', ({ id, ...statement }: Statement) => {
  // In the order they came: what ends a transaction goes before what is none of it.
  const answer = last.then(() => run(statement))
  last = answer.catch(() => {})
  answer
    .then((result) => {
      port.postMessage({ id, ...result } satisfies Reply)
      if (statement.text === null) port.close()
    })
    // Also where the rows cannot be sent: that is one statement's misfortune.
    .catch((error: unknown) => port.postMessage({ id, error: fieldsOf(error) } satisfies Reply))
    .then(() => crash && setImmediate(() => Promise.reject(crash)))
})
port.on('messageerror', (error) => setImmediate(() => Promise.reject(error)))

const pglite = await opening
const query = keptStatements(pglite)
port.postMessage({ id: 0, rows: [], affected: 0 } satisfies Reply)

async function run(statement: Omit<Statement, 'id'>): Promise<Done> {
  if (crash) throw crash
  try {
    return await carryOut(statement)
  } catch (error) {
    if (!(error instanceof CrashedError || error instanceof WebAssembly.RuntimeError)) throw error
    // At once: the next statement may be here already.
    crash = error instanceof CrashedError ? error : new CrashedError()
    throw crash
  }
}

async function carryOut({ text, params, kept, begin }: Omit<Statement, 'id'>): Promise<Done> {
  if (begin) await query(begin, [], true)
  if (text === null) {
    await pglite.close()
    return { rows: [], affected: 0 }
  }
  if (params) {
    const { rows, affectedRows = 0 } = await query(text, params, kept)
    return { rows, affected: affectedRows }
  }
  const results = await pglite.exec(text)
  if (results.some(({ command }) => command === undefined)) throw new CrashedError()
  return { rows: results.flatMap(({ rows }) => rows as object[]), affected: 0 }
}

/** Without the statement and its parameters: these hold what people wrote, and errors are logged. */
function fieldsOf(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const {
    query: _query,
    params: _params,
    queryOptions: _options,
    ...fields
  } = error as never as {
    [field: string]: unknown
  }
  const { name, message, stack } = error
  return { ...fields, name, message, stack }
}
