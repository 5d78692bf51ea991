/** Backfill runs: how far the leads of a workspace were made due for a new score. */
import { Migration } from '@mikro-orm/migrations'

export class Backfills extends Migration {
  override up(): void {
    this.addSql(`
      create table backfill (
        id uuid not null,
        workspace_id uuid not null,
        scope text not null,
        state text not null default 'running',
        rate_per_second int,
        total int not null,
        enqueued int not null default 0,
        disqualified int not null default 0,
        after_lead_id uuid,
        created_by text not null,
        created_at timestamptz not null default now(),
        finished_at timestamptz,
        primary key (id),
        constraint backfill_scope_check check (scope in ('unscored', 'all')),
        constraint backfill_state_check check (state in ('running', 'done')),
        constraint backfill_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade
      )
    `)
    this.addSql(`
      create unique index "backfill_running" on "backfill" ("workspace_id") where (state = 'running')
    `)
    this.addSql(`create index backfill_of_workspace on backfill (workspace_id)`)
    this.addSql(`create index lead_of_workspace on lead (workspace_id, id)`)
  }

  override down(): void {
    this.addSql(`drop index lead_of_workspace`)
    this.addSql(`drop table backfill`)
  }
}
