/** Made-up leads are marked, so that they can be shown as such and removed; one simulation at a time. */
import { Migration } from '@mikro-orm/migrations'

export class DemoLeads extends Migration {
  override up(): void {
    this.addSql('alter table lead add column demo boolean not null default false')
    this.addSql(`create index "lead_demo" on "lead" ("workspace_id", "id") where (demo)`)
    this.addSql(`
      create table simulation (
        workspace_id uuid not null,
        run_id uuid not null,
        state text not null,
        webhooks int not null,
        sent int not null default 0,
        failed int not null default 0,
        error text,
        started_at timestamptz not null default now(),
        heard_at timestamptz not null default now(),
        ended_at timestamptz,
        primary key (workspace_id),
        constraint simulation_state_check check (state in ('running', 'done', 'stopped', 'failed')),
        constraint simulation_workspace_id_foreign foreign key (workspace_id)
          references workspace (id) on update cascade on delete cascade
      )
    `)
  }

  override down(): void {
    this.addSql('drop table simulation')
    this.addSql('drop index lead_demo')
    this.addSql('alter table lead drop column demo')
  }
}
