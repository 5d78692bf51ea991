/**
 * The embedded database as the service sees it: a thread of its own (`database-thread.ts`) with one
 * session, whose turns are shared out by lanes (`database-turns.ts`): one statement, or one transaction.
 * It looks like a pool to the query builder.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Worker } from 'node:worker_threads'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { connection } from './database-connection.ts'
import type { PoolMeters } from './database-pool.ts'
import { type Lane, turns } from './database-turns.ts'
import { CRASHED } from './domain/sql.ts'

/** What the thread is started with. */
export interface Opening {
  /** A directory, or `memory://`. */
  place: string
  /** Types, by their OIDs, whose values stay texts; in lists, too. */
  asText: number[]
}

/** To the thread. Without parameters it may be several statements; no text: close. */
export interface Statement {
  id: number
  text: string | null
  params: unknown[] | null
  /** May be kept prepared (`database-kept.ts`). */
  kept: boolean
  /** Begins the transaction whose first statement this is. */
  begin: string | null
}

export type Sent = Pick<Statement, 'text' | 'params'> & Partial<Statement>

export interface Done {
  rows: object[]
  affected: number
}

/** From the thread. */
export type Reply = ({ id: number } & Done) | { id: number; error: Record<string, unknown> }

export interface Embedded {
  /** One turn in the ingest's lane for one statement, whose text comes again and is kept prepared. */
  ingest(text: string, params: unknown[]): Promise<object[]>
  /** Several statements at once, or one, as pg-boss sends them; a failed one leaves nothing open. */
  execute(lane: Lane, text: string, params?: unknown[]): Promise<{ rows: object[] }>
  /** For the query builder; its statements wait in the lane of `inLane`, else in front. */
  pool: PostgresPool
  inLane<T>(lane: Lane, work: () => Promise<T>): Promise<T>
  meters(): PoolMeters
  close(): Promise<void>
}

export interface EmbeddedOptions extends Opening {
  /** The thread ended though nobody closed it: every statement fails from now on. */
  onLost(error: Error): void
  /** Only tests have another one. */
  thread?: URL
}

interface Asked {
  resolve(done: Done): void
  reject(error: Error): void
}

/** So that the thread has the next statement while the answer to the last one is read. */
const IN_THREAD_MAX = 2

/** Rejects when the database cannot be opened. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const order = turns()
  /** A turn was used up, but the thread has enough to do. */
  let isOwed = false
  const thread = await startThread(options, () => {
    if (!isOwed || thread.pending() >= IN_THREAD_MAX) return
    isOwed = false
    order.giveBack()
  })
  const { send } = thread
  const laneNow = new AsyncLocalStorage<Lane>()

  /** Sends the last statement of a turn, and does not wait for its answer to let the next one send. */
  function sendLast(statement: Sent): Promise<Done> {
    const answer = send(statement)
    if (thread.pending() < IN_THREAD_MAX) order.giveBack()
    else isOwed = true
    return answer
  }

  async function alone(lane: Lane, statement: Sent): Promise<Done> {
    await order.take(lane)
    return sendLast(statement)
  }

  /** Several statements; a failed one may leave a transaction that an earlier one began. */
  async function script(lane: Lane, text: string): Promise<Done> {
    await order.take(lane)
    try {
      return await send({ text, params: null })
    } catch (error) {
      await send({ text: 'rollback', params: [] }).catch(() => {})
      throw error
    } finally {
      order.giveBack()
    }
  }

  const way = { take: order.take, send, sendLast, alone }
  return {
    ingest: async (text, params) => (await alone('ingest', { text, params, kept: true })).rows,
    execute: (lane, text, params = []) =>
      params.length > 0 ? alone(lane, { text, params }) : script(lane, text),
    pool: {
      async connect() {
        const query = connection(laneNow.getStore() ?? 'foreground', way)
        return {
          query: (async (text: string, params?: unknown[]) => {
            const { rows, affected } = await query(text, params)
            // The count is read only where the command is one that changes rows; PGlite tells none.
            return { command: 'UPDATE', rowCount: affected, rows }
          }) as PostgresPoolClient['query'],
          release: () => {},
        }
      },
      end: async () => {},
      options: {},
    },
    inLane: (lane, work) => laneNow.run(lane, work),
    meters: () => ({
      name: 'embedded',
      open: 1,
      idle: order.isTaken() || thread.pending() > 0 ? 0 : 1,
      waiting: order.waiting(),
      max: 1,
    }),
    close: thread.close,
  }
}

/** `onAnswer`: one less is pending. */
async function startThread(options: EmbeddedOptions, onAnswer: () => void) {
  const { onLost, thread, place, asText } = options
  const worker = new Worker(thread ?? new URL('./database-thread.ts', import.meta.url), {
    workerData: { place, asText } satisfies Opening,
  })
  const asked = new Map<number, Asked>()
  let lastId = 0
  let lost: Error | undefined
  let closing: Promise<void> | undefined

  function lose(cause?: Error): void {
    if (lost) return
    const message = cause?.message ?? 'its thread ended'
    lost = Object.assign(new Error(`embedded database: ${message}`, { cause }), { code: CRASHED })
    const failed = [...asked.values()]
    asked.clear()
    for (const { reject } of failed) reject(lost)
    if (!opened) return
    onAnswer()
    if (!closing) onLost(lost)
  }

  worker.on('message', (reply: Reply) => {
    const waiting = asked.get(reply.id)
    asked.delete(reply.id)
    if ('error' in reply) waiting?.reject(asError(reply.error))
    else waiting?.resolve(reply)
    if (opened) onAnswer()
  })
  worker.on('error', lose)
  // An answer that cannot be read belongs to nobody, and whoever asked would wait for ever.
  worker.on('messageerror', lose)
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      lose()
      resolve()
    })
  })

  const answerTo = (id: number) =>
    new Promise<Done>((resolve, reject) => {
      asked.set(id, { resolve, reject })
    })
  function send({ text, params, kept = false, begin = null }: Sent): Promise<Done> {
    if (lost) return Promise.reject(lost)
    lastId += 1
    const answer = answerTo(lastId)
    try {
      worker.postMessage({ id: lastId, text, params, kept, begin } satisfies Statement)
    } catch (error) {
      // A parameter that cannot be sent, a function say; nothing is asked.
      asked.delete(lastId)
      return Promise.reject(error)
    }
    return answer
  }

  let opened = false
  await answerTo(0)
  opened = true
  return {
    send,
    pending: () => asked.size,
    close() {
      closing ??= send({ text: null, params: null }).then(() => ended)
      return closing
    },
  }
}

function asError({ message, ...fields }: Record<string, unknown>): Error {
  return Object.assign(new Error(String(message)), fields)
}
