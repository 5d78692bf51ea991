/** When each part of a message's way began and ended, where that was not kept yet. */
import { Migration } from '@mikro-orm/migrations'

export class MessageTimeline extends Migration {
  override up(): void {
    // Without the default at first: rows from before would get the time of this migration.
    this.addSql('alter table message add column stored_at timestamptz')
    this.addSql('alter table message alter column stored_at set default clock_timestamp()')
    this.addSql('alter table message add column picked_up_at timestamptz')
    this.addSql('alter table score_event add column began_at timestamptz')
  }

  override down(): void {
    this.addSql('alter table score_event drop column began_at')
    this.addSql('alter table message drop column picked_up_at')
    this.addSql('alter table message drop column stored_at')
  }
}
