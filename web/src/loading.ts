/** Loading something once and again: the last good answer stays while a newer one is fetched. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

export interface Loaded<T> {
  value: T | undefined
  error: string | null
  loading: boolean
  reload(): void
}

export function useLoaded<T>(load: () => Promise<T>, keys: unknown[]): Loaded<T> {
  const [value, setValue] = useState<T>()
  const [error, setError] = useState<string | null>(null)
  const [loading, setLoading] = useState(true)
  const latest = useRef(load)
  latest.current = load
  const turn = useRef(0)
  const reload = useCallback(() => {
    turn.current += 1
    const mine = turn.current
    setLoading(true)
    latest.current().then(
      (next) => {
        if (mine !== turn.current) return
        setValue(() => next)
        setError(null)
        setLoading(false)
      },
      (failure: unknown) => {
        if (mine !== turn.current) return
        setError(messageOf(failure))
        setLoading(false)
      },
    )
  }, [])
  useEffect(() => {
    reload()
    // What still comes after the end belongs to nobody.
    return () => void turn.current++
  }, keys)
  return { value, error, loading, reload }
}

export const messageOf = (failure: unknown) =>
  failure instanceof Error ? failure.message : String(failure)

export interface Action {
  busy: boolean
  error: string | null
  /** Does nothing while the last one is under way. */
  run(work: () => Promise<void>): void
}

/** Something a person starts: one at a time, and its failure stays to be read. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  return {
    busy,
    error,
    run(work) {
      if (busy) return
      setBusy(true)
      setError(null)
      work()
        .catch((failure: unknown) => setError(messageOf(failure)))
        .finally(() => setBusy(false))
    },
  }
}
