/**
 * The embedded database as the service sees it: a thread of its own (`database-thread.ts`) with one
 * session, whose turns are shared out by lanes (`database-turns.ts`). It looks like a pool to the
 * query builder, and a connection taken from it is the session until it is released.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { PoolMeters } from './database-pool.ts'
import { type Lane, turns } from './database-turns.ts'

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
  /** To be kept prepared (`database-kept.ts`). */
  kept: boolean
}

/** From the thread. */
export type Reply =
  | { id: number; rows: object[]; affected: number }
  | { id: number; error: Record<string, unknown> }

export interface Embedded {
  /** One turn in the ingest's lane for one statement, whose text comes again and is kept prepared. */
  ingest(text: string, params: unknown[]): Promise<object[]>
  /** Several statements at once, or one, as pg-boss sends them; a failed one leaves nothing open. */
  execute(lane: Lane, text: string, params?: unknown[]): Promise<{ rows: object[] }>
  /** For the query builder; `connect` waits for a turn in the lane of `inLane`, else in front. */
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
  resolve(reply: { rows: object[]; affected: number }): void
  reject(error: Error): void
}

/** What a server says that crashed: the statement is not at fault (`isDatabaseAway`). */
const CRASHED = '57P02'

/** Rejects when the database cannot be opened. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { send, close } = await startThread(options)
  const order = turns()
  const laneNow = new AsyncLocalStorage<Lane>()

  async function inTurn<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    await order.take(lane)
    try {
      return await work()
    } finally {
      order.giveBack()
    }
  }

  return {
    ingest: (text, params) => inTurn('ingest', async () => (await send(text, params, true)).rows),
    execute: (lane, text, params = []) =>
      inTurn(lane, async () => {
        try {
          return await send(text, params.length > 0 ? params : null)
        } catch (error) {
          // Of several statements the first may have begun a transaction.
          await send('rollback', []).catch(() => {})
          throw error
        }
      }),
    pool: {
      async connect() {
        await order.take(laneNow.getStore() ?? 'foreground')
        return {
          query: (async (text: string, params: unknown[] = []) => {
            const { rows, affected } = await send(text, params)
            // The count is read only where the command is one that changes rows; PGlite tells none.
            return { command: 'UPDATE', rowCount: affected, rows }
          }) as PostgresPoolClient['query'],
          release: order.giveBack,
        }
      },
      end: async () => {},
      options: {},
    },
    inLane: (lane, work) => laneNow.run(lane, work),
    meters: () => ({
      name: 'embedded',
      open: 1,
      idle: order.isTaken() ? 0 : 1,
      waiting: order.waiting(),
      max: 1,
    }),
    close,
  }
}

async function startThread({ onLost, thread, place, asText }: EmbeddedOptions) {
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
    if (opened && !closing) onLost(lost)
  }

  worker.on('message', (reply: Reply) => {
    const waiting = asked.get(reply.id)
    asked.delete(reply.id)
    if ('error' in reply) waiting?.reject(asError(reply.error))
    else waiting?.resolve(reply)
  })
  worker.on('error', lose)
  worker.on('exit', () => lose())

  const answerTo = (id: number) =>
    new Promise<{ rows: object[]; affected: number }>((resolve, reject) => {
      asked.set(id, { resolve, reject })
    })
  function send(text: string | null, params: unknown[] | null, kept = false) {
    if (lost) return Promise.reject(lost)
    lastId += 1
    const answer = answerTo(lastId)
    worker.postMessage({ id: lastId, text, params, kept } satisfies Statement)
    return answer
  }

  let opened = false
  await answerTo(0)
  opened = true
  return {
    send,
    close() {
      const ended = once(worker, 'exit')
      closing ??= send(null, null).then(() => ended.then(() => {}))
      return closing
    },
  }
}

function asError({ message, ...fields }: Record<string, unknown>): Error {
  return Object.assign(new Error(String(message)), fields)
}
