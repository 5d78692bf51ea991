/** Whether a statement locks its leads in the order of their ids, as the ingest does: else the two deadlock. */
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import { until } from './until.ts'

/** Of two leads. PostgreSQL only: the embedded database has one session. */
export async function assertLockOrder(
  database: Database,
  leads: string[],
  write: () => Promise<unknown>,
): Promise<void> {
  const [first, second] = [...leads].sort()
  // Moves it behind the other in the table, where a statement that keeps to no order finds it last.
  await database.query('update lead set updated_at = now() where id = $1::uuid', [first])
  let written: Promise<unknown> | undefined
  await database.transaction(async (tx) => {
    const lock = 'select id from lead where id = $1::uuid for update'
    await tx.query(lock, [first])
    written = write()
    await until(
      () => database.query(waitingSql),
      (waiting) => waiting.length > 0,
    )
    assert.is((await tx.query(`${lock} skip locked`, [second])).length, 1, 'the second is free')
  })
  await written
}

/** Somebody waits for a lock. */
export const waitingSql = `
  select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
