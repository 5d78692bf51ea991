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

/** Whether the next model is called at all just now, by its circuit breaker in this process. */
export interface ModelCircuit {
  model: string
  /** `open`: no call is made; `half_open`: a probe is under way. */
  state: 'closed' | 'open' | 'half_open'
  /** Milliseconds until the next call may be made; 0: now. */
  openMs: number
}

/** The provider's list of models, looked at now and then, and what calls say of it. */
export interface ModelWatch {
  /** Reads the list within its own time limit; throws when the provider does not answer with one. */
  check(signal: AbortSignal): Promise<void>
  life(): ModelLife
  circuit(): ModelCircuit
}
