/** How long the models in use will be served: what the provider's list and our own table say. */

/** Models that the provider lists, each with its published day of shutdown (YYYY-MM-DD) or null. */
export type PublishedModels = ReadonlyMap<string, string | null>

export interface ModelLife {
  configured: string
  /** The model of the next call. */
  inUse: string
  because: 'configured' | 'shutdown_date' | 'not_found'
  /** When the provider's list was last read; null: not yet, or it has none. */
  checkedAt: Date | null
  /** The configured model, then its successor. */
  models: {
    id: string
    shutdownDate: string | null
    /** 0 and less: it has been shut down. Null: no end is announced. */
    daysUntilShutdown: number | null
    /** Whether the provider's list names it; null: no list was read. */
    listed: boolean | null
  }[]
}

/** The provider's list of models, looked at now and then. */
export interface ModelWatch {
  /** Reads the list within its own time limit; throws when the provider does not answer with one. */
  check(signal: AbortSignal): Promise<void>
  life(): ModelLife
}
