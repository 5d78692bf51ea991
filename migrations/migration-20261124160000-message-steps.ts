/** What post-processing has done for each message, what it found, and provider API keys. */
import { Migration } from '@mikro-orm/migrations'

export class MessageSteps extends Migration {
  override up(): void {
    this.addSql(`
      create table message_step (
        message_id uuid not null,
        step text not null,
        state text not null,
        error text,
        at timestamptz not null default now(),
        primary key (message_id, step),
        constraint message_step_step_check check (step in (
          'rules', 'transcript_backfill', 'contacts', 'enrichment', 'sentiment', 'draft', 'rollups'
        )),
        constraint message_step_state_check check (state in ('done', 'failed')),
        constraint message_step_message_id_foreign foreign key (message_id) references message (id)
          on delete cascade
      )
    `)
    this.addSql(`
      create table lead_contact (
        lead_id uuid not null,
        kind text not null,
        value varchar(320) not null,
        found_in text not null,
        found_at timestamptz not null default now(),
        primary key (lead_id, kind, value),
        constraint lead_contact_kind_check check (kind in ('email', 'phone', 'linkedin')),
        constraint lead_contact_found_in_check check (found_in in ('message', 'enrichment')),
        constraint lead_contact_lead_id_foreign foreign key (lead_id) references lead (id)
          on delete cascade
      )
    `)
    this.addSql('alter table connection add column sealed_api_key text')
    this.addSql('alter table connection add column api_base_url text')
  }

  override down(): void {
    this.addSql('alter table connection drop column api_base_url')
    this.addSql('alter table connection drop column sealed_api_key')
    this.addSql('drop table lead_contact')
    this.addSql('drop table message_step')
  }
}
