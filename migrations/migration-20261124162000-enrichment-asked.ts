/** When a lead was last asked about: each question costs its workspace credits. */
import { Migration } from '@mikro-orm/migrations'

export class EnrichmentAsked extends Migration {
  override up(): void {
    this.addSql('alter table lead add column enrichment_asked_at timestamptz')
  }

  override down(): void {
    this.addSql('alter table lead drop column enrichment_asked_at')
  }
}
