/** Drafts are looked up by lead with each message, and say which prompt made them. */
import { Migration } from '@mikro-orm/migrations'

export class DraftsOfLead extends Migration {
  override up(): void {
    this.addSql(`alter table ai_draft add column prompt_version text not null default ''`)
    this.addSql('alter table ai_draft alter column prompt_version drop default')
    this.addSql('create index ai_draft_of_lead on ai_draft (lead_id)')
  }

  override down(): void {
    this.addSql('drop index ai_draft_of_lead')
    this.addSql('alter table ai_draft drop column prompt_version')
  }
}
