/**
 * Among a million leads a search reads pages that lie all over the memory, so it should read few.
 *
 * What the list filters by lies beside the words it searches, in one index: a search with a filter reads
 * the leads that both leave, where it read all that either did. Channels are beside them but not in the
 * index, because the ingest adds to them, and each change of what is indexed writes all words anew. And
 * the words lie with the lead, too: a list read in its order need not look them up elsewhere. Triggers
 * keep all this, so that no writer can forget; the ingest writes that of a new lead in its own statement.
 */
import { Migration } from '@mikro-orm/migrations'

export class LeadFacets extends Migration {
  override up(): void {
    this.addSql(facetsSql)
    // The defaults are for processes of the version before, which insert while this one takes over.
    this.addSql(`alter table lead add column words text not null default ''`)
    this.addSql(`alter table lead_search add column facets text[] not null default '{}'`)
    this.addSql(`alter table lead_search add column channels text[] not null default '{}'`)
    this.addSql('drop index lead_search_words')
    // Room beside each row for its next version, which then needs nothing new in any index.
    this.addSql('alter table lead_search set (fillfactor = 90)')
    // A table written anew is as small as before. Updated row by row it would be twice as large.
    this.addSql(`
      create function lead_words_of(id uuid) returns text language sql stable as
        'select words from lead_search where lead_id = $1'
    `)
    this.addSql(`
      create function lead_facets_of(id uuid) returns text[] language sql stable as
        'select ${facetsOf('lead')} from lead where lead.id = $1'
    `)
    this.addSql(`
      create function lead_channels_of(id uuid) returns text[] language sql stable as
        'select channels from lead where lead.id = $1'
    `)
    this.addSql(`alter table lead alter column words type text
      using coalesce(lead_words_of(id), '')`)
    this.addSql(`
      alter table lead_search
        alter column facets type text[] using coalesce(lead_facets_of(lead_id), '{}'),
        alter column channels type text[] using coalesce(lead_channels_of(lead_id), '{}')
    `)
    this.addSql('drop function lead_words_of')
    this.addSql('drop function lead_facets_of')
    this.addSql('drop function lead_channels_of')
    this.addSql(`
      create index "lead_search_words" on "lead_search" using gin ("words" gin_trgm_ops, "facets")
        with (gin_pending_list_limit = 4096)
    `)
    // Nobody else would before much has changed, and the new columns would be planned blind. A database
    // that is new is left alone: analyzed, its tables would be planned as empty until they have grown.
    this.addSql(`
      do $$ begin
        if exists (select from lead) then analyze lead, lead_search; end if;
      end $$
    `)
    this.addSql(refreshSql)
    this.addSql(addedSql(`and facets <> '{}'`))
    for (const statement of filteredSql) this.addSql(statement)
  }

  override down(): void {
    this.addSql('drop trigger lead_search_filtered on lead')
    this.addSql('drop function lead_search_filtered')
    this.addSql(addedSql(''))
    this.addSql(refreshBeforeSql)
    this.addSql('drop index lead_search_words')
    this.addSql('alter table lead_search drop column facets, drop column channels')
    this.addSql('alter table lead_search reset (fillfactor)')
    this.addSql('alter table lead drop column words')
    this.addSql(`
      create index "lead_search_words" on "lead_search" using gin ("words" gin_trgm_ops)
        with (gin_pending_list_limit = 4096)
    `)
    this.addSql('drop function lead_facets')
  }
}

/** Sentiment tag, score (0: none), and `disqualified`: no two of them have a word in common. */
const facetsSql = `
  create function lead_facets(sentiment_tag text, overall_score smallint, disqualified_reason text)
  returns text[] language sql immutable as $$
    select array[sentiment_tag, coalesce(overall_score, 0)::text]
      || case when disqualified_reason is null then '{}' else '{disqualified}'::text[] end
  $$
`
const facetsOf = (lead: string) => `lead_facets(${lead}.sentiment_tag, ${lead}.overall_score,
  ${lead}.disqualified_reason)`

const wantedFrom = `from lead
      cross join lateral (
        select string_agg(value, E'\\n' order by kind, value) as reached_by
        from lead_identity where lead_id = lead.id and kind in ('email', 'phone')
      ) as identified
      cross join lateral
        lead_search_entry(lead.first_name, lead.last_name, lead.company, reached_by) as entry
      where lead.id = any(lead_ids)`

/**
 * Locked first: a lead that is written at the same time is read as it will be, and whoever writes a lead
 * and what is searched of it does so in one order.
 */
const refreshSql = `
  create or replace function lead_search_refresh(lead_ids uuid[]) returns void language sql as $$
    select 1 from lead where id = any(lead_ids) order by id for no key update;
    with wanted as (
      select lead.id, lead.workspace_id, entry.nameless, entry.name, entry.words,
        ${facetsOf('lead')} as facets, lead.channels
      ${wantedFrom}
    ), written as (
      insert into lead_search (lead_id, workspace_id, nameless, name, words, facets, channels)
      select * from wanted
      where not exists (
        select 1 from lead_search as known
        where known.lead_id = wanted.id and known.name = wanted.name
          and known.words = wanted.words and known.facets = wanted.facets
          and known.channels = wanted.channels
      )
      order by id
      on conflict (lead_id) do update set
        nameless = excluded.nameless, name = excluded.name, words = excluded.words,
        facets = excluded.facets, channels = excluded.channels
      returning lead_id, words
    )
    update lead set words = written.words from written
    where lead.id = written.lead_id and lead.words <> written.words
  $$
`
const refreshBeforeSql = `
  create or replace function lead_search_refresh(lead_ids uuid[]) returns void language sql as $$
    with wanted as (
      select lead.id, lead.workspace_id, entry.nameless, entry.name, entry.words
      ${wantedFrom}
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
const addedSql = (isWhole: string) => `
  create or replace function lead_search_added() returns trigger language plpgsql as $$
    declare
      ids uuid[] := (
        select array_agg(id) from added
        where (select count(*) from lead_search where lead_id = added.id ${isWhole}) = 0);
    begin
      if ids is not null then perform lead_search_refresh(ids); end if;
      return null;
    end
  $$
`

const filteredSql = [
  `create function lead_search_filtered() returns trigger language plpgsql as $$
     begin
       update lead_search set facets = ${facetsOf('new')}, channels = new.channels
       where lead_id = new.id;
       return null;
     end
   $$`,
  `create trigger lead_search_filtered
     after update of sentiment_tag, overall_score, channels, disqualified_reason on lead
     for each row when (
       (old.sentiment_tag, old.overall_score, old.channels, old.disqualified_reason is null)
         is distinct from
       (new.sentiment_tag, new.overall_score, new.channels, new.disqualified_reason is null))
     execute function lead_search_filtered()`,
]
