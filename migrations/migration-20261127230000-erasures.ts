/** How often a person was erased, so that every process forgets what it remembers of the feed. */
import { Migration } from '@mikro-orm/migrations'

export class Erasures extends Migration {
  override up(): void {
    this.addSql(`alter table "workspace" add column "erasures" bigint not null default '0'`)
  }

  override down(): void {
    this.addSql('alter table workspace drop column erasures')
  }
}
