/** Scores that the rules made while a workspace's AI budget was used up, to be made again later. */
import { Migration } from '@mikro-orm/migrations'

export class ProvisionalScores extends Migration {
  override up(): void {
    this.addSql(`alter table lead add column provisional boolean not null default false`)
    this.addSql(`
      create index "lead_provisional" on "lead" ("workspace_id", "id") where (provisional)
    `)
    this.addSql(`alter table score_event add column provisional boolean not null default false`)
  }

  override down(): void {
    this.addSql(`alter table score_event drop column provisional`)
    this.addSql(`alter table lead drop column provisional`)
  }
}
