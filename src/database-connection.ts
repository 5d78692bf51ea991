/** A connection to the embedded database as the query builder uses it: statements and transactions. */
import type { Done, Sent } from './database-embedded.ts'
import type { Lane } from './database-turns.ts'

/** How its statements get to the thread. */
export interface Way {
  take(lane: Lane): Promise<void>
  /** In a turn that was taken. */
  send(statement: Sent): Promise<Done>
  /** The same, and gives the turn back. */
  sendLast(statement: Sent): Promise<Done>
  /** A turn of its own. */
  alone(lane: Lane, statement: Sent): Promise<Done>
}

const BEGIN = /^(begin|start transaction)\b/
const END = /^(commit|rollback)$/
const NOTHING: Done = { rows: [], affected: 0 }

/**
 * A transaction takes its turn with its first statement, and is one whatever it holds. One statement
 * at a time: an end that overtook the first would leave a transaction that nobody ends.
 */
export function connection(lane: Lane, { take, send, sendLast, alone }: Way) {
  let begin: string | null = null
  let state: 'closed' | 'open' | 'failed' = 'closed'
  let last: Promise<unknown> = Promise.resolve()

  async function next(text: string, params: unknown[]): Promise<Done> {
    if (BEGIN.test(text)) {
      begin = text
      return NOTHING
    }
    // A page's lists are made up of their filters, and planned by them.
    const statement = { text, params, kept: lane === 'background', begin }
    if (END.test(text)) return finish(statement)
    if (state === 'failed') throw notBegun()
    if (state === 'open') return send(statement)
    if (begin === null) return alone(lane, statement)
    await take(lane)
    state = 'open'
    begin = null
    try {
      return await send(statement)
    } catch (error) {
      // It may not have begun: what comes next would be committed by itself.
      state = 'failed'
      throw error
    }
  }

  function finish(statement: Sent): Promise<Done> {
    begin = null
    const was = state
    state = 'closed'
    if (was === 'closed') return Promise.resolve(NOTHING)
    const text = was === 'failed' ? 'rollback' : statement.text
    return sendLast({ ...statement, text, begin: null })
  }

  return (text: string, params: unknown[] = []): Promise<Done> => {
    const answer = last.then(() => next(text, params))
    last = answer.catch(() => {})
    return answer
  }
}

/** SQLSTATE 25P02, as a server has it: the first statement failed, and the transaction with it. */
function notBegun(): Error {
  const message = 'the transaction failed with its first statement'
  return Object.assign(new Error(message), { code: '25P02' })
}
