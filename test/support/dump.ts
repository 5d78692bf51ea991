/** Every row of every table of ours and of the queue, as text: for what must not stand anywhere. */
import type { Sql } from '../../src/domain/sql.ts'

export interface DumpedRow {
  table: string
  text: string
}

export async function dumpAll(sql: Sql): Promise<DumpedRow[]> {
  const tables = await sql.query<{ schema: string; name: string }>(
    `select table_schema as schema, table_name as name from information_schema.tables
     where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'
     order by 1, 2`,
  )
  const rows: DumpedRow[] = []
  for (const { schema, name } of tables) {
    const found = await sql.query<{ text: string }>(
      `select row::text as text from "${schema}"."${name}" as row`,
    )
    rows.push(...found.map(({ text }) => ({ table: `${schema}.${name}`, text: withBytes(text) })))
  }
  return rows
}

/** Bytes are shown as hexadecimal; what they spell is added. */
function withBytes(text: string): string {
  const spelled = [...text.matchAll(/\\x([0-9a-f]{2,})/g)].map(([, hex]) =>
    Buffer.from(hex as string, 'hex').toString('utf8'),
  )
  return [text, ...spelled].join('\n')
}

/** Tables in which one of the words stands, whatever its case. */
export function tablesWith(rows: DumpedRow[], words: string[]): string[] {
  const lower = words.map((word) => word.toLowerCase())
  const found = rows.filter(({ text }) => lower.some((word) => text.toLowerCase().includes(word)))
  return [...new Set(found.map(({ table }) => table))]
}
