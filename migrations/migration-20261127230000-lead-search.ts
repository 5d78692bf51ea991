/**
 * Every filter and order of the lead list from an index, among a million leads. Names and what is
 * searched lie in a table of their own, because each message writes its lead's row anew, with all
 * its indexes, and those of text are dear. Triggers keep it, so that no writer can forget.
 */
import { Migration } from '@mikro-orm/migrations'

const CHANNELS = ['email', 'sms', 'linkedin', 'smartlead', 'instantly']
const FILTERED = `lead (workspace_id, sentiment_tag, (coalesce(overall_score, 0)),
  last_activity_at, id)`

export class LeadSearch extends Migration {
  override up(): void {
    this.addSql('create extension if not exists pg_trgm')
    this.addSql(`
      create table lead_search (
        lead_id uuid not null,
        workspace_id uuid not null,
        nameless smallint not null,
        name text not null,
        words text not null,
        primary key (lead_id),
        constraint lead_search_lead_id_foreign foreign key (lead_id) references lead (id) on
          update cascade on delete cascade
      )
    `)
    this.addSql(refreshSql)
    this.addSql('select lead_search_refresh(array(select id from lead))')
    this.addSql(`
      create index lead_list_by_name on lead_search (workspace_id, nameless, name, lead_id)
    `)
    // A short list of what is not merged yet: the insert that finds it full merges it.
    this.addSql(`
      create index "lead_search_words" on "lead_search" using gin ("words" gin_trgm_ops)
        with (gin_pending_list_limit = 256)
    `)
    for (const statement of triggersSql) this.addSql(statement)

    this.addSql('drop index lead_list_by_score')
    this.addSql(`
      create index "lead_list_by_score" on lead (workspace_id, (coalesce(overall_score, 0)),
        last_activity_at, id)
    `)
    this.addSql(`create index "lead_list_by_sentiment" on ${FILTERED}`)
    for (const channel of CHANNELS) {
      this.addSql(`
        create index "lead_list_of_${channel}" on ${FILTERED} where channels @> '{${channel}}'
      `)
    }
    this.addSql(`
      create index "lead_list_disqualified" on ${FILTERED} where disqualified_reason is not null
    `)
    this.addSql(`
      create index "lead_list_by_scored_at" on lead (workspace_id, (coalesce(scored_at, 'epoch')), id)
    `)
  }

  override down(): void {
    this.addSql('drop index lead_list_by_scored_at')
    this.addSql('drop index lead_list_disqualified')
    for (const channel of CHANNELS) this.addSql(`drop index lead_list_of_${channel}`)
    this.addSql('drop index lead_list_by_sentiment')
    this.addSql('drop index lead_list_by_score')
    this.addSql(`
      create index lead_list_by_score on lead (workspace_id, overall_score, last_activity_at, id)
    `)
    this.addSql('drop trigger lead_search_renamed on lead')
    this.addSql('drop trigger lead_search_added on lead')
    this.addSql('drop trigger lead_search_identified on lead_identity')
    this.addSql('drop table lead_search')
    this.addSql('drop function lead_search_renamed')
    this.addSql('drop function lead_search_added')
    this.addSql('drop function lead_search_identified')
    this.addSql('drop function lead_search_refresh')
  }
}

/** Names beyond 200 characters sort by their beginning: an index takes no longer ones. */
const refreshSql = `
  create function lead_search_refresh(lead_ids uuid[]) returns void language sql as $$
    with wanted as (
      select lead.id, lead.workspace_id, (full_name is null)::int::smallint as nameless,
        left(lower(coalesce(full_name, '')), 200) as name,
        lower(concat_ws(E'\\n', full_name, lead.company, reached_by)) as words
      from lead
      cross join lateral (
        select nullif(btrim(concat_ws(' ', first_name, last_name)), '') as full_name
      ) as named
      cross join lateral (
        select string_agg(value, E'\\n' order by kind, value) as reached_by
        from lead_identity where lead_id = lead.id and kind in ('email', 'phone')
      ) as identified
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

const triggersSql = [
  `create function lead_search_added() returns trigger language plpgsql as $$
     begin
       perform lead_search_refresh(array(select id from added));
       return null;
     end
   $$`,
  `create function lead_search_identified() returns trigger language plpgsql as $$
     begin
       perform lead_search_refresh(
         array(select distinct lead_id from added where kind in ('email', 'phone')));
       return null;
     end
   $$`,
  `create function lead_search_renamed() returns trigger language plpgsql as $$
     begin
       perform lead_search_refresh(array[new.id]);
       return null;
     end
   $$`,
  `create trigger lead_search_added after insert on lead referencing new table as added
     for each statement execute function lead_search_added()`,
  `create trigger lead_search_identified after insert on lead_identity
     referencing new table as added
     for each statement execute function lead_search_identified()`,
  `create trigger lead_search_renamed after update of first_name, last_name, company on lead
     for each row when (
       (old.first_name, old.last_name, old.company)
         is distinct from (new.first_name, new.last_name, new.company))
     execute function lead_search_renamed()`,
]
