/**
 * Statements that the embedded database keeps prepared. Reading and planning one that stores a group
 * takes 9 ms there, running it 15 for sixteen webhooks; of a job's statements they are two thirds.
 * PGlite's `query` prepares each anew, so this says in the wire protocol what it would say, without
 * those two. A plan is made anew when one of its tables was analyzed, which upkeep does as they grow.
 */
import { messages, type PGlite, parse, protocol } from '@electric-sql/pglite'
import { CRASHED } from './domain/sql.ts'

const { serialize } = protocol
/** The ingest has about a dozen, jobs some fifty; a text beyond it is planned each time. */
const KEPT_MAX = 200
/** What comes less often, as what is made up for one occasion, is not worth a place. */
const USES_MIN = 3
/** How best to claim jobs depends on how many wait just now: 100,000 may come between two analyses. */
const CLAIM = /skip locked/i

type Message = Awaited<ReturnType<PGlite['execProtocol']>>['messages'][number]

interface Kept {
  name: string
  /** Types of its parameters, as OIDs. */
  types: number[]
  /** What its rows are made of; none where it answers none. */
  described: Message[]
  /** Of these alone: PGlite copies all it is given, and it has hundreds. */
  parsers: PGlite['parsers']
}

/**
 * PGlite catches what its database dies of, a stack that is too deep say, and answers as if there were
 * no rows: a statement that was never carried out looks like one that found nothing. What tells them
 * apart is that a server ends each statement with word of it.
 */
export class CrashedError extends Error {
  readonly code = CRASHED
  constructor() {
    super('the embedded database did not carry a statement out')
  }
}

function demand(replies: Message[], ...names: string[]): void {
  for (const name of names) {
    if (!replies.some((reply) => reply.name === name)) throw new CrashedError()
  }
}

export type KeptStatements = (
  text: string,
  params: unknown[],
  mayKeep: boolean,
) => Promise<{ rows: object[]; affectedRows?: number }>

export function keptStatements(pglite: PGlite): KeptStatements {
  const kept = new Map<string, Kept>()
  let lastName = 0
  /** Of texts that are not kept. */
  const uses = new Map<string, number>()

  function isWorthIt(text: string): boolean {
    if (kept.has(text)) return true
    if (kept.size >= KEPT_MAX || CLAIM.test(text)) return false
    const count = (uses.get(text) ?? 0) + 1
    uses.delete(text)
    if (count >= USES_MIN) return true
    // The one that has not come for the longest time gives way.
    const [oldest] = uses.keys()
    if (uses.size >= KEPT_MAX && oldest !== undefined) uses.delete(oldest)
    uses.set(text, count)
    return false
  }

  const send = async (...parts: Uint8Array[]): Promise<Message[]> =>
    (await pglite.execProtocol(Buffer.concat(parts), { syncToFs: false })).messages

  async function prepare(text: string): Promise<Kept> {
    // Also where the last one failed: its name may be taken.
    lastName += 1
    const name = `kept_${lastName}`
    const described = await send(
      serialize.parse({ name, text }),
      serialize.describe({ type: 'S', name }),
      serialize.sync(),
    )
    demand(described, 'parseComplete', 'readyForQuery')
    const row = described.find((message) => message instanceof messages.RowDescriptionMessage)
    const oids = row?.fields.map(({ dataTypeID }) => dataTypeID) ?? []
    const statement = {
      name,
      types: parse.parseDescribeStatementResults(described),
      described: row ? [row] : [],
      parsers: Object.fromEntries(
        oids.flatMap((oid) => (pglite.parsers[oid] ? [[oid, pglite.parsers[oid]]] : [])),
      ),
    }
    kept.set(text, statement)
    return statement
  }

  function textOf(value: unknown, type: number | undefined): string | null {
    if (value === null || value === undefined) return null
    const serializer = pglite.serializers[type ?? 0]
    return serializer ? serializer(value) : String(value)
  }

  async function unkept(text: string, params: unknown[]) {
    const result = await pglite.query<object>(text, params)
    if (result.command === undefined) throw new CrashedError()
    return result
  }

  return async (text, params, mayKeep) => {
    if (!mayKeep || !isWorthIt(text)) return unkept(text, params)
    return pglite.runExclusive(async () => {
      const { name, types, described, parsers } = kept.get(text) ?? (await prepare(text))
      const values = params.map((value, index) => textOf(value, types[index]))
      const done = await send(
        serialize.bind({ statement: name, values }),
        serialize.execute({}),
        // Commits; after an error it ends the refused transaction.
        serialize.sync(),
      ).catch((error: { code?: string }) => {
        // Its rows are made up otherwise since: prepared anew, it can be answered again.
        if (error.code === '0A000') kept.delete(text)
        throw error
      })
      demand(done, 'commandComplete', 'readyForQuery')
      await pglite.syncToFs()
      const [result] = parse.parseResults([...described, ...done], parsers)
      return result as { rows: object[]; affectedRows?: number }
    })
  }
}
