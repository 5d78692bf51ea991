/**
 * The ingest writes what is searched of a new lead itself, in its one statement; the triggers were
 * writing it twice, first without the addresses. They stay for every other writer, and look first.
 */
import { Migration } from '@mikro-orm/migrations'

export class LeadSearchOnce extends Migration {
  override up(): void {
    this.addSql(entrySql)
    this.addSql(refreshSql(entryLine))
    this.addSql(addedSql(missing))
    this.addSql(identifiedSql(unknown))
    // Merging a long list is cheaper per lead, and workers merge it before an insert finds it full.
    this.addSql('alter index lead_search_words set (gin_pending_list_limit = 4096)')
  }

  override down(): void {
    this.addSql('alter index lead_search_words set (gin_pending_list_limit = 256)')
    this.addSql(
      identifiedSql(`select array_agg(distinct lead_id) from added
      where kind in ('email', 'phone')`),
    )
    this.addSql(addedSql('select array_agg(id) from added'))
    this.addSql(refreshSql(inlineLine))
    this.addSql('drop function lead_search_entry')
  }
}

/** Names beyond 200 characters sort by their beginning: an index takes no longer ones. */
const line = `(full_name is null)::int::smallint as nameless,
  left(lower(coalesce(full_name, '')), 200) as name,
  lower(concat_ws(E'\\n', full_name, company, reached_by)) as words`
const fullName = "select nullif(btrim(concat_ws(' ', first_name, last_name)), '') as full_name"

/** What is searched of a lead; in a `from` it becomes part of the statement. */
const entrySql = `
  create function lead_search_entry(first_name text, last_name text, company text, reached_by text)
  returns table (nameless smallint, name text, words text) language sql immutable as $$
    select ${line} from (${fullName}) as named
  $$
`
const entryLine = `cross join lateral
  lead_search_entry(lead.first_name, lead.last_name, lead.company, reached_by) as entry`
const inlineLine = `cross join lateral (select ${line} from (${fullName}) as named) as entry`

const refreshSql = (entry: string) => `
  create or replace function lead_search_refresh(lead_ids uuid[]) returns void language sql as $$
    with wanted as (
      select lead.id, lead.workspace_id, entry.nameless, entry.name, entry.words
      from lead
      cross join lateral (
        select string_agg(value, E'\\n' order by kind, value) as reached_by
        from lead_identity where lead_id = lead.id and kind in ('email', 'phone')
      ) as identified
      ${entry}
      where lead.id = any(lead_ids)
    )
    insert into lead_search (lead_id, workspace_id, nameless, name, words)
    select * from wanted
    where not exists (
      select 1 from lead_search as known
      where known.lead_id = wanted.id and known.name = wanted.name and known.words = wanted.words
    )
    order by id
    on conflict (lead_id) do update set
      nameless = excluded.nameless, name = excluded.name, words = excluded.words
  $$
`

/** Counted, so that each lead is looked up by the key: a join would be planned as one of all leads. */
const missing = `
  select array_agg(id) from added
  where (select count(*) from lead_search where lead_id = added.id) = 0`
const unknown = `
  select array_agg(distinct lead_id) from added
  where kind in ('email', 'phone') and (
    select count(*) from lead_search
    where lead_id = added.lead_id
      and lower(added.value) = any(string_to_array(words, E'\\n'))
  ) = 0`

const addedSql = (idsSql: string) => triggerSql('lead_search_added', idsSql)
const identifiedSql = (idsSql: string) => triggerSql('lead_search_identified', idsSql)
const triggerSql = (name: string, idsSql: string) => `
  create or replace function ${name}() returns trigger language plpgsql as $$
    declare
      ids uuid[] := (${idsSql});
    begin
      if ids is not null then perform lead_search_refresh(ids); end if;
      return null;
    end
  $$
`
