/**
 * Draws only the rows that can be seen: which ones they are, and how high what is left out above and
 * below would be. Heights are measured as rows appear; those never seen count as the average.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface VisibleRows {
  first: number
  /** One past the last. */
  end: number
  aboveHeight: number
  belowHeight: number
}

/** Drawn beyond either edge of the window: a quick flick shows no hole. */
const OVERSCAN_PX = 500
const FIRST_GUESS_PX = 55
/** Beyond this the cost of measuring shows in scrolling; nobody sees so many at once. */
const DRAWN_MAX = 160

export function useVisibleRows(keys: string[], body: { current: HTMLElement | null }): VisibleRows {
  const heights = useRef(new Map<string, number>())
  const [, redraw] = useState(0)

  useEffect(() => {
    let frame = 0
    const later = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0
        redraw((count) => count + 1)
      })
    }
    const forget = () => {
      heights.current.clear()
      later()
    }
    addEventListener('scroll', later, { passive: true })
    addEventListener('resize', forget)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', later)
      removeEventListener('resize', forget)
    }
  }, [])

  useLayoutEffect(() => {
    let changed = false
    for (const row of body.current?.children ?? []) {
      const key = (row as HTMLElement).dataset.key
      if (!key) continue
      const height = (row as HTMLElement).getBoundingClientRect().height
      changed ||= Math.abs((heights.current.get(key) ?? 0) - height) > 1
      heights.current.set(key, height)
    }
    if (changed && keys.length > DRAWN_MAX) redraw((count) => count + 1)
  })

  const known = heights.current
  const average = averageOf(known)
  const heightOf = (index: number) => known.get(keys[index] as string) ?? average
  const top = body.current ? -topOf(body.current) : 0
  const window = { from: top - OVERSCAN_PX, to: top + innerHeight + OVERSCAN_PX }
  return visible(keys.length, heightOf, window)
}

/** Where the body begins in the window, spacer included. */
const topOf = (body: HTMLElement) => body.getBoundingClientRect().top

function averageOf(heights: Map<string, number>): number {
  if (heights.size === 0) return FIRST_GUESS_PX
  let sum = 0
  for (const height of heights.values()) sum += height
  return sum / heights.size
}

/** Pure, for the tests: rows between `from` and `to`, in pixels from the first row's top. */
export function visible(
  count: number,
  heightOf: (index: number) => number,
  { from, to }: { from: number; to: number },
): VisibleRows {
  let first = 0
  let at = 0
  while (first < count - 1 && at + heightOf(first) < from) at += heightOf(first++)
  const aboveHeight = at
  let end = first
  while (end < count && end - first < DRAWN_MAX && (at < to || end === first)) at += heightOf(end++)
  let belowHeight = 0
  for (let index = end; index < count; index++) belowHeight += heightOf(index)
  return { first, end, aboveHeight, belowHeight }
}
