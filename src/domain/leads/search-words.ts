/** The index of what leads are searched by (`lead_search.words`). */
import type { Sql } from '../sql.ts'

/** Needs the index's owner, as whom the service runs its migrations. */
export async function mergeSearchWords(sql: Sql): Promise<void> {
  await sql.query("select gin_clean_pending_list('lead_search_words')")
}
