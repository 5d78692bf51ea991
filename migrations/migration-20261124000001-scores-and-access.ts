/** Scores, AI accounting, rejected deliveries and access: what grows around a message. */
import { Migration } from '@mikro-orm/migrations'

export class ScoresAndAccess extends Migration {
  override up(): void {
    this.addSql(`
      create table score_event (
        workspace_id uuid not null,
        seq bigint not null,
        lead_id uuid not null,
        fit_score smallint,
        intent_score smallint,
        overall_score smallint,
        previous_overall_score smallint,
        reasoning text,
        model text not null,
        prompt_version text not null,
        message_seq bigint not null,
        channel text,
        sentiment_tag text not null,
        scored_at timestamptz not null default now(),
        primary key (workspace_id, seq),
        constraint score_event_of_lead unique (lead_id, message_seq),
        constraint score_event_channel_check check (channel in (
          'email', 'sms', 'linkedin', 'smartlead', 'instantly'
        )),
        constraint score_event_sentiment_tag_check check (sentiment_tag in (
          'New', 'Meeting Requested', 'Call Requested', 'Information Requested', 'Interested',
          'Follow Up', 'Meeting Booked', 'Neutral', 'Not Interested', 'Automated Reply',
          'Out of Office', 'Blacklist', 'Opt Out', 'Bounced'
        )),
        constraint score_event_lead_id_foreign foreign key (lead_id) references lead (id) on
          delete cascade
      )
    `)
    this.addSql(`
      create table ai_interaction (
        id uuid not null,
        workspace_id uuid not null,
        lead_id uuid,
        source text not null,
        feature_id text not null,
        prompt_version text not null,
        requested_model text not null,
        model text not null,
        outcome text not null,
        input_tokens int,
        cached_tokens int,
        output_tokens int,
        reasoning_tokens int,
        cost_usd numeric(14,8),
        latency_ms int not null,
        request_id text,
        error text,
        created_at timestamptz not null default now(),
        primary key (id),
        constraint ai_interaction_outcome_check check (outcome in (
          'ok', 'refused', 'incomplete', 'invalid', 'timeout', 'rate_limited', 'error'
        )),
        constraint ai_interaction_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade,
        constraint ai_interaction_lead_id_foreign foreign key (lead_id) references lead (id) on
          delete set null
      )
    `)
    this.addSql(`create index ai_interaction_usage on ai_interaction (workspace_id, created_at)`)
    this.addSql(`create index ai_interaction_of_lead on ai_interaction (lead_id)`)
    this.addSql(`
      create table ai_draft (
        id uuid not null,
        workspace_id uuid not null,
        lead_id uuid not null,
        message_id uuid not null,
        channel text not null,
        body text not null,
        model text not null,
        status text not null default 'pending',
        created_at timestamptz not null default now(),
        decided_at timestamptz,
        decided_by text,
        primary key (id),
        constraint ai_draft_of_message unique (message_id),
        constraint ai_draft_channel_check check (channel in (
          'email', 'sms', 'linkedin', 'smartlead', 'instantly'
        )),
        constraint ai_draft_status_check check (status in ('pending', 'approved', 'dismissed')),
        constraint ai_draft_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade,
        constraint ai_draft_lead_id_foreign foreign key (lead_id) references lead (id) on
          delete cascade,
        constraint ai_draft_message_id_foreign foreign key (message_id) references message (id)
          on delete cascade
      )
    `)
    this.addSql(`create index ai_draft_by_status on ai_draft (workspace_id, status, created_at)`)
    this.addSql(`
      create table rejected_delivery (
        id uuid not null,
        workspace_id uuid not null,
        connection_id uuid,
        channel text not null,
        provider text not null,
        reason text not null,
        field text,
        content_type text,
        body bytea not null,
        body_hash varchar(64) not null,
        deliveries int not null default 1,
        received_at timestamptz not null default now(),
        replayed_at timestamptz,
        replay_result text,
        primary key (id),
        constraint rejected_delivery_once unique (workspace_id, body_hash),
        constraint rejected_delivery_channel_check check (channel in (
          'email', 'sms', 'linkedin', 'smartlead', 'instantly'
        )),
        constraint rejected_delivery_provider_check check (provider in (
          'emailbison', 'postmark', 'gohighlevel', 'twilio', 'unipile', 'smartlead', 'instantly',
          'generic'
        )),
        constraint rejected_delivery_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade,
        constraint rejected_delivery_connection_id_foreign foreign key (connection_id)
          references connection (id) on delete set null
      )
    `)
    this.addSql(`
      create index rejected_delivery_list on rejected_delivery (workspace_id, received_at, id)
    `)
    this.addSql(`
      create index rejected_delivery_of_connection on rejected_delivery (connection_id)
    `)
    this.addSql(`
      create table api_token (
        id uuid not null,
        workspace_id uuid not null,
        name varchar(200) not null,
        role text not null,
        token_hash varchar(64) not null,
        created_at timestamptz not null default now(),
        created_by text not null,
        primary key (id),
        constraint api_token_by_hash unique (token_hash),
        constraint api_token_role_check check (role in ('admin', 'member', 'viewer')),
        constraint api_token_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade
      )
    `)
    this.addSql(`create index api_token_of_workspace on api_token (workspace_id)`)
    this.addSql(`
      create table feed_ticket (
        ticket_hash varchar(64) not null,
        workspace_id uuid not null,
        role text not null,
        principal text not null,
        expires_at timestamptz not null,
        primary key (ticket_hash),
        constraint feed_ticket_role_check check (role in ('admin', 'member', 'viewer')),
        constraint feed_ticket_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade
      )
    `)
    this.addSql(`create index feed_ticket_expiry on feed_ticket (expires_at)`)
    this.addSql(`
      create table audit_event (
        id uuid not null,
        workspace_id uuid not null,
        actor text not null,
        action text not null,
        target_id text,
        detail jsonb,
        at timestamptz not null default now(),
        primary key (id),
        constraint audit_event_workspace_id_foreign foreign key (workspace_id) references
          workspace (id) on delete cascade
      )
    `)
    this.addSql(`create index audit_event_by_time on audit_event (workspace_id, at)`)
  }

  override down(): void {
    for (const table of [
      'audit_event',
      'feed_ticket',
      'api_token',
      'rejected_delivery',
      'ai_draft',
      'ai_interaction',
      'score_event',
    ]) {
      this.addSql(`drop table ${table}`)
    }
  }
}
