/** The one way domain code talks SQL: a statement with parameters, inside or outside a transaction. */
import type { EntityManager } from '@mikro-orm/postgresql'

export interface Sql {
  /**
   * Runs one statement with `$1` parameters. Dates may come back as text and bigints as text or
   * number, differing by driver: read them with `toDate` and `Number`.
   */
  query<Row = Record<string, unknown>>(text: string, params?: unknown[]): Promise<Row[]>
}

/** A transaction in progress; statements of `query` and `em` share it. */
export interface Tx extends Sql {
  em: EntityManager
}

/** The database as domain code sees it. Statements outside `transaction` commit by themselves. */
export interface Store extends Sql {
  /** Runs `work` in one transaction; a throw rolls it back. Lost serialisation races are retried. */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
}

export interface TransactionOptions {
  /** One snapshot for all statements (REPEATABLE READ), nothing written. */
  snapshot?: boolean
}

export function toDate(value: unknown): Date {
  return value instanceof Date ? value : new Date(String(value))
}

export function toDateOrNull(value: unknown): Date | null {
  return value == null ? null : toDate(value)
}

/** SQLSTATE of a server that crashed: the statement is not at fault. */
export const CRASHED = '57P02'

/** SQLSTATE classes 08 and 57 and socket errors: the database is away, not the statement wrong. */
const DATABASE_AWAY = /^(08...|57P0.|57014|53300|55P03|ECONN\w+|EPIPE|ETIMEDOUT)$/

export function isDatabaseAway(error: unknown): boolean {
  return DATABASE_AWAY.test(codeOf(error) ?? '')
}

/** SQLSTATE of a database error, also through the ORM's wrappers; undefined for other errors. */
export function codeOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = (cause as { code?: unknown }).code
    if (typeof code === 'string') return code
  }
  return undefined
}
