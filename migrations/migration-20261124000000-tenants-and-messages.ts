/** Workspaces, connections, leads and messages: what the ingest writes. */
import { Migration } from '@mikro-orm/migrations'

export class TenantsAndMessages extends Migration {
  override up(): void {
    this.addSql(`
      create table workspace (
        id uuid not null,
        name varchar(200) not null,
        feed_seq bigint not null default '0',
        feed_epoch uuid not null default gen_random_uuid(),
        created_at timestamptz not null default now(),
        primary key (id)
      )
    `)
    this.addSql(`
      create table workspace_settings (
        workspace_id uuid not null,
        company_name text,
        service_description text,
        ideal_customer_profile text,
        qualification_questions text[] not null default '{}',
        quiet_ms int,
        max_wait_ms int,
        drafts_enabled boolean not null default false,
        monthly_ai_budget_usd numeric(12,2),
        clay_webhook_url text,
        updated_at timestamptz not null default now(),
        primary key (workspace_id),
        constraint workspace_settings_workspace_id_foreign foreign key (workspace_id)
          references workspace (id) on update cascade on delete cascade
      )
    `)
    this.addSql(`
      create table connection (
        id uuid not null,
        workspace_id uuid not null,
        channel text not null,
        provider text not null,
        name varchar(200) not null,
        token_hash varchar(64) not null,
        previous_token_hash varchar(64),
        previous_token_expires_at timestamptz,
        sealed_signature text,
        external_account_id text,
        enabled boolean not null default true,
        created_at timestamptz not null default now(),
        primary key (id),
        constraint connection_by_token unique (token_hash),
        constraint connection_by_previous_token unique (previous_token_hash),
        constraint connection_channel_check check (channel in (
          'email', 'sms', 'linkedin', 'smartlead', 'instantly'
        )),
        constraint connection_provider_check check (provider in (
          'emailbison', 'postmark', 'gohighlevel', 'twilio', 'unipile', 'smartlead', 'instantly',
          'generic'
        )),
        constraint connection_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade
      )
    `)
    this.addSql(`create index connection_of_workspace on connection (workspace_id)`)
    this.addSql(`
      create table lead (
        id uuid not null,
        workspace_id uuid not null,
        first_name text,
        last_name text,
        company text,
        title text,
        industry text,
        headcount text,
        sentiment_tag text not null default 'New',
        disqualified_reason text,
        disqualified_by text,
        disqualified_at timestamptz,
        fit_score smallint,
        intent_score smallint,
        overall_score smallint,
        score_reasoning text,
        scored_at timestamptz,
        scored_by text,
        message_seq bigint not null default '0',
        scored_seq bigint not null default '0',
        scoring_error text,
        scoring_failed_at timestamptz,
        parked_at timestamptz,
        channels text[] not null default '{}',
        last_channel text,
        last_inbound_at timestamptz,
        last_outbound_at timestamptz,
        last_activity_at timestamptz not null default now(),
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        primary key (id),
        constraint lead_sentiment_tag_check check (sentiment_tag in (
          'New', 'Meeting Requested', 'Call Requested', 'Information Requested', 'Interested',
          'Follow Up', 'Meeting Booked', 'Neutral', 'Not Interested', 'Automated Reply',
          'Out of Office', 'Blacklist', 'Opt Out', 'Bounced'
        )),
        constraint lead_disqualified_by_check check (disqualified_by in (
          'opt_out', 'bounce', 'person'
        )),
        constraint lead_last_channel_check check (last_channel in (
          'email', 'sms', 'linkedin', 'smartlead', 'instantly'
        )),
        constraint lead_workspace_id_foreign foreign key (workspace_id) references workspace
          (id) on delete cascade
      )
    `)
    this.addSql(`create index lead_list_by_activity on lead (workspace_id, last_activity_at, id)`)
    this.addSql(`
      create index lead_list_by_score on lead (workspace_id, overall_score, last_activity_at,
        id)
    `)
    this.addSql(`
      create index lead_unscored_messages on lead (updated_at) where (message_seq > scored_seq)
    `)
    this.addSql(`
      create table lead_identity (
        workspace_id uuid not null,
        kind text not null,
        value varchar(320) not null,
        lead_id uuid not null,
        created_at timestamptz not null default now(),
        primary key (workspace_id, kind, value),
        constraint lead_identity_kind_check check (kind in (
          'provider', 'email', 'phone', 'linkedin'
        )),
        constraint lead_identity_lead_id_foreign foreign key (lead_id) references lead (id) on
          delete cascade
      )
    `)
    this.addSql(`create index lead_identity_of_lead on lead_identity (lead_id)`)
    this.addSql(`
      create table message (
        id uuid not null,
        workspace_id uuid not null,
        lead_id uuid not null,
        connection_id uuid,
        channel text not null,
        provider text not null,
        direction text not null,
        kind text not null,
        dedupe_key text not null,
        external_id text,
        subject text,
        body text,
        signals jsonb not null default '{}',
        payload jsonb,
        sent_at timestamptz not null,
        received_at timestamptz not null default now(),
        seq bigint,
        sentiment_tag text,
        post_processed_at timestamptz,
        primary key (id),
        constraint message_dedupe unique (workspace_id, dedupe_key),
        constraint message_seq_of_lead unique (lead_id, seq),
        constraint message_channel_check check (channel in (
          'email', 'sms', 'linkedin', 'smartlead', 'instantly'
        )),
        constraint message_provider_check check (provider in (
          'emailbison', 'postmark', 'gohighlevel', 'twilio', 'unipile', 'smartlead', 'instantly',
          'generic'
        )),
        constraint message_direction_check check (direction in ('inbound', 'outbound')),
        constraint message_kind_check check (kind in (
          'text', 'auto_reply', 'opt_out', 'opt_in', 'bounce'
        )),
        constraint message_sentiment_tag_check check (sentiment_tag in (
          'New', 'Meeting Requested', 'Call Requested', 'Information Requested', 'Interested',
          'Follow Up', 'Meeting Booked', 'Neutral', 'Not Interested', 'Automated Reply',
          'Out of Office', 'Blacklist', 'Opt Out', 'Bounced'
        )),
        constraint message_lead_id_foreign foreign key (lead_id) references lead (id) on delete
          cascade
      )
    `)
    this.addSql(`create index message_of_lead on message (lead_id, sent_at, id)`)
  }

  override down(): void {
    for (const table of [
      'message',
      'lead_identity',
      'lead',
      'connection',
      'workspace_settings',
      'workspace',
    ]) {
      this.addSql(`drop table ${table}`)
    }
  }
}
