/** Parked leads, listed and brought back without a look at all others. */
import { Migration } from '@mikro-orm/migrations'

export class ParkedLeads extends Migration {
  override up(): void {
    this.addSql(`
      create index "lead_parked" on "lead" ("workspace_id", "parked_at", "id")
        where (parked_at is not null)
    `)
  }

  override down(): void {
    this.addSql('drop index lead_parked')
  }
}
