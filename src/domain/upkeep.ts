/**
 * Statistics, without which every statement is planned blind (claiming 100 of 100,000 waiting jobs took
 * 25 s instead of 2 ms), and making room of dead rows. The embedded database has no process of its own
 * for either; a server's autovacuum comes once a minute, too late for the statistics of a burst.
 */
import type { Sql } from './sql.ts'

export interface Upkeep {
  table: string
  vacuum: boolean
}

/**
 * A tenth of the pages a server would sample: an analysis of 100,000 rows takes the database for 50 ms
 * instead of 570, and the plans are the same.
 */
const STATISTICS_TARGET = 10

/**
 * An index of some rows (of one channel, say) that is so many times as large as when it was last counted
 * has got more of them; with less, room that changes left may be all of it.
 */
export const GROWN_INDEX = 1.5
/** Smaller ones are half as large again with every thousand rows. */
const GROWN_PAGES = 20

/** SQL of how many pages a table or index has now, by its oid; `relpages` are those when it was last counted. */
export const pagesNow = (oid: string) =>
  `(pg_relation_size(${oid}) / current_setting('block_size')::int)`

/**
 * SQL over `c`, because its own changes do not tell that many of few rows are new. An index that is still
 * being built, or was given up half-built, is not counted by an analysis and would have need of it for ever.
 */
const hasGrownIndex = `exists (
  select from pg_index i join pg_class part on part.oid = i.indexrelid
  where i.indrelid = c.oid and i.indpred is not null and i.indisready
    and ${pagesNow('part.oid')} > ${GROWN_PAGES} + ${GROWN_INDEX} * part.relpages
)`

/**
 * Tables that a fifth of is dead, as autovacuum has it, and those that have doubled, the worst first:
 * a tenth, autovacuum's threshold for statistics, a database that fills from nothing has every few
 * seconds. Changes are counted only while the database is open, so its pages count too.
 */
export async function tablesInNeed(sql: Sql): Promise<Upkeep[]> {
  // What the last statements changed is otherwise counted within a second, or not before the next one.
  await sql.query('select pg_stat_force_next_flush()')
  return sql.query<Upkeep>(
    `select "table", vacuum from (
       select format('%I.%I', schemaname, c.relname) as "table",
         n_dead_tup > 2000 + 0.2 * greatest(reltuples, 0)
           or age(relfrozenxid) > 200000000 as vacuum,
         -- Statistics have none.
         c.oid <> 'pg_statistic'::regclass and (
           n_mod_since_analyze > 500 + greatest(reltuples, 0)
           or reltuples < 0 and pg_relation_size(c.oid) > 0
           or ${pagesNow('c.oid')} > 10 + 2 * relpages
           or ${hasGrownIndex}
         ) as changed,
         n_dead_tup + n_mod_since_analyze as changes
       from pg_class c join pg_stat_all_tables s on s.relid = c.oid
       where c.relkind = 'r' and s.schemaname not in ('pg_toast', 'information_schema')
     ) as tables
     where vacuum or changed
     order by changes desc`,
  )
}

/**
 * On a server: a burst of 100,000 jobs was claimed as if there were none, 1 to 13 s for each hundred with
 * a processor busy all the time, until autovacuum came. The worst table that has doubled, or one of its
 * indexes, is analyzed, unless it is being so; returns how many there were. The rest is autovacuum's.
 */
export async function analyzeGrown(sql: Sql): Promise<number> {
  const grown = await sql.query<{ table: string }>(
    `select format('%I.%I', schemaname, c.relname) as "table"
     from pg_class c join pg_stat_user_tables s on s.relid = c.oid
     where c.relkind = 'r' and c.relpersistence = 'p' and pg_has_role(c.relowner, 'usage')
       and (n_mod_since_analyze > 500 + greatest(reltuples, 0) or ${hasGrownIndex})
     order by n_mod_since_analyze desc`,
  )
  if (grown[0]) await sql.query(`analyze (skip_locked) ${grown[0].table}`)
  return grown.length
}

/** Of all of them; before anybody waits. */
export async function keepUp(sql: Sql): Promise<void> {
  for (const need of await tablesInNeed(sql)) await keepUpTable(sql, need)
}

/** Everything else waits meanwhile. Returns how many had need of it before. */
export async function keepUpWorst(sql: Sql): Promise<number> {
  const needs = await tablesInNeed(sql)
  if (needs[0]) await keepUpTable(sql, needs[0])
  return needs.length
}

async function keepUpTable(sql: Sql, { table, vacuum }: Upkeep): Promise<void> {
  await sql.query(`set default_statistics_target = ${STATISTICS_TARGET}`)
  await sql.query(vacuum ? `vacuum (analyze) ${table}` : `analyze ${table}`)
}
